/** A method decorator of whatever kind, in either dialect. */
export interface AnyMethodDecorator {
  <Method extends (...args: never[]) => unknown>(method: Method, context: ClassMethodDecoratorContext): Method
  (target: object, name: string | symbol, descriptor: PropertyDescriptor): void
}

type Standing = (...args: unknown[]) => unknown

/** Somebody else's decorator: it puts a function of its own in the method's place, and says when that is called. */
export function foreign(log: string[], word = 'foreign'): AnyMethodDecorator {
  const inPlaceOf = (method: Standing): Standing =>
    function (this: unknown, ...args: unknown[]): unknown {
      log.push(word)
      return Reflect.apply(method, this, args)
    }
  const decorate = (target: unknown, _context: unknown, descriptor?: PropertyDescriptor): unknown => {
    if (descriptor === undefined) return inPlaceOf(target as Standing)
    descriptor.value = inPlaceOf(descriptor.value as Standing)
    return undefined
  }
  return decorate as AnyMethodDecorator
}
