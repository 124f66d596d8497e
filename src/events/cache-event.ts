import type { RemovalCause } from '../kernel/entry'
import type { CacheError } from '../kernel/errors'
import type { StaleReason } from '../kernel/stale-reason'
import type { WarmProgress } from './warm-progress'

/** The tier a value came from. */
export type TierName = 'local' | 'shared'

/** What a manager tells its listeners; `key` is the readable encoding of the key's parts. */
export interface CacheEvents {
  /** A read was answered by a tier. */
  hit: { readonly cache: string; readonly key: string; readonly tier: TierName }
  /** No tier had the value. */
  miss: { readonly cache: string; readonly key: string }
  /** The method was called and answered. */
  load: { readonly cache: string; readonly key: string; readonly durationMs: number }
  /** The method was called and failed; its error went to the callers. */
  loadFailure: { readonly cache: string; readonly key: string; readonly durationMs: number; readonly error: unknown }
  /** A value past its life was served; `reason` says why. Also counted as a hit if no load was waited for. */
  stale: { readonly cache: string; readonly key: string; readonly reason: StaleReason }
  /** A load was turned away, since too many were running and waiting. */
  shed: { readonly cache: string; readonly key: string }
  /** A value was put by a write. */
  put: { readonly cache: string; readonly key: string }
  /** Entries were asked to go: one key, the carriers of tags, or all of a cache (neither `key` nor `tags`). */
  evict: { readonly cache: string | undefined; readonly key?: string; readonly tags?: readonly string[] }
  /** An entry left the local tier. */
  removal: { readonly cache: string; readonly key: string; readonly cause: RemovalCause }
  /** A loaded value was not kept because its key or one of its tags was evicted while it was being loaded. */
  superseded: { readonly cache: string; readonly key: string }
  /** A value could not be kept: it cannot be carried, or is over a limit. The call was answered. */
  refused: { readonly cache: string; readonly key: string; readonly error: CacheError }
  /** A function given by the user threw, and this operation was skipped. The call was answered. */
  skipped: { readonly cache: string | undefined; readonly operation: string; readonly error: CacheError }
  /** What stands at a key in the shared tier is not an entry this version can read; treated as a miss. */
  unreadable: { readonly cache: string; readonly key: string; readonly error: CacheError }
  /** A warm has come one call further. */
  warm: WarmProgress
  /** Evictions had to be kept back because the shared tier did not take them, or have arrived now. */
  deferred: { readonly pending: number }
  /** A server of the shared tier has stopped answering in time, and is left alone, or answers again. */
  circuit: { readonly server: string; readonly state: 'open' | 'closed' }
  /** Values that waited were written, by a method with `@WriteBehind`, in one call. */
  written: { readonly cache: string; readonly count: number; readonly durationMs: number }
  /** A method with `@WriteBehind` failed; what it was to write is written again after the pause. */
  writeFailed: {
    readonly cache: string
    readonly count: number
    readonly error: unknown
    readonly pauseMs: number
  }
  /** A write failed too often and was put aside. */
  buried: { readonly cache: string; readonly key: string; readonly error: unknown }
  /** The shared tier failed an operation. The call was answered without it. */
  sharedFailure: { readonly cache: string | undefined; readonly operation: SharedOperation; readonly error: unknown }
}

/** What the shared tier was asked for when it failed. */
export type SharedOperation = 'get' | 'put' | 'evict' | 'tags' | 'connect' | 'queue'

/** Names of the events. */
export type CacheEventName = keyof CacheEvents

/** Every event there is. */
export const cacheEventNames = [
  'hit',
  'miss',
  'load',
  'loadFailure',
  'stale',
  'shed',
  'put',
  'evict',
  'removal',
  'superseded',
  'refused',
  'skipped',
  'unreadable',
  'warm',
  'deferred',
  'circuit',
  'written',
  'writeFailed',
  'buried',
  'sharedFailure',
] as const satisfies readonly CacheEventName[]
