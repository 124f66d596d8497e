import { cacheError } from '../kernel/errors'
import type { PolicyPlace } from './options'
import type { Policies } from './policies'

/**
 * Refuses a place whose policies cannot hold together.
 *
 * @param isAsked whether what two options say is held against each other, by which of them the place itself says
 * @throws CW_OPTIONS_CONTRADICT
 */
export function refuseContradictions(
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
      `${where}: options \`${one}\` and \`${other}\` contradict each other: ${why} Change one of them, here or where it is inherited from.`,
    )
  }
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
