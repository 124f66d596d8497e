import type { Cache } from '../cache/cache'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { Batch } from './batch'
import { Invocation } from './invocation'
import { ListCall, type LoadedElement } from './list-call'
import type { Planned } from './plan'
import { keyOf, passes } from './questions'
import { type Item, type Reading, readItems, requestFor, type Take } from './read-items'

/** What became of an element. */
type Outcome = { readonly value: unknown } | { readonly error: unknown }

/**
 * Reads the elements of a list: what the local tier has, at once; what the shared tier has, in one round trip; and the
 * others by one call of the method.
 */
export async function readMany(
  planned: Planned,
  method: DecoratedMethod,
  self: unknown,
  invocation: Invocation,
): Promise<unknown> {
  const { args } = invocation
  const call = new ListCall(method, planned.operation.many!)
  const elements = call.elementsOf(args)
  // An empty list is answered in the form only the method knows.
  if (elements.length === 0 || !passes(planned, invocation)) return invocation.direct()
  const [cache] = planned.caches as readonly [Cache]
  const keys: string[] = []
  const items = new Map<string, Item>()
  for (const element of elements) {
    const about = invocation.about(call.argumentsFor(element, args))
    const key = keyOf(planned, cache, about)
    // A key that cannot be made takes its operation out of the call, and has been reported.
    if (key === undefined) return invocation.direct()
    keys.push(key)
    if (!items.has(key)) items.set(key, { element, key, invocation: about })
  }
  const load = (missing: readonly Item[], signal: AbortSignal): Promise<readonly LoadedElement[]> => {
    const its = missing.map(({ element }) => element)
    const within = new Invocation(method, self, call.argumentsOf(its, args))
    return within.proceed(signal).then((result) => call.assign(result, its, encode))
  }
  const encode = (id: unknown): string => cache.parts.keys.encodePart(id)
  const { signal } = invocation
  const batch = new Batch(load, call.maxBatch)
  const outcomes = await outcomesOf(items, { planned, cache, batch, leavesOut: call.leavesOut, signal })
  return call.answer(
    elements,
    keys.map((key) => outcomes.get(key)),
  )
}

async function outcomesOf(items: ReadonlyMap<string, Item>, reading: Reading): Promise<ReadonlyMap<string, unknown>> {
  const { loads } = reading.cache.parts.tiers
  const outcomes = new Map<string, Outcome>()
  const awaited: Promise<unknown>[] = []
  const take = ({ key }: Item, its: Take): void => {
    try {
      const value = its()
      if (!(value instanceof Promise)) return void outcomes.set(key, { value })
      const settled = value.then(
        (value: unknown) => outcomes.set(key, { value }),
        (error: unknown) => outcomes.set(key, { error }),
      )
      awaited.push(settled)
    } catch (error) {
      outcomes.set(key, { error })
    }
  }
  const missing: Item[] = []
  for (const item of items.values()) {
    const hit = loads.hit(item.key, () => requestFor(item, reading))
    if (hit === undefined) missing.push(item)
    else take(item, () => hit)
  }
  const later: (readonly [Item, Take])[] = []
  await readItems(missing, reading, { take, takeLater: (item, its) => later.push([item, its]) })
  for (const [item, its] of later) take(item, its)
  // All of them, also where some fail: what succeeded stays.
  await Promise.all(awaited)
  const values = new Map<string, unknown>()
  for (const key of items.keys()) {
    const outcome = outcomes.get(key)!
    if ('error' in outcome) throw outcome.error
    values.set(key, outcome.value)
  }
  return values
}
