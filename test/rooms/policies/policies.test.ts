import type { PolicyPlace } from '../../../src/policies/options'
import { checkPolicies, decidePolicies, type Policies, plainPolicies } from '../../../src/policies/policies'

const decide = (given: PolicyPlace, outer: Policies = plainPolicies, ttlMs = 60_000): Policies =>
  decidePolicies(outer, given, ttlMs, 'here')

test('the nearer place wins, field by field', () => {
  const cache = decide({
    staleIfError: '1h',
    softTimeout: '1s',
    hardTimeout: '5s',
    refreshAhead: 0.5,
    negativeTtl: '1s',
  })
  expect(decide({ softTimeout: '2s', refreshAhead: false }, cache)).toEqual({
    ...cache,
    softTimeoutMs: 2_000,
    refreshAhead: undefined,
  })
  expect(decide({ staleIfError: 0, softTimeout: Number.POSITIVE_INFINITY }, cache)).toMatchObject({ staleIfErrorMs: 0 })
  expect(decide({}, cache)).toBe(cache)
  const errors = decide({ cacheErrors: { ttl: '1s' } })
  expect(errors.cacheErrors).toEqual({ ttlMs: 1_000 })
  expect(decide({ cacheErrors: false }, errors).cacheErrors).toBeUndefined()
})

type Impossible = [one: string, other: string, given: PolicyPlace, outer?: Policies, ttlMs?: number]

const impossible: Impossible[] = [
  ['staleWhileRevalidate', 'ttl', { ttl: 0, staleWhileRevalidate: '1s' }, plainPolicies, 0],
  ['staleIfError', 'ttl', { ttl: 0, staleIfError: '1s' }, plainPolicies, 0],
  ['softTimeout', 'hardTimeout', { staleIfError: '1h', softTimeout: '2s', hardTimeout: '2s' }],
  ['softTimeout', 'hardTimeout', { hardTimeout: '1s' }, decide({ staleIfError: '1h', softTimeout: '2s' })],
  ['softTimeout', 'staleIfError', { softTimeout: '1s' }],
  ['softTimeout', 'staleIfError', { staleIfError: 0 }, decide({ staleIfError: '1h', softTimeout: '2s' })],
  ['negativeTtl', 'ttl', { negativeTtl: '2m' }],
  ['negativeTtl', 'ttl', { ttl: '1s', negativeTtl: '2s' }, plainPolicies, 1_000],
  ['xfetchBeta', 'refreshAhead', { xfetchBeta: 2 }],
  ['xfetchBeta', 'refreshAhead', { xfetchBeta: 2, refreshAhead: 0.5 }],
  ['cacheErrors', 'staleIfError', { cacheErrors: { ttl: '1s' }, staleIfError: '1h' }],
  ['cacheErrors', 'staleIfError', { cacheErrors: { ttl: '1s' } }, decide({ staleIfError: '1h' })],
]

test.each(impossible)('`%s` and `%s` cannot both hold: %j', (...row) => {
  const [one, other, given, outer, ttlMs] = row
  expect(() => decide(given, outer, ttlMs)).toThrow(
    expect.objectContaining({
      code: 'CW_OPTIONS_CONTRADICT',
      message: expect.stringMatching(`^here: options \`${one}\` and \`${other}\` contradict each other: `),
    }),
  )
})

test.each<[given: PolicyPlace, outer?: Policies, ttlMs?: number]>([
  // Said elsewhere, and switched off here.
  [{ ttl: 0 }, decide({ staleIfError: '1h' }), 0],
  [{ ttl: '1s', staleIfError: '1m' }, decide({ negativeTtl: '30s' }), 1_000],
  [{ staleIfError: '1h', softTimeout: '1s', hardTimeout: '2s' }],
  [{ cacheErrors: { ttl: '1s', include: [Error] }, staleIfError: '1h' }],
  [{ refreshAhead: 'xfetch', xfetchBeta: 0.5 }],
  [{ ttl: Number.POSITIVE_INFINITY, staleIfError: '1h' }, plainPolicies, Number.POSITIVE_INFINITY],
])('%j is right', (...row) => {
  const [given, outer, ttlMs] = row
  expect(() => decide(given, outer, ttlMs)).not.toThrow()
})

test.each<[PolicyPlace, RegExp]>([
  [{ softTimeout: 0, staleIfError: '1h' }, /here: option `softTimeout` must be more than 0/],
  [{ hardTimeout: 0 }, /here: option `hardTimeout` must be more than 0/],
  [{ staleIfError: -1 }, /here: option `staleIfError`: -1 is not a duration/],
  [{ cacheErrors: { ttl: 0 } }, /here, cacheErrors: option `ttl` must be more than 0/],
])('%j is no value', (given, message) => {
  expect(() => decide(given)).toThrow(
    expect.objectContaining({ code: 'CW_OPTION_INVALID', message: expect.stringMatching(message) }),
  )
})

test('alone, a place is held only against what it says itself', () => {
  expect(() => checkPolicies({ softTimeout: '1s' }, 'here')).not.toThrow()
  expect(() => checkPolicies({ softTimeout: '2s', hardTimeout: '1s' }, 'here')).toThrow(
    '`softTimeout` and `hardTimeout`',
  )
  expect(() => checkPolicies({ ttl: '1s', negativeTtl: '2s' }, 'here')).toThrow('`negativeTtl` and `ttl`')
})
