import type { MethodPlace } from './decorated-method'

/*
 * Which classes have decorated methods, for whoever makes their objects. A legacy decorator knows the prototype it stands
 * on; a standard one leaves its records on the metadata object of the class.
 */

const prototypes = new WeakSet<object>()
const metadataObjects = new WeakSet<object>()

/** Notes where a decorated method of objects stands; true where a class is known by it that was not before. */
export function noteDecorated({ home, metadata }: MethodPlace): boolean {
  if (metadata !== undefined) metadataObjects.add(metadata)
  if (home === undefined || prototypes.has(home)) return false
  prototypes.add(home)
  return true
}

/** Whether what inherits from this prototype has decorated methods. Asks nothing of the user's getters. */
export function isDecorated(prototype: object | null | undefined): boolean {
  for (let its = prototype; its !== null && its !== undefined; its = Object.getPrototypeOf(its) as object | null) {
    if (prototypes.has(its)) return true
    const owner: unknown = Object.getOwnPropertyDescriptor(its, 'constructor')?.value
    const metadata: unknown =
      typeof owner === 'function' ? Object.getOwnPropertyDescriptor(owner, Symbol.metadata)?.value : undefined
    if (typeof metadata === 'object' && metadata !== null && metadataObjects.has(metadata)) return true
  }
  return false
}

/** Whether objects of a class have decorated methods, inherited ones too, of either dialect. */
export function isDecoratedClass(owner: Function): boolean {
  return isDecorated(owner.prototype as object | undefined)
}
