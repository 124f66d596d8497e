/** A method decorator of whatever kind, in the dialect this folder is compiled in. */
export type AnyMethodDecorator = (target: object, name: string | symbol, descriptor: PropertyDescriptor) => void

/** Somebody else's decorator: it puts a function of its own in the method's place, and says when that is called. */
export function foreign(log: string[], word = 'foreign'): AnyMethodDecorator {
  return (_target, _name, descriptor) => {
    const method = descriptor.value as (...args: unknown[]) => unknown
    descriptor.value = function (this: unknown, ...args: unknown[]): unknown {
      log.push(word)
      return method.apply(this, args)
    }
  }
}
