import type { Cache } from '../cache/cache'
import { currentFlight } from '../cache/current-flight'
import type { LoadRequest, Together } from '../cache/tier'
import type { Batch } from './batch'
import type { Invocation } from './invocation'
import type { LoadedElement } from './list-call'
import type { Planned } from './plan'
import { termsOf } from './questions'

/** An element of a list. */
export interface Item {
  readonly element: unknown
  readonly key: string
  /** What the functions of the user are asked about. */
  readonly invocation: Invocation
}

/** What is the same for all elements that are read together. */
export interface Reading {
  readonly planned: Planned
  readonly cache: Cache
  /** Gathers what has to be loaded. */
  readonly batch: Batch<Item, LoadedElement>
  /** Whether what the source does not know is kept nowhere. */
  readonly leavesOut: boolean
  /** The caller's own, where there is one. */
  readonly signal: AbortSignal | undefined
}

/** How the value of an element is had: called once, by whoever wants it. May throw, or answer with a promise. */
export type Take = () => unknown

/** Told of each element how its value is had. */
export interface Taker {
  /** There is a value, or it is read by itself. */
  take(item: Item, take: Take): void
  /** It is loaded with others, and there when {@link readItems} has ended; before that it has to be waited for. */
  takeLater(item: Item, take: Take): void
}

/**
 * Reads elements that the local tier does not have: what the shared tier has, in one round trip; what nobody has, together;
 * and each of the others as a single read would be. The loads of all of them are gathered into one call of the method.
 */
export async function readItems(items: readonly Item[], reading: Reading, taker: Taker): Promise<void> {
  const { planned, cache, batch, signal } = reading
  const { tiers } = cache.parts
  const { loads } = tiers
  const { policies } = planned.lives.get(cache)!
  const alone = (item: Item): void => {
    const decided = batch.expect()
    taker.take(item, () => loads.read(requestFor(item, reading, decided), signal).finally(decided))
  }
  const keys = items.map(({ key }) => key)
  const seen = items.length > 1 ? await tiers.fetchMany(keys, policies) : undefined
  const free: Item[] = []
  const others: Item[] = []
  for (const item of items) {
    const entry = seen?.get(item.key)
    if (typeof entry === 'object') {
      taker.take(item, () => {
        const given = loads.given(item.key, entry, () => requestFor(item, reading))
        return given === undefined ? loads.read(requestFor(item, reading), signal) : given.value
      })
    } else if (signal === undefined && seen !== undefined && (entry === 'nothing' || !tiers.isShared)) free.push(item)
    else others.push(item)
  }
  const requests = free.map((item) => requestFor(item, reading, batch.expect()))
  const { begun, over } = loads.begin(requests)
  for (const [index, item] of free.entries()) {
    const flight = begun[index]
    if (flight !== undefined) taker.takeLater(item, () => loads.taken(flight, requests[index]!))
    else {
      requests[index]!.decided!()
      others.push(item)
    }
  }
  for (const item of others) alone(item)
  batch.close()
  await over
}

/**
 * How one element is read and loaded, together with others.
 *
 * @param decided told when it is known whether it has to be loaded at once
 */
export function requestFor(
  item: Item,
  { planned, cache, batch, leavesOut }: Reading,
  decided: () => void = () => {},
): LoadRequest {
  const { key, invocation } = item
  const { tiers } = cache.parts
  const terms = termsOf(planned, cache, invocation)
  let isLeftOut = false
  const arriving =
    (arrived: (value: unknown) => void, failed: (error: unknown) => void) =>
    ({ value, failure, isAbsent = false }: LoadedElement): void => {
      isLeftOut = isAbsent && leavesOut
      if (failure === undefined) arrived(value)
      else failed(failure.error)
    }
  const load: LoadRequest['load'] = (signal, _, inside) =>
    new Promise((resolve, reject) => {
      invocation.noteLoad()
      const flight = currentFlight()
      batch.enroll({ element: item, signal, inside, flight, resolve: arriving(resolve, reject), reject })
      decided()
    })
  const together: Together = {
    isLeftOut: () => isLeftOut,
    enroll: (flight, inside, arrived, failed) => {
      invocation.noteLoad()
      const resolve = arriving(arrived, failed)
      batch.enroll({ element: item, signal: undefined, inside, flight, resolve, reject: failed })
    },
  }
  return {
    key,
    load,
    terms: { ...terms, ifKept: (value) => (isLeftOut ? undefined : terms.ifKept(value)) },
    tagged: tiers.isTagged(planned.operation.tags !== undefined),
    call: load,
    decided,
    together,
  }
}
