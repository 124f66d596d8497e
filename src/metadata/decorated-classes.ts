/*
 * Which classes have decorated methods, for whoever makes their objects: containers. A legacy decorator knows the
 * prototype it stands on; a standard one leaves its records on the metadata object of the class.
 */

const homes = new WeakSet<object>()
const known = new Set<WeakRef<Function>>()
const forget = new FinalizationRegistry<WeakRef<Function>>((reference) => known.delete(reference))
const listeners = new Set<(owner: Function) => void>()
const standard = new WeakSet<object>()

/** Notes where a decorated method stands: the prototype (legacy), or the metadata object of its class (standard). */
export function noteDecorated(home: object | undefined, metadata: object | undefined): void {
  if (metadata !== undefined) standard.add(metadata)
  // Static methods are not called on objects that a container makes.
  if (home === undefined || typeof home === 'function' || homes.has(home)) return
  homes.add(home)
  const owner = home.constructor
  const reference = new WeakRef(owner)
  known.add(reference)
  forget.register(owner, reference)
  for (const listener of listeners) listener(owner)
}

/**
 * Calls the listener with each class that declares decorated methods for its objects: with those there are, and from then on
 * with each as its first method is decorated. Not with classes under standard decorators: these run before their class
 * is there.
 */
export function onDecoratedClass(listener: (owner: Function) => void): void {
  listeners.add(listener)
  for (const reference of known) {
    const owner = reference.deref()
    if (owner !== undefined) listener(owner)
  }
}

/** Whether objects of a class have decorated methods, inherited ones too, of either dialect. */
export function isDecoratedClass(owner: Function): boolean {
  return isDecorated(owner.prototype as object | undefined)
}

/** Whether what inherits from this prototype has decorated methods. Asks nothing of the user's getters. */
export function isDecorated(prototype: object | null | undefined): boolean {
  for (let its = prototype; its !== null && its !== undefined; its = Object.getPrototypeOf(its) as object | null) {
    if (homes.has(its)) return true
    const owner: unknown = Object.getOwnPropertyDescriptor(its, 'constructor')?.value
    const metadata: unknown =
      typeof owner === 'function' ? Object.getOwnPropertyDescriptor(owner, Symbol.metadata)?.value : undefined
    if (typeof metadata === 'object' && metadata !== null && standard.has(metadata)) return true
  }
  return false
}
