/** A method decorator of whatever kind, in the dialect this folder is compiled in. */
export type AnyMethodDecorator = <Method extends (...args: never[]) => unknown>(
  method: Method,
  context: ClassMethodDecoratorContext,
) => Method

/** Somebody else's decorator: it puts a function of its own in the method's place, and says when that is called. */
export function foreign(log: string[], word = 'foreign'): AnyMethodDecorator {
  return (method) => {
    const stand = function (this: unknown, ...args: unknown[]): unknown {
      log.push(word)
      return Reflect.apply(method, this, args)
    }
    return stand as never
  }
}
