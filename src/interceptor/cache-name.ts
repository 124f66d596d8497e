import type { DecoratedMethod } from '../metadata/decorated-method'

/**
 * The name of the cache a method has to itself: `Class.method`, by the class of the object it is called on, so that two
 * repositories that inherit one `find` do not share entries.
 *
 * Where a subclass overrides the method, its override has that name, and the inherited one, reached by `super`, is
 * called `Class(Parent).method`. A private method belongs to the class that wrote it.
 */
export function ownCacheName(method: DecoratedMethod, self: unknown): string {
  const runtime = classOf(self)
  const owner = ownerOf(method, runtime) ?? runtime
  const name = runtime?.name || method.className || 'anonymous'
  if (owner === runtime || owner === undefined) return `${name}.${method.name}`
  const hidden = method.place.isPrivate || isOverridden(method, runtime!, owner)
  return hidden ? `${name}(${owner.name}).${method.name}` : `${name}.${method.name}`
}

/** The class of an object, or the class itself for a static method. */
export function classOf(self: unknown): Function | undefined {
  if (typeof self === 'function') return self
  if (typeof self !== 'object' || self === null) return undefined
  const its: unknown = self.constructor
  return typeof its === 'function' ? its : undefined
}

/** The class that declares the method, on the way up from this one. */
function ownerOf({ place }: DecoratedMethod, runtime: Function | undefined): Function | undefined {
  if (place.home !== undefined) return place.isStatic ? (place.home as Function) : (place.home.constructor as Function)
  if (place.metadata === undefined) return undefined
  for (let its = runtime; typeof its === 'function'; its = Object.getPrototypeOf(its) as Function) {
    const key = Symbol.metadata
    if (Object.hasOwn(its, key) && (its as unknown as Record<symbol, unknown>)[key] === place.metadata) return its
  }
  return undefined
}

function isOverridden({ place }: DecoratedMethod, runtime: Function, owner: Function): boolean {
  for (let its = runtime; typeof its === 'function' && its !== owner; its = Object.getPrototypeOf(its) as Function) {
    const home = place.isStatic ? its : (its.prototype as object | undefined)
    if (home !== undefined && Object.hasOwn(home, place.name)) return true
  }
  return false
}
