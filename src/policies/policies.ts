import { type Duration, milliseconds } from '../kernel/duration'
import { cacheError } from '../kernel/errors'
import { checkOptions, type Rules, rules } from '../kernel/options'
import type { EarlyRefresh, EarlyRefreshPolicy } from './early-refresh'
import type { ErrorFilters } from './error-filter'
import type { Staleness } from './staleness'

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

/** Every policy of one operation in one cache, decided. */
export interface Policies extends Staleness, EarlyRefreshPolicy {
  readonly refreshAhead: EarlyRefresh
  readonly throttleMs: number
  readonly softTimeoutMs: number
  readonly hardTimeoutMs: number
  readonly negativeTtlMs: number | undefined
  readonly cacheErrors: CachedErrors | undefined
}

/** {@link CacheErrorsOptions}, decided. */
export interface CachedErrors extends ErrorFilters {
  readonly ttlMs: number
}

/** What holds where nobody says anything. */
export const plainPolicies: Policies = {
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  throttleMs: 5_000,
  refreshAhead: undefined,
  xfetchBeta: 1,
  softTimeoutMs: Number.POSITIVE_INFINITY,
  hardTimeoutMs: Number.POSITIVE_INFINITY,
  negativeTtlMs: undefined,
  cacheErrors: undefined,
}

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

const cacheErrorsRules: Rules<CacheErrorsOptions> = { ...errorFilterRules, ttl: rules.anything }

const policyNames = Object.keys(loadPolicyRules) as readonly (keyof LoadPolicyOptions)[]

/** A place where policies are said, and what it says of the ttl. */
export type PolicyPlace = LoadPolicyOptions & { readonly ttl?: Duration | undefined }

/**
 * The policies of a place: what it says, and where it says nothing, what the place around it says.
 *
 * A place is refused for what it says itself, alone or against what it inherits; not for what others say.
 *
 * @param outer what the place around it says
 * @param ttlMs the ttl that holds in this place
 * @param where opens each message
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_OPTIONS_CONTRADICT
 */
export function decidePolicies(outer: Policies, given: PolicyPlace, ttlMs: number, where: string): Policies {
  if (!policyNames.some((name) => given[name] !== undefined)) return outer
  const policies = merge(outer, given, where)
  refuseContradictions(policies, given, ttlMs, where, (one, other) => one || other)
  return policies
}

/**
 * Checks what a place says, alone: what it inherits is not known yet.
 *
 * @throws as {@link decidePolicies}
 */
export function checkPolicies(given: PolicyPlace, where: string): void {
  const ttlMs = given.ttl === undefined ? Number.POSITIVE_INFINITY : milliseconds(given.ttl, `${where}: option \`ttl\``)
  refuseContradictions(merge(plainPolicies, given, where), given, ttlMs, where, (one, other) => one && other)
}

function merge(outer: Policies, given: PolicyPlace, where: string): Policies {
  const ms = <Otherwise>(name: keyof LoadPolicyOptions, otherwise: Otherwise, least = 0): number | Otherwise => {
    const value = given[name] as Duration | undefined
    if (value === undefined) return otherwise
    const its = milliseconds(value, `${where}: option \`${name}\``)
    if (its >= least) return its
    throw cacheError('CW_OPTION_INVALID', `${where}: option \`${name}\` must be more than 0.`)
  }
  return {
    staleWhileRevalidateMs: ms('staleWhileRevalidate', outer.staleWhileRevalidateMs),
    staleIfErrorMs: ms('staleIfError', outer.staleIfErrorMs),
    throttleMs: ms('staleIfErrorThrottle', outer.throttleMs),
    refreshAhead:
      given.refreshAhead === undefined
        ? outer.refreshAhead
        : given.refreshAhead === false
          ? undefined
          : given.refreshAhead,
    xfetchBeta: given.xfetchBeta ?? outer.xfetchBeta,
    softTimeoutMs: ms('softTimeout', outer.softTimeoutMs, Number.MIN_VALUE),
    hardTimeoutMs: ms('hardTimeout', outer.hardTimeoutMs, Number.MIN_VALUE),
    negativeTtlMs: ms('negativeTtl', outer.negativeTtlMs),
    cacheErrors: decideErrors(outer, given, where),
  }
}

function refuseContradictions(
  policies: Policies,
  given: PolicyPlace,
  ttlMs: number,
  where: string,
  isAsked: (one: boolean, other: boolean) => boolean,
): void {
  for (const [one, other, isBroken, why] of contradictions) {
    if (!isAsked(given[one] !== undefined, given[other] !== undefined) || !isBroken(policies, ttlMs, given)) continue
    throw cacheError(
      'CW_OPTIONS_CONTRADICT',
      `${where}: options \`${one}\` and \`${other}\` contradict each other: ${why}`,
    )
  }
}

function decideErrors(outer: Policies, { cacheErrors }: PolicyPlace, where: string): CachedErrors | undefined {
  if (cacheErrors === undefined) return outer.cacheErrors
  if (cacheErrors === false) return undefined
  const here = `${where}, cacheErrors`
  checkOptions(here, cacheErrors, cacheErrorsRules)
  const ttlMs = milliseconds(cacheErrors.ttl, `${here}: option \`ttl\``)
  if (ttlMs === 0)
    throw cacheError('CW_OPTION_INVALID', `${here}: option \`ttl\` must be more than 0; \`false\` keeps none.`)
  return { ttlMs, ...definedLists(cacheErrors) }
}

function definedLists({ include, exclude }: ErrorFilters): ErrorFilters {
  return { ...(include === undefined ? {} : { include }), ...(exclude === undefined ? {} : { exclude }) }
}

type Contradiction = readonly [
  one: keyof PolicyPlace,
  other: keyof PolicyPlace,
  isBroken: (policies: Policies, ttlMs: number, given: PolicyPlace) => boolean,
  why: string,
]

// Who says `ttl: 0` in one place switches off what is said of values around it.
const isUnkept = (ttlMs: number, { ttl }: PolicyPlace): boolean => ttlMs === 0 && ttl !== undefined

const contradictions: readonly Contradiction[] = [
  [
    'staleWhileRevalidate',
    'ttl',
    ({ staleWhileRevalidateMs }, ttlMs, given) =>
      staleWhileRevalidateMs > 0 && given.staleWhileRevalidate !== undefined && isUnkept(ttlMs, given),
    'a value that is not kept cannot be served stale.',
  ],
  [
    'staleIfError',
    'ttl',
    ({ staleIfErrorMs }, ttlMs, given) =>
      staleIfErrorMs > 0 && given.staleIfError !== undefined && isUnkept(ttlMs, given),
    'a value that is not kept cannot be served stale.',
  ],
  [
    'softTimeout',
    'hardTimeout',
    ({ softTimeoutMs, hardTimeoutMs }) => Number.isFinite(softTimeoutMs) && softTimeoutMs >= hardTimeoutMs,
    'the soft timeout, after which a stale value is served, must be shorter than the hard one, after which the call fails.',
  ],
  [
    'softTimeout',
    'staleIfError',
    ({ softTimeoutMs, staleIfErrorMs }) => Number.isFinite(softTimeoutMs) && staleIfErrorMs === 0,
    'after the soft timeout a stale value is served, and without `staleIfError` there is none.',
  ],
  [
    'negativeTtl',
    'ttl',
    ({ negativeTtlMs = 0 }, ttlMs, given) => given.negativeTtl !== undefined && negativeTtlMs > ttlMs,
    'that there is nothing must not be believed for longer than a value.',
  ],
  [
    'xfetchBeta',
    'refreshAhead',
    ({ refreshAhead }, _, given) => given.xfetchBeta !== undefined && refreshAhead !== 'xfetch',
    "`xfetchBeta` says how eager `refreshAhead: 'xfetch'` is.",
  ],
  [
    'cacheErrors',
    'staleIfError',
    ({ cacheErrors, staleIfErrorMs }) =>
      cacheErrors !== undefined && cacheErrors.include === undefined && staleIfErrorMs > 0,
    'an error that is kept is an answer, so no stale value would ever stand in for one. Say with `include` which errors are answers.',
  ],
]
