import { AsyncResource } from 'node:async_hooks'
import type { CompleteClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import type { Background } from './background'
import type { CacheObserver } from './cache-observer'
import { asRefusal } from './entry-maker'
import { dependOn, Flight, type FlightRegistry, wouldWaitForItself } from './flight'
import type { Isolation } from './isolation'
import type { LocalTier } from './local-tier'
import type { TagMarkers } from './tag-markers'
import type { Loaded, LoadRequest, Tier } from './tier'

/** What {@link Loads} work with. */
export interface LoadsParts {
  readonly local: LocalTier
  /** What is asked when the local tier has no answer: the shared tier, or the source itself. */
  readonly below: Tier
  /** What is asked for a newer value than the present one. */
  readonly refresh: Tier
  readonly isShared: boolean
  readonly flights: FlightRegistry
  readonly markers: TagMarkers
  readonly isolation: Isolation
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly background: Background
  /** How old the word of the shared tier may be that a caller is answered on. */
  readonly maxStalenessMs: number
  /** How long others wait for a load. */
  readonly loadDeadlineMs: number
}

// What runs in it belongs to no request.
const detached = new AsyncResource('cachewright')

// After a refresh that brought nothing new, so long is waited before the next.
const refreshRetryMs = 1_000

const late: unique symbol = Symbol('late')

/** The read path of one cache, from the local tier to the flight and back to those who wait for it. */
export class Loads {
  constructor(private readonly parts: LoadsParts) {}

  /**
   * The answer of the local tier, if it has one now.
   *
   * @param request what to load with if the answer is to be renewed; without it there is no such answer
   */
  hit(key: string, request?: LoadRequest): Promise<unknown> | undefined {
    const { local, observer, isolation } = this.parts
    const entry = local.hit(key)
    if (entry === undefined) return undefined
    if (entry.refreshAt !== Number.POSITIVE_INFINITY && this.#isDue(entry)) {
      if (request === undefined) return undefined
      this.#refresh(request, entry)
    }
    try {
      const answer = entry.settled ?? Promise.resolve(isolation.give(entry.held))
      observer.hit(key, entry, 'local')
      return answer
    } catch (error) {
      // A class's own `decode` that fails must not fail the call.
      local.drop(key, 'invalidated')
      observer.refused(key, asRefusal(error))
      return undefined
    }
  }

  /** The value from the nearest tier that has it, or from the method, called at most once for all who ask meanwhile. */
  read(request: LoadRequest, signal?: AbortSignal): Promise<unknown> {
    return this.hit(request.key, request) ?? this.#load(request, signal)
  }

  /** @param since when the caller first asked, if this is not its first attempt */
  async #load(request: LoadRequest, signal: AbortSignal | undefined, since?: number): Promise<unknown> {
    const { observer, markers, clock, background, isolation, isShared, maxStalenessMs, loadDeadlineMs, flights } =
      this.parts
    signal?.throwIfAborted()
    const startedAt = clock.now()
    const askedAt = since ?? startedAt
    let flight = flights.find(request.key)
    if (flight !== undefined && wouldWaitForItself(flight)) return request.load(signal ?? flight.signal)
    if (flight !== undefined && startedAt >= flight.startedAt + loadDeadlineMs) {
      flights.supersede(flight)
      flight = undefined
    }
    const again = (): Promise<unknown> => this.hit(request.key, request) ?? this.#load(request, signal, askedAt)
    observer.stats.localMisses++
    let loaded: Loaded | typeof late
    if (flight === undefined) {
      if (!isShared) observer.miss(request.key)
      flight = flights.start(new Flight(request, markers.stamp, startedAt), (it) => this.#fly(it, this.parts.below))
      background.track(flight.promise)
      loaded = await this.#wait(flight, signal)
    } else {
      observer.stats.joins++
      loaded = await this.#wait(flight, signal, flight.startedAt + loadDeadlineMs)
    }
    if (loaded === late) {
      // It may hang for ever. Whoever called it has nobody else to wait for; those who joined begin anew.
      flights.supersede(flight)
      return again()
    }
    // A refresh that another process is at: there may be no value any more.
    if (loaded.isAbandoned) return again()
    // What another process evicted between the load's beginning and this call may be in the value, and the shared tier
    // has not said otherwise since.
    if (isShared && askedAt - flight.vouchedAt > maxStalenessMs) return again()
    if (loaded.entry === undefined) return loaded.value
    if (loaded.keep && this.#isDue(loaded.entry)) this.#refresh(request, loaded.entry)
    try {
      return isolation.give(loaded.entry.held)
    } catch (error) {
      observer.refused(request.key, asRefusal(error))
      return request.load(signal ?? flight.signal)
    }
  }

  #isDue({ refreshAt }: Entry): boolean {
    return this.parts.clock.now() >= refreshAt
  }

  /**
   * Loads a value anew in the background. A load like any other (it is revoked by what revokes loads, and who comes when
   * the present value has expired waits for it), except that no caller of now can cancel it, nor lends it its context.
   */
  #refresh(request: LoadRequest, entry: Entry): void {
    const { flights, markers, clock, background, refresh } = this.parts
    if (flights.find(request.key) !== undefined) return
    const now = clock.now()
    entry.refreshAt = now + refreshRetryMs
    detached.runInAsyncScope(() => {
      const flight = new Flight(request, markers.stamp, now)
      flight.waiters = 1
      background.track(flights.start(flight, (it) => this.#fly(it, refresh)).promise)
    })
  }

  async #fly(flight: Flight, below: Tier): Promise<Loaded> {
    const loaded = await below.load(flight)
    const { local, observer } = this.parts
    if (!loaded.keep || loaded.entry === undefined) return loaded
    // A watched copy whose key changed after it was read is older than what was told.
    const standing = local.peek(flight.key)?.version
    const isOlder = loaded.entry.version !== undefined && standing !== undefined && standing > loaded.entry.version
    if (flight.revoked || isOlder || (flight.changed && loaded.entry.watch !== undefined))
      observer.superseded(flight.key)
    // A detached flight may land after a younger one, whose entry then stays.
    else if (!flight.detached || !local.has(flight.key)) local.keep(flight.key, loaded.entry)
    return loaded
  }

  /**
   * Waits for a flight as long as this caller's own signal allows, and until the deadline if it has one. When the last
   * caller has left, the work is cancelled.
   */
  async #wait(
    flight: Flight,
    signal?: AbortSignal,
    deadline = Number.POSITIVE_INFINITY,
  ): Promise<Loaded | typeof late> {
    flight.waiters++
    const done = dependOn(flight)
    if (signal === undefined && deadline === Number.POSITIVE_INFINITY) return flight.promise.finally(done)
    const undo = [done]
    const ends: Promise<typeof late>[] = []
    if (signal !== undefined) {
      ends.push(
        new Promise((_, reject) => {
          const leave = (): void => {
            if (--flight.waiters === 0) {
              this.parts.flights.drop(flight)
              flight.abort(signal.reason)
            }
            reject(signal.reason)
          }
          signal.addEventListener('abort', leave, { once: true })
          undo.push(() => signal.removeEventListener('abort', leave))
        }),
      )
    }
    if (deadline !== Number.POSITIVE_INFINITY) {
      const { clock } = this.parts
      ends.push(
        new Promise((resolve) => {
          const give = (): void => {
            flight.waiters--
            resolve(late)
          }
          undo.push(clock.setTimer(give, deadline - clock.now()))
        }),
      )
    }
    try {
      return await Promise.race([flight.promise, ...ends])
    } finally {
      for (const it of undo) it()
    }
  }
}
