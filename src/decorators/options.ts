import type { Duration } from '../kernel/duration'
import type { Version } from '../kernel/version'
import type { CacheKeyParts } from '../key/key-encoder'
import type { CacheManager } from '../manager/cache-manager'
import type { ErrorFilters } from '../policies/error-filter'
import type { KeepPolicyOptions, LoadPolicyOptions } from '../policies/options'

/*
 * The functions users write are generic parameters of the decorators, so that the compiler can hold them against the
 * method they stand on. These are the widest forms of each.
 */

// biome-ignore lint/suspicious/noExplicitAny: the only type from which the compiler infers a function's own parameters
type Anything = any

/** Makes the key of the arguments. */
export type KeyFunction = (...args: Anything[]) => CacheKeyParts
/** Makes the key of the result and the arguments. */
export type ResultKeyFunction = (result: Anything, ...args: Anything[]) => CacheKeyParts
/** Makes many keys of the arguments. */
export type KeysFunction = (...args: Anything[]) => readonly CacheKeyParts[]
/** Makes the arguments of another method. */
export type ArgumentsFunction = (...args: Anything[]) => readonly [] | readonly unknown[]
/** Makes the arguments of another method of the result and the arguments. */
export type ResultArgumentsFunction = (result: Anything, ...args: Anything[]) => readonly [] | readonly unknown[]
/** Decides by the arguments. */
export type ConditionFunction = (...args: Anything[]) => boolean
/** Decides by the result and the arguments. */
export type UnlessFunction = (result: Anything, ...args: Anything[]) => boolean
/** Names tags by the result and the arguments. */
export type ResultTagsFunction = (result: Anything, ...args: Anything[]) => readonly string[]
/** Tells which of two results is the newer one. */
export type VersionFunction = (result: Anything, ...args: Anything[]) => Version
/** Says of a result that there is nothing. */
export type NegativeFunction = (result: Anything, ...args: Anything[]) => boolean
/** Answers instead of an error. */
export type FallbackFunction = (error: unknown, ...args: Anything[]) => Anything
/** Names the element of the list that a value belongs to. */
export type IdFunction = (value: Anything) => Anything
/** Names tags by the arguments. */
export type ArgumentTagsFunction = (...args: Anything[]) => readonly string[]

/** What every operation can say. */
export interface OperationOptions {
  /** The cache, or several. @default the class's `@CacheConfig`, or else a cache of the method's own: `Class.method` */
  readonly cache?: string | readonly string[]
  /** The manager to use. @default the one the instance is bound to, or else the one `configureCaching` made */
  readonly manager?: CacheManager | (() => CacheManager)
}

/** How results are kept. */
interface ResultOptions<Key, Condition, Unless, Tags, Versions, Negative> extends OperationOptions, KeepPolicyOptions {
  /** Makes the key of the arguments. @default all parameters, or those marked `@CacheKey()`, without those marked `@CacheIgnore()` */
  readonly key?: Key
  /** How long the value lives. @default the cache's `ttl` */
  readonly ttl?: Duration
  /** Caches only calls for which this is true; others go straight to the method. @default always */
  readonly condition?: Condition
  /** Does not keep a result for which this is true. @default never */
  readonly unless?: Unless
  /** Tags by which the entry can be evicted: fixed, or read off result and arguments. @default none */
  readonly tags?: Tags | readonly string[]
  /**
   * Reads off the result which of two is the newer one, such as the row's version or time of change: the newest stays,
   * whichever is written last. For methods that may read a replica that is behind, and writes that may overtake
   * each other. A version is remembered as long as its value may live (a day at the most), and forgotten by an evict.
   * @default none: where two processes write one key at once, neither value stays
   */
  readonly version?: Versions
  /** Whether a result says that there is nothing, and lives for `negativeTtl`. @default null and undefined */
  readonly negative?: Negative
}

/** Options of `@Cacheable`; those of {@link LoadPolicyOptions} default to the cache's. */
export interface CacheableOptions<Key, Condition, Unless, Tags, Versions, Negative, Fallback>
  extends ResultOptions<Key, Condition, Unless, Tags, Versions, Negative>,
    LoadPolicyOptions {
  /**
   * The name of a method of the same class, under `@CacheableMany` and for the same cache, that loads many at once: what
   * has to be loaded of the calls of one turn of the event loop is loaded by one call of it. For methods with one
   * parameter (and an AbortSignal). @default each is loaded by itself
   */
  readonly loadMany?: PropertyKey
  /** What to answer with where the method failed and no stale value may stand in; kept nowhere. @default the error */
  readonly fallback?: Fallback
}

/** Options of `@CacheableMany`; those of {@link LoadPolicyOptions} default to the cache's. */
export interface CacheableManyOptions<Key, Condition, Unless, Tags, Versions, Negative, Id, List, IsMap>
  extends ResultOptions<Key, Condition, Unless, Tags, Versions, Negative>,
    LoadPolicyOptions {
  /** The field of the first argument that is the list, where that argument is an object; needs `key`. @default the argument itself */
  readonly list?: List
  /** Whether the method returns a Map by the elements of the list. @default false: an array */
  readonly map?: IsMap
  /**
   * Names the element of the list that a returned value belongs to, for methods that leave out what there is not, or keep
   * no order. @default by its place: as many values as elements, in their order
   */
  readonly idOf?: Id
  /**
   * What is kept for an element that the Map does not have, or no value belongs to: what a method for a single one returns
   * then. It is left out of the answer. @default nothing is kept
   */
  readonly cacheAbsent?: null | undefined
  /** The most elements of one call; more are loaded in several at once. @default 1_000 */
  readonly maxBatch?: number
}

/** Options of `@CachePut`; those of {@link KeepPolicyOptions} default to the cache's. */
export interface CachePutOptions<Key, ResultKey, Condition, Unless, Tags, Versions, Negative, Keys>
  extends ResultOptions<Key, Condition, Unless, Tags, Versions, Negative> {
  /**
   * Makes the keys of many entries, of the arguments; the method returns an array of as many values, in their order. The
   * other functions are asked about each value. @default one entry
   */
  readonly keys?: Keys
  /** Makes the key of the result and the arguments, for an id that the method assigns. @default `key` */
  readonly resultKey?: ResultKey
}

/** Makes a value of the present version of one that was queued by another. */
export type UpgradeFunction = (value: Anything, version: string) => Anything

/** Options of `@WriteBehind`. The functions are asked about each value of the list. */
export interface WriteBehindOptions<Key, Tags, Versions, Upgrade> extends OperationOptions {
  /** Makes the key of a value: that of the method that reads it. */
  readonly key: Key
  /** How long the value lives in the cache. @default the cache's `ttl` */
  readonly ttl?: Duration
  /** Tags by which the entry can be evicted: fixed, or read off the value. @default none */
  readonly tags?: Tags | readonly string[]
  /** Reads off the value which of two is the newer one; see `@CachePut`. Of two that wait, the newer is written. @default none */
  readonly version?: Versions
  /** The most values of one call of the method. @default 100 */
  readonly batch?: number
  /** How long a value waits for others at the most, before it is written; where a worker has died, five seconds more. @default '1s' */
  readonly maxDelay?: Duration
  /** How many keys may wait to be written; then calls wait for room. @default 10_000 */
  readonly maxPending?: number
  /** How long a call waits for room before it is refused (CW_WRITE_REFUSED). @default '5s' */
  readonly maxWait?: Duration
  /** How often a write may fail while others succeed (or by itself, where nothing else waits) until it is put aside. @default 10 */
  readonly maxTries?: number
  /** How long a call of the method may take until it counts as failed; its AbortSignal is aborted then. @default '1m' */
  readonly writeTimeout?: Duration
  /**
   * Makes a value of the present `version` of the cache of one that was queued under another one, before a deploy.
   * @default such writes wait for a process of their version
   */
  readonly upgrade?: Upgrade
}

/** Options of `@CacheEvict`. */
export interface CacheEvictOptions<Key, ResultKey, Condition, Unless, Tags, Keys, Named, Args, ResultArgs>
  extends OperationOptions {
  /**
   * Names the method whose entries are evicted, by its class: `of: () => [ProductService, 'findById']`. It has to stand under
   * `@Cacheable`, or under `@CacheableMany` for the entries of the elements of a list. Where its entries are and which keys
   * they have is what that method says, whatever it will say. On an object of the class, or of a subclass, they are those
   * of that object, in the overrides of the method too; elsewhere those of objects of just this class. The manager is the one
   * of the object that the evict is called on, as ever, or else the one that the method names. @default none
   */
  readonly of?: () => Named
  /**
   * Makes, of the arguments, those of the method that `of` names. @default the arguments themselves; the compiler holds
   * them against that method's parameters
   */
  readonly args?: Args
  /** Makes, of the result and the arguments, the arguments of the method that `of` names. @default `args` */
  readonly resultArgs?: ResultArgs
  /** Makes the keys of many entries, of the arguments. @default one entry */
  readonly keys?: Keys
  /** Makes the key of the arguments. @default as `@Cacheable`, unless `tags` or `allEntries` say what to evict */
  readonly key?: Key
  /** Makes the key of the result and the arguments. @default `key` */
  readonly resultKey?: ResultKey
  /** Evicts only after calls for which this is true. @default always */
  readonly condition?: Condition
  /** Does not evict after a result for which this is true. @default never */
  readonly unless?: Unless
  /**
   * Evicts what carries these tags: fixed, or by the arguments. In the named cache; in every cache where none is named.
   * @default none
   */
  readonly tags?: Tags | readonly string[]
  /** Evicts before the method, whether it will succeed or not. @default false: after it has succeeded */
  readonly before?: boolean
  /**
   * Evicts also when the method has failed: with any error (`true`), or with those that are meant. Such an evict knows no
   * result. @default false
   */
  readonly afterError?: boolean | ErrorFilters
  /** Evicts every entry of the cache. @default false */
  readonly allEntries?: boolean
  /**
   * Ends the life of the entry instead of removing it, so that `staleWhileRevalidate` and `staleIfError` may serve it
   * until the next is loaded. @default false: nobody is served what was evicted
   */
  readonly expire?: boolean
}

/** Options of `@CacheConfig`. */
export interface CacheConfigOptions extends OperationOptions {
  /** How long values live. @default the cache's `ttl` */
  readonly ttl?: Duration
}
