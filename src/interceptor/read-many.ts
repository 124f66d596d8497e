import type { Cache } from '../cache/cache'
import type { LoadRequest, Terms } from '../cache/tier'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { Batch } from './batch'
import { Invocation } from './invocation'
import { ListCall, type LoadedElement } from './list-call'
import type { Planned } from './plan'
import { keyOf, passes, termsOf } from './questions'

/** An element of a list, and how it is kept. */
export interface Item {
  readonly element: unknown
  readonly key: string
  readonly terms: Terms
  /** The call that asks for it. */
  readonly invocation: Invocation
}

export function itemOf(element: unknown, key: string, planned: Planned, cache: Cache, invocation: Invocation): Item {
  return { element, key, terms: termsOf(planned, cache, invocation), invocation }
}

/**
 * Reads the elements of a list: what the local tier has, at once; what the shared tier has, in one round trip; and each
 * of the others as a single read would be, their loads gathered into one call of the method.
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
  const about = (element: unknown): Invocation => invocation.about(call.argumentsFor(element, args))
  const keys = elements.map((element) => keyOf(planned, cache, about(element)))
  // A key that cannot be made takes its operation out of the call, and has been reported.
  if (keys.includes(undefined)) return invocation.direct()
  const items = new Map<string, Item>()
  for (const [index, element] of elements.entries()) {
    const key = keys[index]!
    if (!items.has(key)) items.set(key, itemOf(element, key, planned, cache, about(element)))
  }
  const load = (missing: readonly Item[], signal: AbortSignal): Promise<readonly LoadedElement[]> => {
    const its = missing.map(({ element }) => element)
    const within = new Invocation(method, self, call.argumentsOf(its, args))
    return within.proceed(signal).then((result) => call.assign(result, its, encode))
  }
  const encode = (id: unknown): string => cache.parts.keys.encodePart(id)
  const found = await readItems(
    [...items.values()],
    cache,
    planned,
    new Batch(load, planned.operation.many!.maxBatch),
    invocation,
  )
  return call.answer(
    elements,
    keys.map((key) => found.get(key!)),
  )
}

async function readItems(
  items: readonly Item[],
  { parts: { tiers } }: Cache,
  planned: Planned,
  batch: Batch<Item, LoadedElement>,
  { signal }: Invocation,
): Promise<ReadonlyMap<string, unknown>> {
  const { tags, many } = planned.operation
  const tagged = tiers.isTagged(tags !== undefined)
  const leavesOut = many!.absent === undefined
  const requestFor = (item: Item, decided?: () => void): LoadRequest =>
    elementRequest(item, batch, tagged, leavesOut, decided)
  const reads = new Map<string, Promise<unknown>>()
  const missing: Item[] = []
  for (const item of items) {
    const hit = tiers.loads.hit(item.key, requestFor(item))
    if (hit === undefined) missing.push(item)
    else {
      // Looked at below, after the others were fetched.
      hit.catch(() => {})
      reads.set(item.key, hit)
    }
  }
  const fetched = missing.length > 1 ? await tiers.fetchMany(missing.map(({ key }) => key)) : undefined
  for (const item of missing) {
    const its = fetched?.get(item.key)
    const decided = batch.expect()
    const request = requestFor(item, decided)
    const answer = its && tiers.loads.answer(request, its)
    reads.set(item.key, (answer ?? tiers.loads.read(request, signal)).finally(decided))
  }
  batch.close()
  // All of them, also where some fail: what succeeded stays.
  const settled = await Promise.allSettled(reads.values())
  for (const its of settled) if (its.status === 'rejected') throw its.reason
  return new Map([...reads.keys()].map((key, index) => [key, (settled[index] as { value: unknown }).value]))
}

/**
 * How one element is read and loaded, together with others.
 *
 * @param decided told when it is known whether it has to be loaded at once
 * @param leavesOut whether what the source does not know is kept nowhere
 */
export function elementRequest(
  item: Item,
  batch: Batch<Item, LoadedElement>,
  tagged: boolean,
  leavesOut: boolean,
  decided: () => void = () => {},
): LoadRequest {
  const { key, terms } = item
  let isLeftOut = false
  const load: LoadRequest['load'] = async (signal, _, inside) => {
    item.invocation.noteLoad()
    const enrolled = batch.enroll(item, signal, inside)
    decided()
    const { value, failure, isAbsent = false } = await enrolled
    isLeftOut = isAbsent && leavesOut
    if (failure !== undefined) throw failure.error
    return value
  }
  const ifKept: Terms['ifKept'] = (value) => (isLeftOut ? undefined : terms.ifKept(value))
  return {
    key,
    load,
    terms: { ...terms, ifKept },
    tagged,
    call: load,
    decided,
    together: { isLeftOut: () => isLeftOut },
  }
}
