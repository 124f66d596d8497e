import { runAboard } from './current-flight'
import { Flight, type LandedOrNot } from './flight'
import { dependOn } from './flight-chain'
import type { Loaded } from './tier'

/** The loads in progress of one cache: at most one to join for each key. */
export class FlightRegistry {
  readonly #joinable = new Map<string, Flight>()
  readonly #detached = new Set<Flight>()
  #tagEvictions = 0
  // Every load in progress, also those nobody may join.
  readonly #all = new Map<string, Flight | Set<Flight>>()

  /** The load to join, if there is one that began after the last evict of the key. */
  find(key: string): Flight | undefined {
    return this.#joinable.get(key)
  }

  /** Starts a load; `run` is called at once, and knows by its async context which flight it belongs to. */
  start(flight: Flight, run: (flight: Flight) => Promise<Loaded>): Flight {
    this.enter(flight)
    this.run(flight, run)
    return flight
  }

  /** Lets others join a load that begins. */
  enter(flight: Flight): void {
    flight.tagEvictions = this.#tagEvictions
    this.#joinable.set(flight.key, flight)
    const others = this.#all.get(flight.key)
    if (others === undefined) this.#all.set(flight.key, flight)
    else {
      const its = others instanceof Flight ? new Set([others]) : others
      for (const other of its) flight.formerLease = other.lease ?? flight.formerLease
      this.#all.set(flight.key, its.add(flight))
    }
  }

  /** Runs a load that others may join already. */
  run(flight: Flight, run: (flight: Flight) => Promise<Loaded>): void {
    const done = dependOn(flight)
    const { result, leave } = runAboard(flight, run)
    const landed = (end: LandedOrNot): void => {
      done()
      leave()
      this.land(flight, end)
    }
    result.then(
      (loaded) => landed({ loaded }),
      (error: unknown) => landed({ error }),
    )
  }

  /** A load has ended. */
  land(flight: Flight, end: LandedOrNot): void {
    this.#leave(flight)
    flight.land(end)
  }

  /** Lets callers have the value but no tier; later callers start a new load. */
  revoke(key: string): void {
    for (const flight of this.#of(key)) flight.evicted = true
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
    for (const flight of this.#of(key)) touch(flight)
  }

  /** Something beside the key changed, such as the lease of a refresh: who waits looks again. */
  stir(key: string): void {
    for (const flight of this.#of(key)) {
      flight.stirred = true
      flight.wake()
    }
  }

  changedAll(): void {
    for (const key of this.#all.keys()) this.#of(key).forEach(touch)
  }

  revokeAll(): void {
    for (const key of this.#all.keys()) for (const flight of this.#of(key)) flight.evicted = true
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

  #of(key: string): readonly Flight[] {
    const its = this.#all.get(key)
    return its === undefined ? none : its instanceof Flight ? [its] : [...its]
  }

  #leave(flight: Flight): void {
    if (this.#joinable.get(flight.key) === flight) this.#joinable.delete(flight.key)
    this.#detached.delete(flight)
    const others = this.#all.get(flight.key)
    if (others === flight) return void this.#all.delete(flight.key)
    if (!(others instanceof Set)) return
    others.delete(flight)
    if (others.size === 0) this.#all.delete(flight.key)
    // As above.
    else others.forEach(touch)
  }
}

const none: readonly Flight[] = []

function touch(flight: Flight): void {
  flight.changed = true
  flight.wake()
}
