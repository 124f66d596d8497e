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
import { GroupLoads } from './group-loads'
import type { Isolation } from './isolation'
import type { LocalTier } from './local-tier'
import { isReadPast, isWithoutCaching, readsByItself } from './past-cache'
import { Refreshes } from './refreshes'
import type { SharedGroup } from './shared-group'
import type { SourceTier } from './source-tier'
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
  /** The last tier. */
  readonly source: SourceTier
  /** For many keys at once; undefined where there is no shared tier. */
  readonly shared: SharedGroup | undefined
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
  readonly #groups: GroupLoads

  constructor(private readonly parts: LoadsParts) {
    const fly = (flight: Flight): Promise<Loaded> => this.#fly(flight, parts.refresh)
    this.#refreshes = new Refreshes({ ...parts, fly })
    this.#groups = new GroupLoads({
      ...parts,
      fly: (flight) => this.#fly(flight, parts.below),
      keep: (flight, loaded) => this.#keep(flight, loaded),
    })
  }

  /**
   * The answer of the local tier, if it has one now.
   *
   * @param request makes what to load with if the answer is to be renewed; without it there is no such answer
   */
  hit(key: string, request?: () => LoadRequest): Promise<unknown> | undefined {
    if (isReadPast(this.parts.flights, key)) return undefined
    const { local, clock, observer } = this.parts
    const entry = local.hit(key)
    if (entry === undefined) return request === undefined ? undefined : this.#staleHit(key, request)
    if (entry.refreshAt !== Number.POSITIVE_INFINITY && clock.now() >= entry.refreshAt) {
      if (request === undefined) return undefined
      this.#renewIfDue(request(), entry)
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
    return this.hit(request.key, () => request) ?? this.#load({ request, signal, askedAt: this.parts.clock.now() })
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

  /**
   * The value of an entry that was fetched with others, if it can be given; the entry is loaded anew if that is due.
   *
   * @throws the error that is kept in its place
   */
  given(key: string, entry: Entry, request: () => LoadRequest): { readonly value: unknown } | undefined {
    const { isolation, observer, clock } = this.parts
    observer.stats.localMisses++
    if (entry.refreshAt <= clock.now()) this.#renewIfDue(request(), entry)
    if (entry.isError) {
      observer.served(key, 'shared', entry)
      throw thrownAgain(entry.held, isolation)
    }
    try {
      const value = isolation.give(entry.held)
      observer.served(key, 'shared', entry)
      return { value }
    } catch (error) {
      // It is asked for once more, and counted then.
      observer.stats.localMisses--
      this.#refused(key, error)
      return undefined
    }
  }

  #staleHit(key: string, make: () => LoadRequest): Promise<unknown> | undefined {
    const { local, stale, observer } = this.parts
    const entry = local.stale(key)
    if (entry === undefined) return undefined
    const request = make()
    const reason = stale.reason(key, entry, request.terms)
    if (reason === undefined) return undefined
    if (reason === 'revalidating') this.#renewIfDue(request, entry)
    const answer = this.#answerOf(key, entry)
    if (answer === undefined) return undefined
    observer.hit(key, entry, 'local')
    observer.stale(key, entry, reason)
    return answer
  }

  #answerOf(key: string, entry: Entry): Promise<unknown> | undefined {
    const { isolation } = this.parts
    if (entry.isError) return Promise.reject(thrownAgain(entry.held, isolation))
    try {
      return entry.settled ?? Promise.resolve(isolation.give(entry.held))
    } catch (error) {
      this.#refused(key, error)
      return undefined
    }
  }

  /** A class's own `decode` that fails must not fail the call. */
  #refused(key: string, error: unknown): void {
    this.parts.local.drop(key, 'invalidated')
    this.parts.observer.refused(key, asRefusal(error))
  }

  #renewIfDue(request: LoadRequest, entry: Entry): void {
    if (this.#refreshes.isDue(request.key, entry, request.terms.policies)) this.#refreshes.start(request, entry)
  }

  async #load(caller: Caller): Promise<unknown> {
    const { observer, clock, loadDeadlineMs, flights } = this.parts
    const { request, signal } = caller
    signal?.throwIfAborted()
    const now = clock.now()
    let joined = flights.find(request.key)
    if (joined !== undefined && wouldWaitForItself(joined)) return this.#past(request, signal ?? joined.signal)
    if (joined !== undefined && now >= joined.startedAt + loadDeadlineMs) {
      flights.supersede(joined)
      joined = undefined
    }
    observer.stats.localMisses++
    if (joined === undefined) return this.#follow(this.#start(request, now), caller, false)
    observer.stats.joins++
    request.decided?.()
    return this.#follow(joined, caller, true)
  }

  /** Waits for a load, and answers by what comes of it. */
  async #follow(flight: Flight, caller: Caller, hasJoined: boolean): Promise<unknown> {
    const { clock, isShared, maxStalenessMs, loadDeadlineMs, flights, stale } = this.parts
    const { request, signal, askedAt } = caller
    const { policies } = request.terms
    const again = (): Promise<unknown> => this.#again(caller)
    const mayCarryEvicted = flights.hasEvictedSince(flight)
    let loaded: Loaded | Impatience
    let slowAt: number | undefined
    try {
      loaded = await waitFor(flight, clock, {
        signal,
        // Whoever called a load that hangs has nobody else to wait for.
        deadline: hasJoined ? flight.startedAt + loadDeadlineMs : Number.POSITIVE_INFINITY,
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
      if (flight.isAborted) return again()
      return this.#failed(error, flight, caller)
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

  #again(caller: Caller): Promise<unknown> {
    return this.hit(caller.request.key, () => caller.request) ?? this.#load(caller)
  }

  #start(request: LoadRequest, startedAt: number): Flight {
    const { flights, background, below } = this.parts
    const flight = this.#departing(request, startedAt)
    flights.start(flight, (it) => this.#fly(it, below))
    background.track(flight.promise)
    return flight
  }

  #departing(request: LoadRequest, startedAt: number): Flight {
    const { markers, isolation, local, observer, isShared } = this.parts
    if (!isShared) observer.miss(request.key)
    const previous = local.stale(request.key)
    return new Flight(request, { stamp: markers.stamp, startedAt, previous, isolation })
  }

  /**
   * Begins to load many that nobody has, together; the others are to be read one by one.
   *
   * @returns for each its load, if it has begun, and what resolves when all these are over or go on alone
   */
  begin(requests: readonly LoadRequest[]): {
    readonly begun: readonly (Flight | undefined)[]
    readonly over: Promise<unknown>
  } {
    const { flights, observer, clock } = this.parts
    if (readsByItself()) return { begun: [], over: Promise.resolve() }
    const begun = requests.map((request) => {
      if (!this.#isUntouched(request)) return undefined
      observer.stats.localMisses++
      const flight = this.#departing(request, clock.now())
      flights.enter(flight)
      // Whoever began it does not leave.
      flight.waiters = 1
      return flight
    })
    return { begun, over: this.#groups.run(begun.filter((flight) => flight !== undefined)) }
  }

  /** Whether nobody loads it, nothing could stand in for it, and its caller waits as long as it takes. */
  #isUntouched({ key, terms: { policies } }: LoadRequest): boolean {
    const { flights, local, shared } = this.parts
    const isPatient = Math.min(policies.softTimeoutMs, policies.hardTimeoutMs) === Number.POSITIVE_INFINITY
    const isUntouched = isPatient && flights.find(key) === undefined && local.stale(key) === undefined
    return isUntouched && (shared?.isAskable(key) ?? true)
  }

  /** What one who began a load together with others gets of it: at once, if it is over. */
  taken(flight: Flight, request: LoadRequest): unknown {
    const caller: Caller = { request, signal: undefined, askedAt: flight.startedAt }
    const { end } = flight
    if (end === undefined || !flight.isGrouped) return this.#follow(flight, caller, false)
    return 'loaded' in end ? this.#landed(end.loaded, flight, caller) : this.#failed(end.error, flight, caller)
  }

  /** What a caller gets of a load that failed. @throws its error */
  #failed(error: unknown, flight: Flight, caller: Caller): unknown {
    if (flight.failure?.error !== error) throw error
    // Somebody put another value there meanwhile, or took away the one that could stand in.
    if (this.parts.stale.isDoubtful(flight, caller.askedAt)) return this.#again(caller)
    return this.#instead(error, flight, caller)
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
    this.#keep(flight, loaded)
    return loaded
  }

  #keep(flight: Flight, loaded: Loaded): void {
    const { local, observer, stale } = this.parts
    if (!loaded.keep || loaded.entry === undefined) return
    // A watched copy whose key changed after it was read is older than what was told.
    const standing = local.peek(flight.key)?.version
    const isOlder = loaded.entry.version !== undefined && standing !== undefined && standing > loaded.entry.version
    if (flight.revoked || isOlder || (flight.changed && loaded.entry.watch !== undefined))
      observer.superseded(flight.key)
    // A detached flight may land after a younger one, whose entry then stays.
    else if (!flight.detached || !local.has(flight.key)) local.keep(flight.key, loaded.entry)
    if (!isExpired(loaded.entry, this.parts.clock.now())) stale.wake(flight.key)
  }
}
