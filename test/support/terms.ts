import type { Terms } from '../../src/cache/tier'
import { plainPolicies } from '../../src/policies/policies'

/** Terms on which any value is kept for a minute. */
export const plainTerms: Terms = {
  ttlMs: 60_000,
  ttlJitter: 0,
  policies: plainPolicies,
  ifKept: () => ({ tags: [], ttlMs: 60_000 }),
  ifErrorKept: () => undefined,
  fallback: () => undefined,
}
