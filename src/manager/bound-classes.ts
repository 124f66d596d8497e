import { classOf } from '../metadata/cache-name'
import type { DecoratedMethod } from '../metadata/decorated-method'

/** The classes whose objects were bound to a manager one by one. Keeps neither objects nor classes alive. */
export class BoundClasses {
  readonly #seen = new WeakSet<Function>()
  readonly #classes = new Set<WeakRef<Function>>()

  /** Notes the class of an object. A class that is bound itself is found by its binding. */
  add(target: object): void {
    const owner = typeof target === 'function' ? undefined : classOf(target)
    // Objects come and go with each request, classes do not.
    if (owner === undefined || this.#seen.has(owner)) return
    this.#seen.add(owner)
    this.#classes.add(new WeakRef(owner))
  }

  /** Whether the method is one of theirs. */
  has({ declaringClass, place }: DecoratedMethod): boolean {
    if (declaringClass === undefined || place.isStatic) return false
    for (const reference of this.#classes) {
      const owner = reference.deref()
      if (owner === undefined) this.#classes.delete(reference)
      else if (owner === declaringClass || owner.prototype instanceof declaringClass) return true
    }
    return false
  }
}
