import { AsyncResource } from 'node:async_hooks'
import { LRUCache } from 'lru-cache'
import { type CompleteClock, random } from '../kernel/clock'
import { type Entry, isExpired } from '../kernel/entry'
import { cacheError } from '../kernel/errors'
import { drawsRefresh } from '../policies/early-refresh'
import type { Policies } from '../policies/policies'
import type { Background } from './background'
import { Flight } from './flight'
import type { FlightRegistry } from './flight-registry'
import type { Isolation } from './isolation'
import type { TagMarkers } from './tag-markers'
import type { Loaded, LoadRequest } from './tier'

/** What {@link Refreshes} work with. */
export interface RefreshesParts {
  readonly cache: string
  readonly flights: FlightRegistry
  readonly markers: TagMarkers
  readonly isolation: Isolation
  readonly clock: CompleteClock
  readonly background: Background
  /** How many may go on at once. */
  readonly maxRefreshes: number
  /** How long others wait for a load. */
  readonly loadDeadlineMs: number
  /** Takes a flight through the tiers. */
  readonly fly: (flight: Flight) => Promise<Loaded>
}

/** What runs in it belongs to no request. */
export const detached = new AsyncResource('cachewright')

// After a refresh that brought nothing new, so long is waited before the next.
const retryMs = 1_000

/** Loads values anew in the background while the present ones are served. */
export class Refreshes {
  #running = 0
  // Keys that were lately tried, and until when they are not tried again. What is forgotten here is tried once more.
  readonly #tried = new LRUCache<string, number>({ max: 10_000 })

  constructor(private readonly parts: RefreshesParts) {}

  /** Whether a read of this entry has to see to the next. */
  isDue(key: string, entry: Entry, { refreshAhead, xfetchBeta }: Policies): boolean {
    const now = this.parts.clock.now()
    if (now < entry.refreshAt) return false
    if (this.#tried.size > 0 && now < (this.#tried.get(key) ?? 0)) return false
    return refreshAhead !== 'xfetch' || isExpired(entry, now) || drawsRefresh(entry, xfetchBeta, now, random())
  }

  /**
   * Loads a value anew. A load like any other (it is revoked by what revokes loads, and who comes when the present value
   * may not be served any more waits for it), except that no caller of now can cancel it, nor lends it its context, and
   * that it is cancelled when it hangs.
   */
  start(request: LoadRequest, entry: Entry): void {
    const { flights, markers, clock, background, isolation, maxRefreshes, loadDeadlineMs, fly } = this.parts
    const now = clock.now()
    const present = flights.find(request.key)
    if (present !== undefined && now < present.startedAt + loadDeadlineMs) return
    if (this.#running >= maxRefreshes) return
    if (present !== undefined) flights.supersede(present)
    this.#tried.set(request.key, now + retryMs)
    detached.runInAsyncScope(() => {
      const flight = new Flight(request, { stamp: markers.stamp, startedAt: now, previous: entry, isolation })
      flight.waiters = 1
      flight.isRefresh = true
      this.#running++
      const cancel = background.untilClosed(clock.setTimer(() => this.#giveUp(flight), loadDeadlineMs))
      const { promise } = flights.start(flight, fly)
      const landed = promise.finally(() => {
        cancel()
        if (!flight.isAborted) this.#running--
      })
      background.track(landed.then(({ keep }) => keep && this.#tried.delete(request.key)))
    })
  }

  #giveUp(flight: Flight): void {
    const { flights, cache, loadDeadlineMs } = this.parts
    this.#running--
    flights.supersede(flight)
    flight.abort(
      cacheError(
        'CW_LOAD_TIMEOUT',
        `Cache '${cache}': loading a key anew took longer than \`loadDeadline\` (${loadDeadlineMs} ms).`,
      ),
    )
  }
}
