import { classConfigOf, type DecoratedMethod } from './decorated-method'

// Few methods queue their writes, and every miss asks for them: so they are kept apart from the others.
const known = new Set<WeakRef<DecoratedMethod>>()

/** Notes a method that queues its writes. */
export function noteQueued(method: DecoratedMethod): void {
  known.add(new WeakRef(method))
}

/** Whether a method there is queues writes for this cache; where only a class that inherits one names its cache, it may be any. */
export function mayBeQueued(cache: string): boolean {
  return queuedFor(cache).next().done !== true
}

/** The methods that queue writes for this cache, or for one that is not known. */
export function* queuedFor(cache: string): Generator<DecoratedMethod, void> {
  if (known.size === 0) return
  for (const reference of known) {
    const method = reference.deref()
    if (method === undefined) known.delete(reference)
    else if ((cacheOf(method) ?? cache) === cache) yield method
  }
}

function cacheOf(method: DecoratedMethod): string | undefined {
  const { caches } = method.operations.find(({ behind }) => behind !== undefined)!
  return (caches ?? classConfigOf(method.declaringClass, method.place.metadata)?.caches)?.[0]
}
