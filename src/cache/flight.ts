import { AsyncLocalStorage } from 'node:async_hooks'
import type { Entry } from '../kernel/entry'
import { Adjustments } from './adjustments'
import type { Isolation } from './isolation'
import type { Loaded, LoadRequest } from './tier'

const unstarted: Promise<Loaded> = Promise.resolve({ entry: undefined, keep: false, value: undefined })

/** What is known when a load begins. */
export type Departure = Pick<Flight, 'stamp' | 'startedAt' | 'previous' | 'isolation'>

/** One load of one key on its way through the tiers, with everybody who waits for it. */
export class Flight {
  readonly key: string
  readonly request: LoadRequest
  /** The tag counter as known before the method was called. */
  stamp: number
  readonly startedAt: number
  readonly isolation: Isolation
  /** The load of the same call in the cache before this one. */
  readonly outer: Flight | undefined
  /** What the method says of its value. */
  readonly adjustments: Adjustments
  /** Told when there is another {@link previous} value: callers who would rather have that than wait any longer. */
  readonly hopeful = new Set<() => void>()
  /** What the method threw. */
  failure: { readonly error: unknown } | undefined
  /** How often tags had been evicted here when it began. */
  tagEvictions = 0
  /** Whether its value is not what the method returned, but what the next cache of the call answered with instead. */
  isAnsweredInstead = false
  /** Whether it holds a place of a bulkhead. */
  isInside = false
  /** Lets the load go on that waits for its turn. */
  hurry: () => void = () => {}
  /**
   * Clock reading as of which the shared tier said that nothing newer was known: when it was asked, when it renewed the
   * lease, when it took the value. Who came much later may not have the value on older word.
   */
  vouchedAt: number
  /** The same for a value that carries no tags. */
  untaggedVouchedAt = Number.NEGATIVE_INFINITY
  /** Set by an evict, put, clear or expire, or when it takes too long: the callers may have the value, the tiers may not. */
  revoked = false
  /** Set by an evict, put or clear: what there was before may not stand in. */
  evicted = false
  /** Set when the feed told of a change of the key since the shared tier was last asked for it. */
  changed = false
  /** Set when the feed told of something beside the key for which a load may wait. */
  stirred = false
  /** Wakes a load that waits for another process's. */
  wake: () => void = () => {}
  /** Not to be joined any more, though its value may still be kept: a tag was evicted that it may or may not carry. */
  detached = false
  promise: Promise<Loaded> = unstarted
  /** Flights this one cannot end before: those its loader started or joined. */
  readonly waitsFor = new Set<Flight>()
  /** The same the other way round. */
  readonly awaitedBy = new Set<Flight>()
  /** Callers that can leave by their own AbortSignal, and those that cannot. */
  waiters = 0
  /** The lease this load holds, or asks for. */
  lease: Buffer | undefined
  /** The lease of a load of this process that nobody may join any more: it need not be waited for. */
  formerLease: Buffer | undefined
  /** How long the load has waited for the shared tier. */
  sharedMs = 0
  #previous: Entry | undefined
  readonly #abort = new AbortController()

  constructor(request: LoadRequest, { stamp, startedAt, previous, isolation }: Departure) {
    this.key = request.key
    this.request = request
    this.stamp = stamp
    this.startedAt = startedAt
    this.vouchedAt = startedAt
    this.#previous = previous
    this.isolation = isolation
    const around = currentFlight()
    this.outer = around?.request.call === request.call ? around : undefined
    this.adjustments = this.outer?.adjustments ?? new Adjustments()
  }

  /** The value there is, which stands in for the one being loaded should that fail; undefined where there is none. */
  get previous(): Entry | undefined {
    return this.#previous
  }

  set previous(entry: Entry | undefined) {
    this.#previous = entry
    for (const told of this.hopeful) told()
  }

  /** Clock reading as of which nothing newer was known than its value. */
  get vouched(): number {
    return this.adjustments.carriesTags ? this.vouchedAt : Math.max(this.vouchedAt, this.untaggedVouchedAt)
  }

  /** Cancels the work itself; given to a method that takes an AbortSignal. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  abort(reason: unknown): void {
    this.revoked = true
    this.#abort.abort(reason)
  }
}

// Which load the running code belongs to. A load that needs its own result would wait for itself for ever; see `wouldWaitForItself`.
// Only by way of what is emptied when it has landed: what a method leaves running belongs to no load, and must not keep one.
const current = new AsyncLocalStorage<{ flight: Flight | undefined }>()

/** The load that the running code belongs to. */
export function currentFlight(): Flight | undefined {
  return current.getStore()?.flight
}

// The load that a method was called in, but past the cache: it is none of its business.
const past = new AsyncLocalStorage<{ flight: Flight | undefined }>()

/** Calls a method whose result is not the value of the load that the call is made in. */
export function besideFlight<Result>(call: () => Result): Result {
  const aboard = current.getStore()
  return aboard?.flight === undefined ? call() : past.run(aboard, call)
}

/** The load whose value the running code makes. */
export function flightServed(): Flight | undefined {
  const aboard = current.getStore()
  return aboard === past.getStore() ? undefined : aboard?.flight
}

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
    const aboard: { flight: Flight | undefined } = { flight }
    flight.promise = current.run(aboard, run, flight).finally(() => {
      done()
      aboard.flight = undefined
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

/**
 * Whether waiting for this flight would never end, because the flight itself waits, through any chain of loads, for
 * the load we are running in: an override that calls its decorated `super` method, or two methods that share a key.
 */
export function wouldWaitForItself(flight: Flight): boolean {
  const self = currentFlight()
  if (self === undefined) return false
  const seen = new Set<Flight>()
  const reaches = (from: Flight): boolean => {
    if (from === self) return true
    if (seen.has(from)) return false
    seen.add(from)
    for (const next of from.waitsFor) if (reaches(next)) return true
    return false
  }
  return reaches(flight)
}

/** Notes that the load we are running in, if any, waits for this flight; call what it returns when that is over. */
export function dependOn(flight: Flight): () => void {
  const self = currentFlight()
  if (self === undefined) return () => {}
  self.waitsFor.add(flight)
  flight.awaitedBy.add(self)
  if (self.isInside || isNeededInside(self)) hurry(flight)
  return () => {
    self.waitsFor.delete(flight)
    flight.awaitedBy.delete(self)
  }
}

/** Whether a load that holds a place of a bulkhead, of whichever cache, waits for this one: it must not wait for him. */
export function isNeededInside(flight: Flight, seen = new Set<Flight>()): boolean {
  if (seen.has(flight)) return false
  seen.add(flight)
  for (const by of flight.awaitedBy) if (by.isInside || isNeededInside(by, seen)) return true
  return false
}

/** Lets it enter, and all that it waits for. */
function hurry(flight: Flight, seen = new Set<Flight>()): void {
  if (seen.has(flight)) return
  seen.add(flight)
  flight.hurry()
  for (const next of flight.waitsFor) hurry(next, seen)
}
