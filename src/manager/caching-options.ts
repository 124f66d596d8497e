import type { IsolationMode } from '../cache/isolation'
import type { CacheErrorHandler } from '../events/error-handler'
import type { Clock } from '../kernel/clock'
import type { Duration } from '../kernel/duration'
import type { TypeRegistration } from '../kernel/registered-types'
import type { KeyValue } from '../key/key-encoder'
import type { LoadPolicyOptions } from '../policies/options'
import type { SharedStoreFactory } from '../stores/shared-store'

/** The local tier (L1) of a cache. Each cache has one of its own, with these limits. */
export interface LocalOptions {
  /** The most entries a cache holds in memory; the least recently used leave first. @default 10_000 */
  readonly maxEntries?: number
  /** The most bytes (estimated heap size of values and keys) a cache holds in memory. @default no limit */
  readonly maxBytes?: number
  /** The longest life of a local copy, where that is to be shorter than the entry's own `ttl`. @default the entry's */
  readonly ttl?: Duration
  /** How callers are kept from changing what others get; see {@link IsolationMode}. @default 'freeze' */
  readonly isolation?: IsolationMode
}

/** What can be said for every cache (`defaults`) and for one (`caches`); the nearer wins. */
export interface SharedCacheOptions extends LoadPolicyOptions {
  /** How long an entry lives. 0 keeps nothing, `Infinity` keeps until evicted or pushed out. @default '5m' */
  readonly ttl?: Duration
  /** Shortens each life by up to this fraction at random, so that entries do not all expire together. @default 0 */
  readonly ttlJitter?: number
  /** The most bytes of one encoded value in the shared tier; a larger one is not kept there. @default 8 MiB */
  readonly maxValueBytes?: number
  /**
   * Names what keys are kept apart by, such as the present tenant; called for each key. A call for which it throws or
   * returns null or undefined is not cached.
   * @default one partition
   */
  readonly partition?: () => KeyValue
  /**
   * Lets `evictPrefix(['user', 7])` remove every entry whose key begins with these parts, at the same cost however many
   * there are. Each entry of two parts or more is then held against one marker for each part but the last. @default false
   */
  readonly hierarchical?: boolean
  /**
   * The version of the shape of the values: a whole number, or a short text such as the hash of a schema (3 and `'3'` are
   * one). It is part of every key in the shared tier, so that after a deploy with another version no value of the old
   * shape is read; the old ones die by their ttl. Processes of two versions share tags and `clear()`, but not values, puts
   * and evicts of keys. @default none
   */
  readonly version?: number | string
  /**
   * How long others wait for a load. After that it is taken to hang: those who joined it begin anew, another process
   * takes it over, and its late result is handed to whoever called it and kept nowhere. `Infinity` waits for ever.
   * @default '30s'
   */
  readonly loadDeadline?: Duration
  /**
   * How many loads of a cache may run at once in this process; the others queue. A load that waits for another one must
   * not keep it from running: what a load of a cache with this option waits for does not queue. One that takes longer
   * than `loadDeadline` is taken to hang, and its place is given to the next. @default Infinity
   */
  readonly maxConcurrentLoads?: number
  /** How many loads may queue; the next are answered with a stale value if there is one, or CW_LOADS_FULL. @default 1_000 */
  readonly maxQueuedLoads?: number
  /** How many values of a cache may be loaded anew in the background at once; the others stay due. @default 100 */
  readonly maxConcurrentRefreshes?: number
}

/** The options of one named cache. */
export interface CacheOptions extends SharedCacheOptions {
  /** The local tier of this cache; `false` for none. Fields left out are those of the manager's `local`. */
  readonly local?: LocalOptions | false
}

/** The options of a cache manager. */
export interface CachingOptions {
  /** Opens every key in the shared tier; services that share a server take different ones. @default 'cache' */
  readonly prefix?: string
  /** The local tier (L1) of every cache; `false` for none. @default `{ maxEntries: 10_000 }` */
  readonly local?: LocalOptions | false
  /** The shared tier (L2), such as `redis({ url })`. @default none: caches live in this process */
  readonly shared?: SharedStoreFactory | undefined
  /** What every cache starts from. */
  readonly defaults?: SharedCacheOptions
  /** Caches by name. A cache that is not named here has the defaults. */
  readonly caches?: Readonly<Record<string, CacheOptions>>
  /**
   * How long a local copy of a shared entry may be served without a word of the shared tier that nothing has changed: no
   * process serves an evicted value longer than this, whatever happens to connections. On a healthy network changes
   * are told within milliseconds. `Infinity` is the choice for availability: copies are served through an outage.
   * @default '1s'
   */
  readonly maxStaleness?: Duration
  /** The source of time. @default the machine's monotonic clock */
  readonly clock?: Clock
  /**
   * Told of each operation the shared tier did not do; see {@link CacheErrorHandler}. `strictErrors` fails the call.
   * @default the call goes on, and events and statistics tell
   */
  readonly errorHandler?: CacheErrorHandler
  /** Classes whose instances may be cached and be part of keys. @default none but the language's own */
  readonly types?: readonly TypeRegistration[]
}
