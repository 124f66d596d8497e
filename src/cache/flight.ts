import type { Entry } from '../kernel/entry'
import { Adjustments } from './adjustments'
import { currentFlight } from './current-flight'
import type { Isolation } from './isolation'
import type { Loaded, LoadRequest } from './tier'

/** How a load has ended. */
export type LandedOrNot = { readonly loaded: Loaded } | { readonly error: unknown }

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
  /** The {@link previous} value as this process had it when the load began. */
  readonly localPrevious: Entry | undefined
  /** Whether the source was asked. */
  calledSource = false
  /** Told when there is another {@link previous} value: callers who would rather have that than wait any longer. */
  readonly hopeful = new Set<() => void>()
  /** What the method threw. */
  failure: { readonly error: unknown } | undefined
  /** How often tags had been evicted here when it began. */
  tagEvictions = 0
  /** Whether its value is not what the method returned, but what the next cache of the call answered with instead. */
  isAnsweredInstead = false
  /** Whether it loads anew what is still served, for no caller. */
  isRefresh = false
  /** Whether it went through the tiers with others, where nothing was but what it loaded. */
  isGrouped = false
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
  // Most loads are never asked for either of them, and both cost more than all else here.
  #abort: AbortController | undefined
  #promise: Promise<Loaded> | undefined
  #end: LandedOrNot | undefined
  #settle: ((end: LandedOrNot) => void) | undefined

  constructor(request: LoadRequest, { stamp, startedAt, previous, isolation }: Departure) {
    this.key = request.key
    this.request = request
    this.stamp = stamp
    this.startedAt = startedAt
    this.vouchedAt = startedAt
    this.#previous = previous
    this.localPrevious = previous
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
    this.#abort ??= new AbortController()
    return this.#abort.signal
  }

  get isAborted(): boolean {
    return this.#abort?.signal.aborted ?? false
  }

  throwIfAborted(): void {
    this.#abort?.signal.throwIfAborted()
  }

  abort(reason: unknown): void {
    this.revoked = true
    this.#abort ??= new AbortController()
    this.#abort.abort(reason)
  }

  /** What the load comes to. */
  get promise(): Promise<Loaded> {
    this.#promise ??= new Promise<Loaded>((resolve, reject) => {
      const settle = (end: LandedOrNot): void => ('loaded' in end ? resolve(end.loaded) : reject(end.error))
      if (this.#end === undefined) this.#settle = settle
      else settle(this.#end)
    })
    // Every caller sees the error through its own wait; when all have left there is nobody to see it.
    this.#promise.catch(() => {})
    return this.#promise
  }

  /** How the load has ended; undefined while it goes on. */
  get end(): LandedOrNot | undefined {
    return this.#end
  }

  land(end: LandedOrNot): void {
    this.#end = end
    this.#settle?.(end)
  }
}
