import type { Duration } from '../kernel/duration'
import { type Rules, rules } from '../kernel/options'
import type { Version } from '../kernel/version'
import { type KeepPolicyOptions, keepPolicyRules, type LoadPolicyOptions, loadPolicyRules } from '../policies/options'

// What users say to a cache.

/** How long a value is kept and how else it can be evicted. */
export interface KeepOptions<Value> extends KeepPolicyOptions {
  /** How long the entry lives. @default the cache's `ttl` */
  readonly ttl?: Duration
  /** Tags by which the entry can be evicted, or a function that reads them off the value. @default none */
  readonly tags?: readonly string[] | ((value: Value) => readonly string[])
  /** Whether the value says that there is nothing, and lives for `negativeTtl`. @default null and undefined */
  readonly negative?: (value: Value) => boolean
  /**
   * Reads off the value which of two is the newer one; the newest stays, whichever is written last. A version is
   * remembered as long as its value may live (a day at the most), and forgotten by an evict. @default none
   */
  readonly version?: (value: Value) => Version
}

/** Options of `evict` of a cache. */
export interface EvictOptions {
  /**
   * Resolves only when no process serves the old value any more, and rejects if the shared tier could not be reached.
   * That takes `maxStaleness`: a process that is cut off, and cannot be asked, believes its copy for so long and no
   * longer. @default false: resolves when the shared tier has it
   */
  readonly acknowledged?: boolean
}

/** Options of `getOrLoad` of a cache. */
export interface LoadOptions<Value> extends KeepOptions<Value>, LoadPolicyOptions {
  /** Leaves the wait when aborted; the load is cancelled when nobody waits for it any more. */
  readonly signal?: AbortSignal
  /** What to answer with where the value could not be loaded and none may stand in; kept nowhere. @default the error */
  readonly fallback?: (error: unknown) => Value
}

/** Makes the value of a key; the signal is aborted when nobody waits for it any more. */
export type Loader<Value> = (signal: AbortSignal) => Value | Promise<Value>

/** Rules of {@link KeepOptions}. */
export const keepRules: Rules<KeepOptions<unknown>> = {
  ttl: rules.anything,
  tags: rules.either(rules.list, rules.callable),
  version: rules.callable,
  negative: rules.callable,
  ...keepPolicyRules,
}

/** Rules of {@link EvictOptions}. */
export const evictRules: Rules<EvictOptions> = { acknowledged: rules.flag }

/** Rules of {@link LoadOptions}. */
export const loadRules: Rules<LoadOptions<unknown>> = {
  ...keepRules,
  ...loadPolicyRules,
  fallback: rules.callable,
  signal: { text: 'an AbortSignal', allows: (value) => value instanceof AbortSignal },
}
