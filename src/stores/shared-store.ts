import type { InvalidationListener, Watch } from '../coherence/invalidation-feed'
import type { CompleteClock } from '../kernel/clock'
import type { CacheError } from '../kernel/errors'
import type { WriteQueue } from './write-queue'

/**
 * Port: the tier that all processes share. Bytes in, bytes out; it knows nothing of frames, tags or methods.
 *
 * Every method touches keys one by one, so that an implementation never needs two keys in one slot, except that a
 * marker may be created from the counter. Every method rejects with a {@link CacheError} when the tier does not answer.
 */
export interface SharedStore {
  /** Resolves once the tier answers; rejects if it does not within the store's own limits. Reconnecting goes on either way. */
  connect(): Promise<void>
  /** Really tries what the store needs of its servers, which have to be connected, and says what they refuse. */
  probe(): Promise<readonly SharedFinding[]>
  /** Lets go of every connection of its own. */
  close(): Promise<void>
  /** The tier's clock in milliseconds, as well as this process knows it. */
  serverTime(): number

  /**
   * Clock reading as of which every server has told of all changes of what was read from it; of one that has never told, the
   * reading at which it was first waited for. Without this nobody tells.
   */
  toldAt?(): number
  /** Why a key need not be asked for now: whoever has to answer for it is known not to. Undefined: it may answer. */
  silenceOf(key: string): CacheError | undefined
  /** Keys by who has to answer for them, so that what fails for some does not fail for others. */
  groups(keys: readonly string[]): readonly (readonly string[])[]
  /** As many answers as keys, in their order, in one round trip. */
  getMany(keys: readonly string[]): Promise<Found[]>
  /**
   * Reads the key or takes a lease on it: nothing is found when the lease was granted.
   *
   * @param over also take the lease if what stands there begins with these bytes (a dead entry)
   */
  lease(key: string, lease: Buffer, leaseMs: number, over?: Buffer): Promise<Found>
  /** Takes leases on those of many keys where nothing stands, and tells which; what stands at the others is not looked at. */
  leaseMany(keys: readonly string[], leases: readonly Buffer[], leaseMs: number): Promise<readonly boolean[]>
  /** Prolongs a lease that is still held; false if it is not. */
  renew(key: string, lease: Buffer, leaseMs: number): Promise<boolean>
  /** The same for many. */
  renewMany(keys: readonly string[], leases: readonly Buffer[], leaseMs: number): Promise<readonly boolean[]>
  /** Gives a lease back if it is still held. */
  release(key: string, lease: Buffer): Promise<void>
  /**
   * Replaces the lease by the value if it is still held; otherwise nothing is changed, and nothing stands.
   *
   * @param version a text that sorts as versions do: a value older than one that was written is not let in
   */
  fill(key: string, lease: Buffer, bytes: Buffer, lifeMs: number, version?: string): Promise<Written>
  /** The same for many. */
  fillMany(fills: readonly SharedFilling[]): Promise<readonly Written[]>
  /** Replaces what still begins with `head`; otherwise nothing is changed, and nothing stands. */
  replace(replacement: Replacement): Promise<Written>
  /**
   * Writes entries in one round trip; for each, whether it stands. One whose key another process has written since
   * `beganAt` does not: which value is newer cannot be told, so the key is left empty. With versions the newest stays,
   * whoever wrote it.
   */
  putMany(entries: readonly SharedPut[]): Promise<Written[]>
  /**
   * Removes what stands at the keys, leases too, and lets no write that began earlier take their place.
   *
   * @param as a retry is no write of now: it must not pass for one when writes of this process are told from others'
   */
  delete(keys: readonly string[], as?: 'journal'): Promise<void>

  /**
   * The queue of writes of a cache, at keys that begin so; they stand in one slot. Without it writes are queued in each
   * process by itself.
   */
  writeQueue?(keys: string): WriteQueue

  /** Keys that match a pattern of Redis, in batches: looks at every key there is. Some may come twice. */
  scan(pattern: string): AsyncIterable<readonly string[]>

  /** The counter and the numbers of these markers, in one round trip. */
  readMarkers(keys: readonly string[]): Promise<MarkerNumbers>
  /** The same, but what is missing is created: the counter, and markers with its number, to live `lifeMs` at least. */
  ensureMarkers(keys: readonly string[], lifeMs: number): Promise<MarkerNumbers>
  /** Raises the counter and sets these markers to it; resolves to that number. */
  raiseMarkers(keys: readonly string[], lifeMs: number): Promise<number>
}

/** What stands at a key, and who will tell of its changes from then on; undefined: nobody. */
export interface Found {
  readonly bytes: Buffer | null
  readonly watch: Watch | undefined
}

/** Whether what was written stands, and who will tell of its changes from then on. */
export interface Written {
  readonly stands: boolean
  readonly watch: Watch | undefined
}

/** The tag counter and some markers as the shared tier has them. */
export interface MarkerNumbers {
  readonly counter: MarkerNumber
  readonly markers: readonly MarkerNumber[]
}

/** A number of the shared tier, undefined if it has none, and who will tell of its changes from then on. */
export interface MarkerNumber {
  readonly number: number | undefined
  readonly watch: Watch | undefined
}

/** What {@link SharedStore.replace} puts in place of what. */
export interface Replacement {
  readonly key: string
  readonly head: Buffer
  readonly bytes: Buffer
  readonly lifeMs: number
  /** A text that sorts as versions do: a value older than one that was written is not let in. */
  readonly version: string | undefined
}

/** One entry of {@link SharedStore.fillMany}. */
export interface SharedFilling {
  readonly key: string
  readonly lease: Buffer
  readonly bytes: Buffer
  readonly lifeMs: number
  /** A text that sorts as versions do. */
  readonly version: string | undefined
}

/** One entry of {@link SharedStore.putMany}. */
export interface SharedPut {
  readonly key: string
  readonly bytes: Buffer
  readonly lifeMs: number
  /** When the write began, by the machine's own clock. */
  readonly beganAt: number
  /** A text that sorts as versions do. */
  readonly version?: string | undefined
}

/** What a manager tells a shared store when it opens it. */
export interface SharedStoreContext {
  readonly clock: CompleteClock
  /** What every key begins with, up to a colon. */
  readonly root: string
  /** The key of the tag counter. */
  readonly counterKey: string
  /** How long trust may last without a word of the feed; it listens for one a few times as often. */
  readonly maxStalenessMs: number
  /** Milliseconds after which a command is given up. */
  readonly commandTimeoutMs: number
  readonly listener: InvalidationListener
  /** Told when the tier can be reached again, and whether the server still knows what it acknowledged before. */
  readonly onConnected: (isSameServer: boolean) => void
  /** Told when a server has stopped answering in time, so that nothing is sent to it, and when it answers again. */
  readonly onCircuit: (server: string, isOpen: boolean) => void
  /** Told once of what a developer should look at. */
  readonly onFinding: (finding: SharedFinding) => void
}

/** Something about the shared tier that should be looked at: it is used, but not for all that it could do. */
export interface SharedFinding {
  /** What is missing: a command, keys, a channel. */
  readonly subject: string
  /** What that costs, and what to do about it. */
  readonly message: string
}

/** What `shared` takes: it opens a store for a manager; nothing is connected before. */
export interface SharedStoreFactory {
  /** What the tier is, for messages. */
  readonly name: string
  /** Milliseconds after which a command is given up. */
  readonly commandTimeoutMs: number
  open(context: SharedStoreContext): SharedStore
}
