import type { DecoratedMethod } from './decorated-method'

/**
 * The name of the cache a method has to itself: `Class.method`, by the class of the object it is called on, so that two
 * repositories that inherit one `find` do not share entries; `static Class.method` where
 * a static method stands beside one of instances.
 *
 * Where a subclass overrides the method, its override has that name, and the inherited one, reached by `super`, is
 * called `Class(Parent).method`. A private method belongs to the class that wrote it.
 */
export function ownCacheName(method: DecoratedMethod, self: unknown): string {
  const runtime = classOf(self)
  const owner = ownerOf(method, runtime) ?? runtime
  const name = runtime?.name || method.className || 'anonymous'
  const its = `${method.name}${runtime === undefined ? '' : twinOf(method, runtime)}`
  const kind = method.place.isStatic && isInstanceMethodToo(method, runtime) ? 'static ' : ''
  const isHidden =
    owner !== runtime && owner !== undefined && (method.place.isPrivate || isOverridden(method, runtime!, owner))
  return `${kind}${name}${isHidden ? `(${owner.name})` : ''}.${its}`
}

/** The class of an object, or the class itself for a static method. */
export function classOf(self: unknown): Function | undefined {
  if (typeof self === 'function') return self
  if (typeof self !== 'object' || self === null) return undefined
  const its: unknown = self.constructor
  return typeof its === 'function' ? its : undefined
}

/**
 * Several symbols may have one description. Their order, from the class upwards and within each class, tells them
 * apart, and in every process alike.
 */
function twinOf({ place }: DecoratedMethod, runtime: Function): string {
  const symbol = place.name
  if (typeof symbol !== 'symbol') return ''
  const alike: symbol[] = []
  let home = (place.isStatic ? runtime : runtime.prototype) as object | null
  for (; home !== null && home !== undefined; home = Object.getPrototypeOf(home) as object | null) {
    alike.push(...Object.getOwnPropertySymbols(home).filter((other) => other.description === symbol.description))
  }
  const position = [...new Set(alike)].indexOf(symbol)
  return position > 0 ? `#${position + 1}` : ''
}

/** Whether a class is another one, or inherits from it. */
export function isOrExtends(one: Function, other: Function): boolean {
  return one === other || Object.prototype.isPrototypeOf.call(other, one)
}

/** The class that declares the method, on the way up from this one. */
export function ownerOf({ place }: DecoratedMethod, runtime: Function | undefined): Function | undefined {
  if (place.home !== undefined) return place.isStatic ? (place.home as Function) : (place.home.constructor as Function)
  if (place.metadata === undefined) return undefined
  for (let its = runtime; typeof its === 'function'; its = Object.getPrototypeOf(its) as Function) {
    const key = Symbol.metadata
    if (Object.hasOwn(its, key) && (its as unknown as Record<symbol, unknown>)[key] === place.metadata) return its
  }
  return undefined
}

function isInstanceMethodToo({ place }: DecoratedMethod, runtime: Function | undefined): boolean {
  const home = runtime?.prototype as object | undefined
  return home !== undefined && place.name in home
}

function isOverridden({ place }: DecoratedMethod, runtime: Function, owner: Function): boolean {
  for (let its = runtime; typeof its === 'function' && its !== owner; its = Object.getPrototypeOf(its) as Function) {
    const home = place.isStatic ? its : (its.prototype as object | undefined)
    if (home !== undefined && Object.hasOwn(home, place.name)) return true
  }
  return false
}
