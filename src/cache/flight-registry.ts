import { runAboard } from './current-flight'
import type { Flight } from './flight'
import { dependOn } from './flight-chain'
import type { Loaded } from './tier'

/** The loads in progress of one cache: at most one to join for each key. */
export class FlightRegistry {
  readonly #joinable = new Map<string, Flight>()
  readonly #detached = new Set<Flight>()
  #tagEvictions = 0
  // Every load in progress, also those nobody may join.
  readonly #all = new Map<string, Set<Flight>>()

  /** The load to join, if there is one that began after the last evict of the key. */
  find(key: string): Flight | undefined {
    return this.#joinable.get(key)
  }

  /** Starts a load; `run` is called at once, and knows by its async context which flight it belongs to. */
  start(flight: Flight, run: (flight: Flight) => Promise<Loaded>): Flight {
    flight.tagEvictions = this.#tagEvictions
    this.#joinable.set(flight.key, flight)
    const others = this.#all.get(flight.key)
    for (const other of others ?? []) flight.formerLease = other.lease ?? flight.formerLease
    if (others === undefined) this.#all.set(flight.key, new Set([flight]))
    else others.add(flight)
    const done = dependOn(flight)
    const { result, leave } = runAboard(flight, run)
    flight.promise = result.finally(() => {
      done()
      leave()
      this.#land(flight)
    })
    // Every caller sees the error through its own wait; when all have left there is nobody to see it.
    flight.promise.catch(() => {})
    return flight
  }

  /** Lets callers have the value but no tier; later callers start a new load. */
  revoke(key: string): void {
    for (const flight of this.#all.get(key) ?? []) flight.evicted = true
    this.outdate(key)
  }

  /** The same where what there is may still stand in for what cannot be loaded. */
  outdate(key: string): void {
    const flight = this.#joinable.get(key)
    if (flight !== undefined) this.#revoke(flight)
    for (const other of this.#detached) if (other.key === key) other.revoked = true
    // What waits for the key looks again at once, whenever the feed may tell of it.
    this.changed(key)
  }

  /** Nobody waits for this load any more: it is not joined and its value not kept, whatever else has its key. */
  drop(flight: Flight): void {
    flight.revoked = true
    if (this.#joinable.get(flight.key) === flight) this.#joinable.delete(flight.key)
    // What it holds that others wait for, it may give back.
    flight.wake()
  }

  /** It takes too long: nobody joins it any more, and its value comes too late to be kept. */
  supersede(flight: Flight): void {
    this.drop(flight)
    this.#detached.delete(flight)
  }

  /** The feed told of a change of the key: what was read before is not to be kept as watched, who waits looks again. */
  changed(key: string): void {
    for (const flight of this.#all.get(key) ?? []) touch(flight)
  }

  /** Something beside the key changed, such as the lease of a refresh: who waits looks again. */
  stir(key: string): void {
    for (const flight of this.#all.get(key) ?? []) {
      flight.stirred = true
      flight.wake()
    }
  }

  changedAll(): void {
    for (const flights of this.#all.values()) flights.forEach(touch)
  }

  revokeAll(): void {
    for (const flights of this.#all.values()) for (const flight of flights) flight.evicted = true
    for (const flight of [...this.#joinable.values()]) this.#revoke(flight)
    for (const flight of this.#detached) flight.revoked = true
    this.changedAll()
  }

  /** Later callers start a new load; what is in flight may still be kept if it turns out not to carry the evicted tag. */
  detachTagged(): void {
    this.#tagEvictions++
    for (const flight of [...this.#joinable.values()]) {
      if (!flight.request.tagged) continue
      flight.detached = true
      this.#joinable.delete(flight.key)
      this.#detached.add(flight)
    }
  }

  /** Whether tags were evicted since this load began; it was joined all the same if it was not known to carry any. */
  hasEvictedSince(flight: Flight): boolean {
    return flight.tagEvictions !== this.#tagEvictions
  }

  /** The keys being loaded. */
  keys(): Iterable<string> {
    return this.#all.keys()
  }

  get size(): number {
    return this.#joinable.size + this.#detached.size
  }

  #revoke(flight: Flight): void {
    flight.revoked = true
    this.#joinable.delete(flight.key)
  }

  #land(flight: Flight): void {
    if (this.#joinable.get(flight.key) === flight) this.#joinable.delete(flight.key)
    this.#detached.delete(flight)
    const others = this.#all.get(flight.key)
    others?.delete(flight)
    if (others?.size === 0) this.#all.delete(flight.key)
    // As above.
    else others?.forEach(touch)
  }
}

function touch(flight: Flight): void {
  flight.changed = true
  flight.wake()
}
