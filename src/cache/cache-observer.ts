import type { SharedOperation, TierName } from '../events/cache-event'
import { detecting, noteRead, noteStale, type ServedFrom } from '../events/detection'
import type { CacheErrorHandler, CacheFailure, FailedOperation } from '../events/error-handler'
import type { EventHub } from '../events/event-hub'
import { StatsCounter } from '../events/stats'
import type { CompleteClock } from '../kernel/clock'
import type { Entry, RemovalCause } from '../kernel/entry'
import type { CacheError } from '../kernel/errors'
import type { StaleReason } from '../kernel/stale-reason'
import type { Warnings } from '../kernel/warn'

/** Counts what happens in one cache and tells whoever listens. An event object is built only if somebody does. */
export class CacheObserver {
  readonly stats = new StatsCounter()

  constructor(
    private readonly cache: string,
    private readonly events: EventHub,
    private readonly warnings: Warnings,
    private readonly onFailure: CacheErrorHandler,
    private readonly clock: CompleteClock,
  ) {}

  hit(key: string, entry: Entry, tier: TierName): void {
    if (tier === 'local') this.stats.localHits++
    else this.stats.sharedHits++
    this.stats.timeSavedMs += entry.loadMs
    if (this.events.wantsHits) this.events.emit('hit', { cache: this.cache, key, tier })
    // Who waited for a hit of the shared tier are told one by one, by `served`.
    if (detecting.count > 0 && tier === 'local') this.served(key, tier, entry)
  }

  /** A caller was answered: what whoever detects wants to know. */
  served(key: string, from: ServedFrom, entry: Entry | undefined): void {
    if (detecting.count === 0) return
    // What cannot be kept is as new as what was made for it.
    const age = from === 'fallback' ? undefined : entry === undefined ? 0 : this.clock.now() - entry.createdAt
    // Another process may have kept it, by a clock that is known to a few milliseconds only.
    const ageMs = age === undefined ? undefined : Math.max(0, age)
    noteRead({ cache: this.cache, key, from, ageMs, stale: undefined })
  }

  miss(key: string): void {
    this.stats.misses++
    if (this.events.wants('miss')) this.events.emit('miss', { cache: this.cache, key })
  }

  loaded(key: string, durationMs: number): void {
    this.stats.recordLoad(durationMs)
    if (this.events.wants('load')) this.events.emit('load', { cache: this.cache, key, durationMs })
  }

  loadFailed(key: string, durationMs: number, error: unknown): void {
    this.stats.loadFailures++
    if (this.events.wants('loadFailure')) this.events.emit('loadFailure', { cache: this.cache, key, durationMs, error })
  }

  stale(key: string, reason: StaleReason): void {
    this.stats.stale[reason]++
    if (this.events.wants('stale')) this.events.emit('stale', { cache: this.cache, key, reason })
    if (detecting.count > 0) noteStale(this.cache, key, reason)
  }

  shed(key: string): void {
    this.stats.shed++
    if (this.events.wants('shed')) this.events.emit('shed', { cache: this.cache, key })
  }

  put(key: string): void {
    this.stats.puts++
    if (this.events.wants('put')) this.events.emit('put', { cache: this.cache, key })
  }

  evict(what: { readonly key?: string; readonly tags?: readonly string[] }): void {
    this.stats.evictions++
    if (this.events.wants('evict')) this.events.emit('evict', { cache: this.cache, ...what })
  }

  removal(key: string, cause: RemovalCause): void {
    this.stats.removals[cause]++
    if (this.events.wants('removal')) this.events.emit('removal', { cache: this.cache, key, cause })
  }

  /** Many at once: named one by one only if somebody listens. */
  removals(keys: Iterable<string>, count: number, cause: RemovalCause): void {
    if (this.events.wants('removal')) for (const key of [...keys]) this.removal(key, cause)
    else this.stats.removals[cause] += count
  }

  superseded(key: string): void {
    this.stats.superseded++
    if (this.events.wants('superseded')) this.events.emit('superseded', { cache: this.cache, key })
  }

  refused(key: string, error: CacheError): void {
    this.stats.refused++
    if (error.code === 'CW_VALUE_TOO_LARGE') this.stats.tooLarge++
    this.warnings.once(error.code, this.cache, `Cache '${this.cache}' does not keep a value: ${error.message}`)
    if (this.events.wants('refused')) this.events.emit('refused', { cache: this.cache, key, error })
  }

  unreadable(key: string, error: CacheError): void {
    this.stats.unreadable++
    if (this.events.wants('unreadable')) this.events.emit('unreadable', { cache: this.cache, key, error })
  }

  /** Records that the shared tier failed; what comes of that, {@link failed} is asked once nothing is left half done. */
  sharedFailed(operation: SharedOperation, error: unknown): void {
    this.stats.sharedFailures++
    if (this.events.wants('sharedFailure')) {
      this.events.emit('sharedFailure', { cache: this.cache, operation, error })
    }
  }

  /** The same for what a call waits for. @throws what the user's handler of errors throws */
  failed(
    operation: FailedOperation,
    error: unknown,
    what: Partial<Pick<CacheFailure, 'key' | 'tags' | 'value'>>,
  ): void {
    this.sharedFailed(what.tags !== undefined || operation === 'clear' ? 'tags' : operation, error)
    this.onFailure({ operation, cache: this.cache, key: what.key, tags: what.tags, value: what.value, error })
  }
}
