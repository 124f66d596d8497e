import { type Duration, milliseconds } from '../kernel/duration'
import { cacheError } from '../kernel/errors'
import { checkOptions } from '../kernel/options'
import { refuseContradictions } from './contradictions'
import type { EarlyRefresh, EarlyRefreshPolicy } from './early-refresh'
import type { ErrorFilters } from './error-filter'
import { cacheErrorsRules, type LoadPolicyOptions, loadPolicyRules, type PolicyPlace } from './options'
import type { Staleness } from './staleness'

/** Every policy of one operation in one cache, decided. */
export interface Policies extends Staleness, EarlyRefreshPolicy {
  readonly refreshAhead: EarlyRefresh
  readonly throttleMs: number
  readonly softTimeoutMs: number
  readonly hardTimeoutMs: number
  readonly negativeTtlMs: number | undefined
  readonly cacheErrors: CachedErrors | undefined
}

/** `cacheErrors`, decided. */
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

const policyNames = Object.keys(loadPolicyRules) as readonly (keyof LoadPolicyOptions)[]

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
