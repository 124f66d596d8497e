import type { Entry } from '../kernel/entry'
import type { Lookup } from '../kernel/lookup'
import type { Policies } from '../policies/policies'
import type { Adjustments } from './adjustments'
import type { Flight } from './flight'

/*
 * How a value gets into a cache, and how it is kept out
 * ======================================================
 *
 * A cache is a chain of loaders. The local tier asks the shared tier, the shared tier asks the source, and the source
 * is the user's method. A tier that has the value answers; one that has not asks the next and keeps what comes back, so
 * there is one read path however many tiers there are.
 *
 *     Cache.read -> local tier -> flight -> SharedTier.load -> SourceTier.load -> the method
 *
 * The hard part is not getting values in but keeping old ones out. A load begins, the row changes, the key is evicted,
 * and then the load ends with what it read before the change: kept, that value would be served until its ttl. Each
 * tier has its own answer.
 *
 * - In a process, every load is a *flight*. Evict, put and clear revoke the flights of their keys: those who already
 *   wait may have the value (they asked before the evict), no tier keeps it, and who comes later starts a new flight.
 * - In the shared tier, the loader first puts a *lease* at the key itself, and its fill is a compare-and-set: it takes
 *   effect only where the lease still stands. An evict deletes whatever is at the key, lease included, so a late fill
 *   from any process finds nothing to replace. No lease, no fill.
 * - Tags are judged when an entry is read, by numbers (see tag-markers.ts), because what a load will carry is known
 *   only when it ends.
 *
 * An evict drops local first, then the shared tier, then local once more: in between, another reader may have fetched
 * the old value from the shared tier into the local one.
 *
 * A local copy of a shared entry is believed for `maxStaleness` from the moment at which the shared tier was *asked*
 * (`verifiedAt`), never from the moment its answer came. The invalidation feed renews that trust as long as it is up:
 * it tells of every change of what was read, and says as of when it has told all. What another process evicts cannot be
 * outlived by more than `maxStaleness`, whatever happens to messages and connections. While the shared tier is away
 * the same arithmetic, counted from the start of the load, leaves a micro-cache that shields the source.
 *
 * The feed may overtake the answer it is about, so a flight is marked before it asks and not kept if it was named since.
 *
 * Expiry is absolute. The source decides when a value dies, the tiers only ever shorten it. Past its life a value may
 * stand in for the next one for a while (see policies/staleness.ts), in the shared tier too, where it stays until that
 * one takes its place. What was evicted never does: an evict removes, and only `expire` merely ends a life.
 */

/** A tier below the local one: finds a value, or asks the tier below it. */
export interface Tier {
  load(flight: Flight): Promise<Loaded>
}

/** What comes back up the tiers. */
export interface Loaded {
  /** The value with all that is needed to keep it; undefined where it cannot be kept apart from its callers' copies. */
  readonly entry: Entry | undefined
  /** Whether the tiers above may keep the entry. */
  readonly keep: boolean
  /** The bare value, where there is no entry. */
  readonly value: unknown
  /** Nothing was loaded, since somebody else sees to it: who waits has to ask again. */
  readonly isAbandoned?: boolean
  /** The entry is past its life, and an answer by the policies of whoever began the load. */
  readonly isStale?: boolean
}

/** Calls the source when there is a place for one more load; the signal gives up waiting for it. */
export type Inside = <Result>(signal: AbortSignal, call: () => Promise<Result>) => Promise<Result>

/** Asks what waits to be written for a key; undefined where nothing ever waits. */
export type PendingLookup = (key: string) => Promise<Lookup<unknown>> | undefined

/** A read that missed, as the tiers see it. */
export interface LoadRequest {
  /** The encoded parts of the key. */
  readonly key: string
  /** Calls the method; the signal is aborted when nobody waits any more. */
  readonly load: (signal: AbortSignal, adjustments?: Adjustments, inside?: Inside) => Promise<unknown>
  readonly terms: Terms
  /** Whether the value may carry tags of its own. */
  readonly tagged: boolean
  /** Told once it is known that the value need not be loaded now: somebody else sees to it. */
  readonly decided?: () => void
  /** Where the method loads many at once: one call of it is one load, and may leave out this key. */
  readonly together?: Together
  /** The call it is for: loads of one call through several caches keep one value on the method's one word. */
  readonly call: object
}

/** How the value of one key is loaded with others. */
export interface Together {
  /** Whether the method left out this key, and that is not to be kept. */
  isLeftOut(): boolean
  /** Has the value loaded with what others enroll; `arrived` or `failed` is called when that is done. */
  enroll(flight: Flight, inside: Inside, arrived: (value: unknown) => void, failed: (error: unknown) => void): void
}

/** On what terms a value is kept. */
export interface Terms {
  /** Milliseconds; 0 keeps nothing, `Infinity` keeps for ever. */
  readonly ttlMs: number
  readonly ttlJitter: number
  readonly policies: Policies
  /** What is to be known of this value, or undefined if it is not to be kept at all. Never throws. */
  readonly ifKept: (value: unknown) => Kept | undefined
  /** The tags of an error that is an answer to be kept, or undefined if it is none. Never throws. */
  readonly ifErrorKept: (error: unknown) => readonly string[] | undefined
  /** Whether nothing past its life may stand in for the value: who warms wants it loaded. */
  readonly isStrict?: boolean
  /** What to answer with instead of an error, if anything. Never throws. */
  readonly fallback: (error: unknown) => { readonly value: unknown } | undefined
}

/** What users tell of a value that is kept. */
export interface Kept {
  readonly tags: readonly string[]
  /** Milliseconds; 0 keeps nothing. */
  readonly ttlMs: number
  /** Milliseconds in which it may be served while a newer one is loaded; undefined: as the policies say. */
  readonly staleWhileRevalidateMs?: number | undefined
  /** A text that sorts as versions do; undefined where none is told. */
  readonly version?: string | undefined
  /** What the source calls this state of the value. */
  readonly validator?: string | undefined
}
