import type { RemovalCause } from '../kernel/entry'
import type { StaleReason } from '../kernel/stale-reason'

/** Counts of one cache since its manager was made; a snapshot that never changes. */
export interface CacheStats {
  /** Reads answered by a tier. */
  readonly hits: number
  /** Reads that no tier could answer. */
  readonly misses: number
  /** `hits / (hits + misses)`; 0 before the first read. */
  readonly hitRatio: number
  readonly loadSuccesses: number
  readonly loadFailures: number
  /** Reads that waited for a load another caller had begun. */
  readonly joins: number
  /** Load times: how many loads took at most so many milliseconds. */
  readonly loadTimes: LoadTimes
  /** Milliseconds the source would have worked for the hits: each hit counts the load time of its value. */
  readonly timeSavedMs: number
  /** Values past their life that were served, by reason. */
  readonly stale: Readonly<Record<StaleReason, number>>
  /** Loads turned away, since too many were running and waiting. */
  readonly shed: number
  readonly puts: number
  /** Evictions asked for: keys, tags and clears. */
  readonly evictions: number
  /** Loaded values not kept because of an eviction during the load. */
  readonly superseded: number
  /** Values not kept because they cannot be carried or are over a limit. */
  readonly refused: number
  readonly local: LocalStats
  /** Undefined where the manager has no shared tier. */
  readonly shared: SharedStats | undefined
}

/** Counts of the local tier of one cache. */
export interface LocalStats {
  readonly hits: number
  readonly misses: number
  /** Entries held now. */
  readonly size: number
  /** Estimated bytes held now; 0 where no byte limit is set. */
  readonly bytes: number
  /** Entries that left, by cause. */
  readonly removals: Readonly<Record<RemovalCause, number>>
}

/** Counts of the shared tier of one cache. */
export interface SharedStats {
  readonly hits: number
  readonly misses: number
  /** Operations the tier did not answer, in time or at all. */
  readonly failures: number
  /** What stood at a key and was not readable. */
  readonly unreadable: number
}

/** A histogram of load times. */
export interface LoadTimes {
  readonly totalMs: number
  readonly averageMs: number
  /** Ascending; the last bound is `Infinity`. */
  readonly buckets: readonly { readonly upToMs: number; readonly count: number }[]
}

const bucketBounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, Number.POSITIVE_INFINITY]

/** The running counts of one cache: plain numbers, so that counting a hit costs an addition. */
export class StatsCounter {
  localHits = 0
  localMisses = 0
  sharedHits = 0
  sharedMisses = 0
  sharedFailures = 0
  unreadable = 0
  misses = 0
  loadSuccesses = 0
  loadFailures = 0
  joins = 0
  timeSavedMs = 0
  readonly stale: Record<StaleReason, number> = { revalidating: 0, resting: 0, error: 0, slow: 0 }
  shed = 0
  puts = 0
  evictions = 0
  superseded = 0
  refused = 0
  /** Those of them that are over a limit. */
  tooLarge = 0
  readonly removals: Record<RemovalCause, number> = { explicit: 0, replaced: 0, expired: 0, size: 0, invalidated: 0 }
  #totalLoadMs = 0
  readonly #loadTimes: number[] = bucketBounds.map(() => 0)

  recordLoad(durationMs: number): void {
    this.loadSuccesses++
    this.#totalLoadMs += durationMs
    const bucket = bucketBounds.findIndex((bound) => durationMs <= bound)
    this.#loadTimes[bucket]!++
  }

  snapshot(size: number, bytes: number, hasShared: boolean): CacheStats {
    const hits = this.localHits + this.sharedHits
    return deepFreeze({
      hits,
      misses: this.misses,
      hitRatio: ratio(hits, this.misses),
      loadSuccesses: this.loadSuccesses,
      loadFailures: this.loadFailures,
      joins: this.joins,
      loadTimes: {
        totalMs: this.#totalLoadMs,
        averageMs: this.loadSuccesses === 0 ? 0 : this.#totalLoadMs / this.loadSuccesses,
        buckets: bucketBounds.map((upToMs, index) => ({ upToMs, count: this.#loadTimes[index]! })),
      },
      timeSavedMs: this.timeSavedMs,
      stale: { ...this.stale },
      shed: this.shed,
      puts: this.puts,
      evictions: this.evictions,
      superseded: this.superseded,
      refused: this.refused,
      local: { hits: this.localHits, misses: this.localMisses, size, bytes, removals: { ...this.removals } },
      shared: hasShared
        ? {
            hits: this.sharedHits,
            misses: this.sharedMisses,
            failures: this.sharedFailures,
            unreadable: this.unreadable,
          }
        : undefined,
    })
  }
}

/** Counts of a manager: each cache by name, and the sums that matter most. */
export interface ManagerStats {
  readonly caches: Readonly<Record<string, CacheStats>>
  readonly hits: number
  readonly misses: number
  readonly hitRatio: number
  readonly loadSuccesses: number
  readonly loadFailures: number
  /** Evictions that could not reach the shared tier yet; they are sent again until they have. */
  readonly deferredEvictions: number
  /** Undefined where the manager has no shared tier. */
  readonly shared: SharedState | undefined
}

/** How a manager and its shared tier get on now. */
export interface SharedState {
  /** Servers that have stopped answering in time, so that nothing is sent to them for now. */
  readonly openCircuits: readonly string[]
  /**
   * Milliseconds since the moment as of which every change made elsewhere is known to have been told here: so old a change
   * can be at the most that this process has not heard of. It is renewed by each heartbeat, four times in `maxStaleness`
   * but at least once a second, and grows while nobody tells; local copies that have to be told of are believed until it
   * reaches `maxStaleness`. Undefined where the store has nobody to tell.
   */
  readonly invalidationLagMs: number | undefined
}

/** Sums the caches of a manager. */
export function summarise(
  caches: Record<string, CacheStats>,
  deferredEvictions: number,
  shared: SharedState | undefined,
): ManagerStats {
  const total = { hits: 0, misses: 0, loadSuccesses: 0, loadFailures: 0 }
  for (const stats of Object.values(caches)) {
    total.hits += stats.hits
    total.misses += stats.misses
    total.loadSuccesses += stats.loadSuccesses
    total.loadFailures += stats.loadFailures
  }
  return deepFreeze({ caches, ...total, hitRatio: ratio(total.hits, total.misses), deferredEvictions, shared })
}

function ratio(hits: number, misses: number): number {
  return hits + misses === 0 ? 0 : hits / (hits + misses)
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part as object)
  return Object.freeze(value)
}
