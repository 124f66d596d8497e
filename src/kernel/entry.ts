/** A value in the local tier with what is needed to judge it. */
export interface Entry {
  /** What the isolation of the cache made of the value; only that isolation reads it. */
  readonly held: unknown
  /** The settled promise handed out again on each hit, where the value itself may be handed out again. */
  settled: Promise<unknown> | undefined
  /** Whether the value is an error, to be thrown. */
  readonly isError: boolean
  /** Clock reading at which the source gave the value, or confirmed it, or it was put; in whichever process. */
  readonly createdAt: number
  /** Clock reading at which the entry expires; `Infinity`: never. */
  expiresAt: number
  /** Clock reading until which it may be served past that where a policy allows; not before `expiresAt`. */
  staleUntil: number
  /** Clock reading at which the value is to be loaded anew while it is still served; `Infinity`: never. */
  refreshAt: number
  /** Clock reading as of which the shared tier, or the source itself, vouched for the value. */
  readonly verifiedAt: number
  /** Who tells of changes of the entry, and of clears, so that this word counts too; undefined: nobody. */
  readonly watch: EntryWatch | undefined
  /** The tag counter as known before the value was loaded. */
  readonly stamp: number
  /** Tags the value carries. */
  readonly tags: readonly string[]
  /** Names of the markers of those tags. */
  readonly markers: readonly string[]
  /** A text that sorts as the versions of the value do; undefined where none is told. */
  readonly version: string | undefined
  /** What the source calls this state of the value (an etag, say); undefined where it was not told. */
  readonly validator: string | undefined
  /** How long the source took to make the value; what a hit saves. */
  readonly loadMs: number
  /** Estimated bytes on the heap. */
  readonly bytes: number
}

/** As of when all changes of an entry have been told. */
export interface EntryWatch {
  /** A clock reading. */
  readonly verifiedAt: number
}

/** Whether an entry's time is up; the one place that says what expiry means. */
export function isExpired(entry: Pick<Entry, 'expiresAt'>, now: number): boolean {
  return now >= entry.expiresAt
}

/** Why an entry left the local tier. */
export type RemovalCause = 'explicit' | 'replaced' | 'expired' | 'size' | 'invalidated'
