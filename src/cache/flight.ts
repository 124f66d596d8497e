import { AsyncLocalStorage } from 'node:async_hooks'
import type { Loaded, LoadRequest } from './tier'

const unstarted: Promise<Loaded> = Promise.resolve({ entry: undefined, keep: false, value: undefined })

/** One load of one key on its way through the tiers, with everybody who waits for it. */
export class Flight {
  readonly key: string
  readonly request: LoadRequest
  /** The tag counter as known before the method was called. */
  stamp: number
  readonly startedAt: number
  /**
   * Clock reading as of which the shared tier said that nothing newer was known: when it was asked, when it renewed the
   * lease, when it took the value. Who came much later may not have the value on older word.
   */
  vouchedAt: number
  /** Set by an evict, put or clear: the callers may have the value, the tiers may not. */
  revoked = false
  /** Set when the feed told of a change of the key since the shared tier was last asked for it. */
  changed = false
  /** Wakes a load that waits for another process's. */
  wake: () => void = () => {}
  /** Not to be joined any more, though its value may still be kept: a tag was evicted that it may or may not carry. */
  detached = false
  promise: Promise<Loaded> = unstarted
  /** Flights this one cannot end before: those its loader started or joined. */
  readonly waitsFor = new Set<Flight>()
  /** Callers that can leave by their own AbortSignal, and those that cannot. */
  waiters = 0
  /** The lease this load holds, or asks for. */
  lease: Buffer | undefined
  /** The lease of a load of this process that nobody may join any more: it need not be waited for. */
  formerLease: Buffer | undefined
  /** How long the load has waited for the shared tier. */
  sharedMs = 0
  readonly #abort = new AbortController()

  constructor(request: LoadRequest, stamp: number, startedAt: number) {
    this.key = request.key
    this.request = request
    this.stamp = stamp
    this.startedAt = startedAt
    this.vouchedAt = startedAt
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
const current = new AsyncLocalStorage<Flight>()

/** The loads in progress of one cache: at most one to join for each key. */
export class FlightRegistry {
  readonly #joinable = new Map<string, Flight>()
  readonly #detached = new Set<Flight>()
  // Every load in progress, also those nobody may join.
  readonly #all = new Map<string, Set<Flight>>()

  /** The load to join, if there is one that began after the last evict of the key. */
  find(key: string): Flight | undefined {
    return this.#joinable.get(key)
  }

  /** Starts a load; `run` is called at once, and knows by its async context which flight it belongs to. */
  start(flight: Flight, run: (flight: Flight) => Promise<Loaded>): Flight {
    this.#joinable.set(flight.key, flight)
    const others = this.#all.get(flight.key)
    for (const other of others ?? []) flight.formerLease = other.lease ?? flight.formerLease
    if (others === undefined) this.#all.set(flight.key, new Set([flight]))
    else others.add(flight)
    const done = dependOn(flight)
    flight.promise = current.run(flight, run, flight).finally(() => {
      done()
      this.#land(flight)
    })
    // Every caller sees the error through its own wait; when all have left there is nobody to see it.
    flight.promise.catch(() => {})
    return flight
  }

  /** Lets callers have the value but no tier; later callers start a new load. */
  revoke(key: string): void {
    const flight = this.#joinable.get(key)
    if (flight !== undefined) this.#revoke(flight)
    for (const other of this.#detached) if (other.key === key) other.revoked = true
    // The server does not tell a process of its own deletes; what waits for the key must look again all the same.
    this.changed(key)
  }

  /** Nobody waits for this load any more: it is not joined and its value not kept, whatever else has its key. */
  drop(flight: Flight): void {
    flight.revoked = true
    if (this.#joinable.get(flight.key) === flight) this.#joinable.delete(flight.key)
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

  changedAll(): void {
    for (const flights of this.#all.values()) flights.forEach(touch)
  }

  revokeAll(): void {
    for (const flight of [...this.#joinable.values()]) this.#revoke(flight)
    for (const flight of this.#detached) flight.revoked = true
    this.changedAll()
  }

  /** Later callers start a new load; what is in flight may still be kept if it turns out not to carry the evicted tag. */
  detachTagged(): void {
    for (const flight of [...this.#joinable.values()]) {
      if (!flight.request.tagged) continue
      flight.detached = true
      this.#joinable.delete(flight.key)
      this.#detached.add(flight)
    }
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
    // The server does not tell a process of its own fill.
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
  const self = current.getStore()
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
  const self = current.getStore()
  if (self === undefined) return () => {}
  self.waitsFor.add(flight)
  return () => void self.waitsFor.delete(flight)
}
