import type { CompleteClock } from '../kernel/clock'
import { cacheError, isCacheError } from '../kernel/errors'
import type { Lookup } from '../kernel/lookup'
import type { Bulkhead, Place } from '../policies/bulkhead'
import type { Adjustments } from './adjustments'
import type { CacheObserver } from './cache-observer'
import type { EntryMaker } from './entry-maker'
import type { Flight } from './flight'
import { isNeededInside } from './flight-chain'
import type { Inside, Kept, Loaded, PendingLookup, Tier } from './tier'

/** What a {@link SourceTier} works with. */
export interface SourceTierParts {
  readonly cache: string
  readonly entries: EntryMaker
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly pending: PendingLookup
  /** Undefined where any number of loads may run at once. */
  readonly bulkhead: Bulkhead | undefined
  /** How long a load may run until it is taken to hang. */
  readonly loadDeadlineMs: number
}

/** The last tier: the user's method, its time measured, its answer made safe to keep. */
export class SourceTier implements Tier {
  constructor(private readonly parts: SourceTierParts) {}

  async load(flight: Flight): Promise<Loaded> {
    // Where many are loaded at once, the one call of the method takes one place.
    if (flight.request.together !== undefined) return this.#call(flight, this.insideOf(flight))
    return this.#enter(flight, flight.signal, () => this.#call(flight))
  }

  /** Calls the source for this load, and for others perhaps, when there is a place for it. */
  insideOf(flight: Flight): Inside {
    return (signal, call) => this.#enter(flight, signal, () => this.parts.observer.calling(undefined, call))
  }

  async #enter<Result>(flight: Flight, signal: AbortSignal, call: () => Promise<Result>): Promise<Result> {
    const place = this.#takePlace(flight)
    if (place === undefined) return call()
    if (place.entered !== undefined) await entering(place, flight, signal)
    const leave = this.#inside(place, flight)
    try {
      return await call()
    } finally {
      leave()
    }
  }

  /** Holds the place until what this returns is called, or until the load is taken to hang: it may do so for ever. */
  #inside(place: Place, flight: Flight): () => void {
    flight.isInside = true
    const leave = (): void => {
      if (!flight.isInside) return
      flight.isInside = false
      cancel()
      place.leave()
    }
    const cancel = this.parts.clock.setTimer(leave, this.parts.loadDeadlineMs)
    return leave
  }

  /** @throws CW_LOADS_FULL */
  #takePlace(flight: Flight): Place | undefined {
    const { bulkhead, cache, observer } = this.parts
    if (bulkhead === undefined) return undefined
    const place = bulkhead.take(isNeededInside(flight))
    if (place !== undefined) return place
    const error = cacheError(
      'CW_LOADS_FULL',
      `Cache '${cache}': ${bulkhead.inside} loads are running and ${bulkhead.waiting} wait, so the method was not called. Raise \`maxConcurrentLoads\` or \`maxQueuedLoads\`, or let stale values stand in (\`staleIfError\`).`,
    )
    observer.shed(flight.key)
    flight.failure = { error }
    throw error
  }

  async #call(flight: Flight, inside?: Inside): Promise<Loaded> {
    const { request, signal, adjustments } = flight
    const { clock, observer } = this.parts
    const startedAt = clock.now()
    let returned: unknown
    try {
      signal.throwIfAborted()
      const asked = this.pendingOf(flight)
      const pending = asked && (await asked)
      if (pending?.found) return this.made(flight, pending.value, startedAt)
      flight.calledSource = true
      const call = (): Promise<unknown> => request.load(signal, adjustments, inside)
      returned = await (inside === undefined ? observer.calling(flight.key, call) : call())
      const { failure } = adjustments
      // Said once, for this load: what comes of it in the next cache of the call is told by what this one answers.
      adjustments.failure = undefined
      if (failure !== undefined) throw failure.error
    } catch (error) {
      return this.failed(flight, error, startedAt)
    }
    return this.returned(flight, returned, startedAt)
  }

  /** The method is about to be called; answers with when that is. */
  begin(flight: Flight): number {
    flight.calledSource = true
    return this.parts.clock.now()
  }

  /** What waits to be written is newer than what the source has; undefined where nothing ever waits. Never rejects. */
  pendingOf(flight: Flight): Promise<Lookup<unknown> | undefined> | undefined {
    const asked = this.parts.pending(flight.key)
    return asked && this.#pending(flight, asked)
  }

  /** What comes of the value that the method, asked at `startedAt`, has for a load. */
  returned(flight: Flight, returned: unknown, startedAt: number): Loaded {
    const { clock, observer } = this.parts
    observer.loaded(flight.key, clock.now() - startedAt)
    // It was taken to hang, whether anybody has noticed or not: others may have begun anew since.
    if (clock.now() - flight.startedAt >= this.parts.loadDeadlineMs) flight.revoked = true
    return this.made(flight, returned, startedAt)
  }

  async #pending(
    { request, adjustments }: Flight,
    asked: Promise<Lookup<unknown>>,
  ): Promise<Lookup<unknown> | undefined> {
    try {
      const pending = await asked
      if (pending.found) request.decided?.()
      return pending
    } catch {
      // The call is answered by the source, whose word may be older: nobody else is given it.
      adjustments.isSkipped = true
      return undefined
    }
  }

  /** What is kept of a value, whoever told it. */
  made(flight: Flight, returned: unknown, startedAt: number): Loaded {
    const { key, request, adjustments, stamp, previous } = flight
    const { terms } = request
    const { unmodified } = adjustments
    // Another cache of the same call may have been asked for the value that has not changed, and have a newer one.
    const isIts = unmodified !== undefined && unmodified === previous
    const value = isIts ? flight.isolation.give(unmodified.held) : returned
    const isOthers = adjustments.isElsewhere || flight.isAnsweredInstead
    const kept = adjustments.isSkipped || isOthers ? undefined : terms.ifKept(value)
    const adjusted = adjust(kept ?? { tags: [], ttlMs: terms.ttlMs }, adjustments)
    const loadMs = this.parts.clock.now() - startedAt
    // Also a value that is not kept is made an entry: those who waited together must not share one mutable object.
    const entry = this.parts.entries.make(key, value, adjusted, terms, { stamp, verifiedAt: startedAt, loadMs })
    return { entry, keep: entry !== undefined && kept !== undefined && adjusted.ttlMs > 0, value }
  }

  /** The same for an error, which may be an answer to be kept. @throws it otherwise */
  failed(flight: Flight, error: unknown, startedAt: number): Loaded {
    const { key, request, stamp, adjustments } = flight
    const { entries, clock, observer } = this.parts
    const loadMs = clock.now() - startedAt
    observer.loadFailed(key, loadMs, error)
    flight.failure = { error }
    // Who left has no answer to keep, and a mistake in the program is none.
    if (flight.isAborted || isCacheError(error)) throw error
    const tags = adjustments.isElsewhere ? undefined : request.terms.ifErrorKept(error)
    // Tags were evicted meanwhile; those it would have by its value nobody knows.
    if (tags === undefined || flight.detached) throw error
    const its = [...new Set([...tags, ...adjustments.tags])]
    const entry = entries.makeError(key, error, its, request.terms, { stamp, verifiedAt: startedAt, loadMs })
    return { entry, keep: true, value: undefined }
  }
}

/** Waits in the queue, unless nobody waits for the load any more. */
async function entering(place: Place, flight: Flight, signal: AbortSignal): Promise<void> {
  const leave = (): void => place.withdraw(signal.reason)
  signal.addEventListener('abort', leave)
  flight.hurry = () => place.hurry()
  try {
    await place.entered
  } finally {
    signal.removeEventListener('abort', leave)
    flight.hurry = () => {}
  }
}

/** What is kept of a value, after what the method itself said of it. */
function adjust(kept: Kept, said: Adjustments): Kept {
  const { ttlMs, staleWhileRevalidateMs, tags, validator, unmodified } = said
  return {
    tags:
      tags.length === 0 && unmodified === undefined
        ? kept.tags
        : [...new Set([...kept.tags, ...(unmodified?.tags ?? []), ...tags])],
    ttlMs: ttlMs ?? kept.ttlMs,
    staleWhileRevalidateMs,
    version: kept.version ?? unmodified?.version,
    validator: validator ?? unmodified?.validator,
  }
}
