import type { CompleteClock } from '../kernel/clock'
import { type Entry, isExpired } from '../kernel/entry'
import { type CacheError, cacheError } from '../kernel/errors'
import type { Background } from './background'
import type { CacheObserver } from './cache-observer'
import { thrownAgain } from './cached-error'
import { currentFlight } from './current-flight'
import { asRefusal } from './entry-maker'
import { Flight } from './flight'
import { wouldWaitForItself } from './flight-chain'
import type { FlightRegistry } from './flight-registry'
import type { Isolation } from './isolation'
import type { LocalTier } from './local-tier'
import { isReadPast, isWithoutCaching } from './past-cache'
import { Refreshes } from './refreshes'
import type { StaleAnswers } from './stale-answers'
import type { TagMarkers } from './tag-markers'
import type { Loaded, LoadRequest, PendingLookup, Tier } from './tier'
import { currentTransaction } from './transaction'
import { type Impatience, waitFor } from './wait'

/** What {@link Loads} work with. */
export interface LoadsParts {
  readonly cache: string
  readonly local: LocalTier
  /** What is asked when the local tier has no answer: the shared tier, or the source itself. */
  readonly below: Tier
  /** What is asked for a newer value than the present one. */
  readonly refresh: Tier
  readonly isShared: boolean
  readonly pending: PendingLookup
  readonly flights: FlightRegistry
  readonly markers: TagMarkers
  readonly isolation: Isolation
  readonly stale: StaleAnswers
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly background: Background
  /** How old the word of the shared tier may be that a caller is answered on. */
  readonly maxStalenessMs: number
  /** How long others wait for a load. */
  readonly loadDeadlineMs: number
  /** How many values may be loaded anew in the background at once. */
  readonly maxRefreshes: number
}

/** One caller of a read. */
interface Caller {
  readonly request: LoadRequest
  readonly signal: AbortSignal | undefined
  /** When it first asked. */
  readonly askedAt: number
}

/** The read path of one cache, from the local tier to the flight and back to those who wait for it. */
export class Loads {
  readonly #refreshes: Refreshes

  constructor(private readonly parts: LoadsParts) {
    const fly = (flight: Flight): Promise<Loaded> => this.#fly(flight, parts.refresh)
    this.#refreshes = new Refreshes({ ...parts, fly })
  }

  /**
   * The answer of the local tier, if it has one now.
   *
   * @param request what to load with if the answer is to be renewed; without it there is no such answer
   */
  hit(key: string, request?: LoadRequest): Promise<unknown> | undefined {
    if (isReadPast(this.parts.flights, key)) return undefined
    const { local, clock, observer } = this.parts
    const entry = local.hit(key)
    if (entry === undefined) return request === undefined ? undefined : this.#staleHit(request)
    if (entry.refreshAt !== Number.POSITIVE_INFINITY && clock.now() >= entry.refreshAt) {
      if (request === undefined) return undefined
      this.#renewIfDue(request, entry)
    }
    const answer = entry.settled ?? this.#answerOf(key, entry)
    if (answer !== undefined) observer.hit(key, entry, 'local')
    return answer
  }

  /** The value from the nearest tier that has it, or from the method, called at most once for all who ask meanwhile. */
  read(request: LoadRequest, signal?: AbortSignal): Promise<unknown> {
    // What a transaction reads may be its own, which nobody else may be given.
    if (currentTransaction() !== undefined || isWithoutCaching()) {
      return this.hit(request.key) ?? this.#past(request, signal ?? new AbortController().signal)
    }
    return this.hit(request.key, request) ?? this.#load({ request, signal, askedAt: this.parts.clock.now() })
  }

  /** What a call past the cache answers; what waits to be written is newer than what the source has. */
  #past(request: LoadRequest, signal: AbortSignal): Promise<unknown> {
    const pending = this.parts.pending(request.key)
    if (pending === undefined) return request.load(signal)
    return pending.then(
      (its) => (its.found ? its.value : request.load(signal)),
      () => request.load(signal),
    )
  }

  /** The answer of an entry that was fetched with others, if it can be given; the entry is loaded anew if that is due. */
  answer(request: LoadRequest, entry: Entry): Promise<unknown> | undefined {
    this.#renewIfDue(request, entry)
    const answer = this.#answerOf(request.key, entry)
    if (answer !== undefined) this.parts.observer.served(request.key, 'shared', entry)
    return answer
  }

  #staleHit(request: LoadRequest): Promise<unknown> | undefined {
    const { local, stale, observer } = this.parts
    const { key, terms } = request
    const entry = local.stale(key)
    const reason = entry && stale.reason(key, entry, terms)
    if (entry === undefined || reason === undefined) return undefined
    if (reason === 'revalidating') this.#renewIfDue(request, entry)
    const answer = this.#answerOf(key, entry)
    if (answer === undefined) return undefined
    observer.hit(key, entry, 'local')
    observer.stale(key, entry, reason)
    return answer
  }

  #answerOf(key: string, entry: Entry): Promise<unknown> | undefined {
    const { local, isolation, observer } = this.parts
    if (entry.isError) return Promise.reject(thrownAgain(entry.held, isolation))
    try {
      return entry.settled ?? Promise.resolve(isolation.give(entry.held))
    } catch (error) {
      // A class's own `decode` that fails must not fail the call.
      local.drop(key, 'invalidated')
      observer.refused(key, asRefusal(error))
      return undefined
    }
  }

  #renewIfDue(request: LoadRequest, entry: Entry): void {
    if (this.#refreshes.isDue(request.key, entry, request.terms.policies)) this.#refreshes.start(request, entry)
  }

  async #load(caller: Caller): Promise<unknown> {
    const { observer, clock, isShared, maxStalenessMs, loadDeadlineMs, flights, stale } = this.parts
    const { request, signal, askedAt } = caller
    const { policies } = request.terms
    signal?.throwIfAborted()
    const now = clock.now()
    let joined = flights.find(request.key)
    if (joined !== undefined && wouldWaitForItself(joined)) return this.#past(request, signal ?? joined.signal)
    if (joined !== undefined && now >= joined.startedAt + loadDeadlineMs) {
      flights.supersede(joined)
      joined = undefined
    }
    const again = (): Promise<unknown> => this.hit(request.key, request) ?? this.#load(caller)
    observer.stats.localMisses++
    if (joined !== undefined) {
      observer.stats.joins++
      request.decided?.()
    }
    const flight = joined ?? this.#start(request, now)
    const mayCarryEvicted = flights.hasEvictedSince(flight)
    let loaded: Loaded | Impatience
    let slowAt: number | undefined
    try {
      loaded = await waitFor(flight, clock, {
        signal,
        // Whoever called a load that hangs has nobody else to wait for.
        deadline: joined === undefined ? Number.POSITIVE_INFINITY : flight.startedAt + loadDeadlineMs,
        softAt: flight.startedAt + policies.softTimeoutMs,
        hasOther: () => {
          const now = clock.now()
          if (stale.standIn(flight, request.terms, askedAt, now) === undefined) return false
          slowAt ??= now
          return true
        },
        hardAt: askedAt + policies.hardTimeoutMs,
        onDeserted: (reason) => {
          flights.drop(flight)
          flight.abort(reason)
        },
      })
    } catch (error) {
      signal?.throwIfAborted()
      // It was given up, though not by those who wait for it.
      if (flight.signal.aborted) return again()
      if (flight.failure?.error !== error) throw error
      // Somebody put another value there meanwhile, or took away the one that could stand in.
      if (stale.isDoubtful(flight, askedAt)) return again()
      return this.#instead(error, flight, caller)
    }
    if (loaded === 'slow') return this.#instead(undefined, flight, caller, { at: slowAt, unless: again })
    if (loaded === 'timeout') return this.#instead(this.#timeout(caller), flight, caller)
    if (loaded === 'late') {
      // It may hang for ever: those who joined it begin anew.
      flights.supersede(flight)
      return again()
    }
    // A refresh that another process is at: there may be no value any more.
    if (loaded.isAbandoned) return again()
    // A list does without it; what there is instead, a method for one knows itself.
    if (request.together === undefined && flight.request.together?.isLeftOut()) return again()
    // Whoever began the load takes a value past its life; this caller may not.
    if (loaded.isStale && stale.reason(request.key, loaded.entry!, request.terms) === undefined) return again()
    // What another process evicted between the load's beginning and this call may be in the value, and the shared tier
    // has not said otherwise since.
    if (isShared && askedAt - flight.vouched > maxStalenessMs) return again()
    if (mayCarryEvicted && flight.adjustments.carriesTags) return again()
    return this.#landed(loaded, flight, caller)
  }

  #start(request: LoadRequest, startedAt: number): Flight {
    const { flights, markers, background, isolation, local, observer, isShared, below } = this.parts
    if (!isShared) observer.miss(request.key)
    const previous = local.stale(request.key)
    const flight = new Flight(request, { stamp: markers.stamp, startedAt, previous, isolation })
    flights.start(flight, (it) => this.#fly(it, below))
    background.track(flight.promise)
    return flight
  }

  /** What a caller gets of what its flight brought. */
  #landed({ entry, value, keep }: Loaded, flight: Flight, { request, signal }: Caller): unknown {
    const { isolation, observer, clock, stale } = this.parts
    observer.served(request.key, flight.calledSource ? 'source' : 'shared', entry)
    if (entry === undefined) return value
    if (entry.isError) throw flight.failure === undefined ? thrownAgain(entry.held, isolation) : flight.failure.error
    if (keep) {
      const reason = isExpired(entry, clock.now()) ? stale.reason(request.key, entry, request.terms) : undefined
      if (reason !== undefined) observer.stale(request.key, entry, reason)
      if (reason !== 'resting') this.#renewIfDue(request, entry)
    }
    try {
      return isolation.give(entry.held)
    } catch (error) {
      observer.refused(request.key, asRefusal(error))
      return request.load(signal ?? flight.signal)
    }
  }

  /**
   * What a caller gets instead of what its flight did not bring, or not in time: the stale value, or what the operation
   * answers with then, or the error.
   *
   * @param how as of when, if not now, and what to do rather than fail
   */
  #instead(
    error: unknown,
    flight: Flight,
    { request, askedAt }: Caller,
    how: { readonly at?: number | undefined; readonly unless?: () => unknown } = {},
  ): unknown {
    const { stale, observer } = this.parts
    const { key, terms } = request
    const { at, unless } = how
    const entry = stale.standIn(flight, terms, askedAt, at)
    const hasFailed = flight.failure !== undefined
    if (entry !== undefined && hasFailed) stale.rest(key, terms.policies)
    const given = entry && this.#given(flight, entry)
    if (given === undefined && unless !== undefined) return unless()
    const instead = given ?? terms.fallback(error)
    if (instead === undefined) throw error
    const from = given === undefined ? 'fallback' : entry === flight.localPrevious ? 'local' : 'shared'
    observer.served(key, from, entry)
    if (given !== undefined) observer.stale(key, entry!, hasFailed ? 'error' : 'slow')
    // An outer cache of the same call must not take it for what the method returned.
    for (let outer = currentFlight(); outer?.request.call === request.call; outer = outer.outer) {
      outer.isAnsweredInstead = true
    }
    return instead.value
  }

  /** What an entry holds, unless a class's own `decode` fails. */
  #given(flight: Flight, entry: Entry): { readonly value: unknown } | undefined {
    const { isolation, observer } = this.parts
    try {
      return { value: isolation.give(entry.held) }
    } catch (error) {
      flight.previous = undefined
      observer.refused(flight.key, asRefusal(error))
      return undefined
    }
  }

  #timeout({ request }: Caller): CacheError {
    const { hardTimeoutMs } = request.terms.policies
    return cacheError(
      'CW_LOAD_TIMEOUT',
      `Cache '${this.parts.cache}': key ${request.key} was not loaded within ${hardTimeoutMs} ms (\`hardTimeout\`). The load goes on; a later call may find its value.`,
    )
  }

  async #fly(flight: Flight, below: Tier): Promise<Loaded> {
    const loaded = await below.load(flight)
    const { local, observer, stale } = this.parts
    if (!loaded.keep || loaded.entry === undefined) return loaded
    // A watched copy whose key changed after it was read is older than what was told.
    const standing = local.peek(flight.key)?.version
    const isOlder = loaded.entry.version !== undefined && standing !== undefined && standing > loaded.entry.version
    if (flight.revoked || isOlder || (flight.changed && loaded.entry.watch !== undefined))
      observer.superseded(flight.key)
    // A detached flight may land after a younger one, whose entry then stays.
    else if (!flight.detached || !local.has(flight.key)) local.keep(flight.key, loaded.entry)
    if (!isExpired(loaded.entry, this.parts.clock.now())) stale.wake(flight.key)
    return loaded
  }
}
