import type { InvalidationFeed, InvalidationListener } from '../coherence/invalidation-feed'
import type { CompleteClock } from '../kernel/clock'

/**
 * Port: the tier that all processes share. Bytes in, bytes out; it knows nothing of frames, tags or methods.
 *
 * Every method touches keys one by one, so that an implementation never needs two keys in one slot, except that a
 * marker may be created from the counter. Every method rejects with a {@link CacheError} when the tier does not answer.
 */
export interface SharedStore {
  /** Resolves once the tier answers; rejects if it does not within the store's own limits. Reconnecting goes on either way. */
  connect(): Promise<void>
  /** Lets go of every connection of its own. */
  close(): Promise<void>
  /** Tells what happens to keys that were read or filled here. */
  readonly feed: InvalidationFeed
  /** The tier's clock in milliseconds, as well as this process knows it. */
  serverTime(): number
  /** A time that the tier's clock has certainly passed. */
  earliestServerTime(): number

  /** As many answers as keys, in their order, in one round trip. */
  getMany(keys: readonly string[]): Promise<(Buffer | null)[]>
  /**
   * Reads the key or takes a lease on it: null when the lease was granted, what stands there otherwise.
   *
   * @param over also take the lease if what stands there begins with these bytes (a dead entry)
   */
  lease(key: string, lease: Buffer, leaseMs: number, over?: Buffer): Promise<Buffer | null>
  /** Prolongs a lease that is still held; false if it is not. */
  renew(key: string, lease: Buffer, leaseMs: number): Promise<boolean>
  /** Gives a lease back if it is still held. */
  release(key: string, lease: Buffer): Promise<void>
  /** Replaces the lease by the value if it is still held; false, and nothing changed, if it is not. Watches the key. */
  fill(key: string, lease: Buffer, bytes: Buffer, lifeMs: number): Promise<boolean>
  /**
   * Writes entries in one round trip; for each, whether it stands. One whose key another process has written since
   * `beganAt` does not: which value is newer cannot be told, so the key is left empty. Watches the keys.
   */
  putMany(entries: readonly SharedPut[]): Promise<boolean[]>
  /** Removes what stands at the keys, leases too, and lets no write that began earlier take their place. */
  delete(keys: readonly string[]): Promise<void>

  /** The counter and the numbers of these markers, in one round trip. */
  readMarkers(keys: readonly string[]): Promise<MarkerNumbers>
  /** The same, but what is missing is created: the counter, and markers with its number, to live `lifeMs` at least. */
  ensureMarkers(keys: readonly string[], lifeMs: number): Promise<MarkerNumbers>
  /** Raises the counter and sets these markers to it; resolves to that number. */
  raiseMarkers(keys: readonly string[], lifeMs: number): Promise<number>
}

/** The tag counter and some markers as the shared tier has them; undefined for what it has not. */
export interface MarkerNumbers {
  readonly counter: number | undefined
  readonly markers: readonly (number | undefined)[]
}

/** One entry of {@link SharedStore.putMany}. */
export interface SharedPut {
  readonly key: string
  readonly bytes: Buffer
  readonly lifeMs: number
  /** Server time at which the write began, or a little earlier. */
  readonly beganAt: number
}

/** What a manager tells a shared store when it opens it. */
export interface SharedStoreContext {
  readonly clock: CompleteClock
  /** The key of the tag counter. */
  readonly counterKey: string
  /** How long trust may last without a word of the feed; it listens for one a few times as often. */
  readonly maxStalenessMs: number
  readonly listener: InvalidationListener
  /** Told when there is a connection again, and whether the server still knows what it acknowledged before. */
  readonly onConnected: (isSameServer: boolean) => void
}

/** What `shared` takes: it opens a store for a manager; nothing is connected before. */
export interface SharedStoreFactory {
  /** What the tier is, for messages. */
  readonly name: string
  /** Milliseconds after which a command is given up. */
  readonly commandTimeoutMs: number
  open(context: SharedStoreContext): SharedStore
}
