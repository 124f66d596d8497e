import type { CompleteClock } from '../kernel/clock'
import { type Entry, isExpired, type RemovalCause } from '../kernel/entry'
import { cacheError } from '../kernel/errors'
import { lifeOf } from '../policies/expiry'
import { staleLife } from '../policies/staleness'
import type { LocalStore } from '../stores/local-store'
import type { CacheObserver } from './cache-observer'
import type { TagMarkers } from './tag-markers'

/** What a {@link LocalTier} works with. */
export interface LocalTierParts {
  readonly store: LocalStore
  readonly clock: CompleteClock
  /** The time by which entries are served: where nobody has to be believed, it may be a little late. */
  readonly now: () => number
  readonly markers: TagMarkers
  readonly observer: CacheObserver
  /** How long a copy of a shared entry is believed; `Infinity` where this process is the only one. */
  readonly trustMs: number
  /** The longest life of an entry in this tier. */
  readonly ttlMs: number
  readonly ttlJitter: number
}

/** The tier in this process's memory. Answers at once or not at all. */
export class LocalTier {
  constructor(private readonly parts: LocalTierParts) {}

  /** The entry that may be served now, and is within its life. */
  hit(key: string): Entry | undefined {
    const entry = this.parts.store.get(key)
    if (entry === undefined) return undefined
    const now = this.parts.now()
    if (isExpired(entry, now)) {
      if (now >= entry.staleUntil) this.drop(key, 'expired')
      return undefined
    }
    return this.#believed(key, entry, now)
  }

  /** The entry past its life, if it has not been evicted; whether it may be served, policies say. */
  stale(key: string): Entry | undefined {
    const { store, clock } = this.parts
    const entry = store.get(key)
    const now = clock.now()
    return entry === undefined || !isExpired(entry, now) || now >= entry.staleUntil
      ? undefined
      : this.#believed(key, entry, now)
  }

  /**
   * Ends the life of an entry now; what may happen past its life begins.
   *
   * @param staleMs how long that is for a life that would not have ended
   */
  expire(key: string, staleMs: number): void {
    const { store, clock } = this.parts
    const entry = store.get(key)
    const now = clock.now()
    if (entry === undefined || isExpired(entry, now)) return
    entry.staleUntil = now + staleLife(entry, staleMs)
    entry.expiresAt = now
    entry.refreshAt = Math.min(entry.refreshAt, now)
    if (now >= entry.staleUntil) this.drop(key, 'expired')
  }

  /** Keeps an entry, unless a tag it carries was evicted after its load began. */
  keep(key: string, entry: Entry): void {
    const { store, clock, markers, observer, ttlMs, ttlJitter } = this.parts
    markers.ensureHere(entry.markers)
    if (markers.judge(entry.markers, entry.stamp) === 'dead') {
      observer.superseded(key)
      return
    }
    const until = clock.now() + lifeOf(ttlMs, ttlJitter)
    const expiresAt = Math.min(entry.expiresAt, until)
    if (store.set(key, { ...entry, expiresAt, staleUntil: Math.min(entry.staleUntil, until) })) return
    observer.refused(
      key,
      cacheError(
        'CW_VALUE_TOO_LARGE',
        `The value takes about ${entry.bytes} bytes, more than the whole local tier (\`local.maxBytes\`). Return less, or raise the limit.`,
      ),
    )
  }

  /** The entry, whether it may be served or not. */
  peek(key: string): Entry | undefined {
    return this.parts.store.get(key)
  }

  has(key: string): boolean {
    return this.peek(key) !== undefined
  }

  keys(): Iterable<string> {
    return this.parts.store.keys()
  }

  drop(key: string, cause: RemovalCause): void {
    if (this.parts.store.delete(key)) this.parts.observer.removal(key, cause)
  }

  clear(cause: RemovalCause = 'explicit'): void {
    const { store, observer } = this.parts
    observer.removals(store.keys(), store.size, cause)
    store.clear()
  }

  get size(): number {
    return this.parts.store.size
  }

  get bytes(): number {
    return this.parts.store.bytes
  }

  #believed(key: string, entry: Entry, now: number): Entry | undefined {
    const { trustMs } = this.parts
    // Not dropped: the shared tier is asked again, and what it answers takes this one's place.
    if (now - entry.verifiedAt > trustMs && !(entry.watch !== undefined && now - entry.watch.verifiedAt <= trustMs)) {
      return undefined
    }
    return entry.markers.length === 0 || this.#isAlive(key, entry, now) ? entry : undefined
  }

  #isAlive(key: string, entry: Entry, now: number): boolean {
    const verdict = this.parts.markers.judge(entry.markers, entry.stamp, now)
    if (verdict === 'dead') this.drop(key, 'invalidated')
    return verdict === 'alive'
  }
}
