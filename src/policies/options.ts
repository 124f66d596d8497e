import type { Duration } from '../kernel/duration'
import { type Rules, rules } from '../kernel/options'
import type { ErrorFilters } from './error-filter'

// What users say of policies, in every place where they can.

/** How a value is kept past its life, and when it is loaded anew. Said for all caches, one cache or one operation. */
export interface KeepPolicyOptions {
  /**
   * How long past its life a value is still served at once, while a newer one is loaded in the background; one process at
   * a time does for each key. What was evicted is never served. @default 0: not at all
   */
  readonly staleWhileRevalidate?: Duration
  /**
   * How long past its life a value is served where a newer one cannot be loaded: the method fails, or takes longer than
   * `softTimeout`. What was evicted is never served, nor what cannot be known not to have been. @default 0: not at all
   */
  readonly staleIfError?: Duration
  /**
   * When a value is loaded anew in the background, by the next read, while it is still good: after this share of its life
   * (above 0, below 1), or `'xfetch'`, by chance, the more likely the nearer its end and the longer its load takes. One
   * process at a time does for each key; a value nobody reads expires as ever. @default false: not ahead
   */
  readonly refreshAhead?: number | 'xfetch' | false
  /** How long a result lives that says there is nothing: null or undefined, or what `negative` says. @default `ttl` */
  readonly negativeTtl?: Duration
}

/** Which errors are kept as answers, and for how long. */
export interface CacheErrorsOptions extends ErrorFilters {
  /** How long an error is the answer. */
  readonly ttl: Duration
}

/** How values are loaded, and what happens when that fails or takes long. */
export interface LoadPolicyOptions extends KeepPolicyOptions {
  /** How long a stale value is served after a failed load before the next is tried. @default '5s' */
  readonly staleIfErrorThrottle?: Duration
  /** How eager `refreshAhead: 'xfetch'` is; above 1 earlier, below 1 later. @default 1 */
  readonly xfetchBeta?: number
  /**
   * How long a call waits for a load before it is answered with the stale value, if there is one; the load goes on, and
   * what it brings is kept. Needs `staleIfError`. @default Infinity
   */
  readonly softTimeout?: Duration
  /**
   * How long a call waits at all: then it has the stale value if there is one, or CW_LOAD_TIMEOUT. The load goes on, and
   * what it brings is kept if it ends before `loadDeadline`. @default Infinity
   */
  readonly hardTimeout?: Duration
  /**
   * Errors that are answers, such as "not found": kept for their `ttl` and thrown again, without the method being called.
   * `false` keeps none where an outer place keeps some. @default false
   */
  readonly cacheErrors?: CacheErrorsOptions | false
}

/** A place where policies are said, and what it says of the ttl. */
export type PolicyPlace = LoadPolicyOptions & { readonly ttl?: Duration | undefined }

/** Rules of {@link KeepPolicyOptions}. */
export const keepPolicyRules: Rules<KeepPolicyOptions> = {
  staleWhileRevalidate: rules.anything,
  staleIfError: rules.anything,
  refreshAhead: rules.either(rules.shareWithin, rules.oneOf('xfetch', false)),
  negativeTtl: rules.anything,
}

/** Rules of {@link LoadPolicyOptions}. */
export const loadPolicyRules: Rules<LoadPolicyOptions> = {
  ...keepPolicyRules,
  staleIfErrorThrottle: rules.anything,
  xfetchBeta: { text: 'a finite number above 0', allows: (value) => Number.isFinite(value) && (value as number) > 0 },
  softTimeout: rules.anything,
  hardTimeout: rules.anything,
  cacheErrors: rules.either(rules.object, rules.oneOf(false)),
}

const filterList = {
  text: 'an array of error classes and functions',
  allows: (value: unknown) => Array.isArray(value) && value.every((filter) => typeof filter === 'function'),
}

/** Rules of {@link ErrorFilters}. */
export const errorFilterRules: Rules<ErrorFilters> = { include: filterList, exclude: filterList }

/** Rules of {@link CacheErrorsOptions}. */
export const cacheErrorsRules: Rules<CacheErrorsOptions> = { ...errorFilterRules, ttl: rules.anything }
