import { isCacheError } from '../index'

/** Names of attributes: of the semantic conventions where they have one, and in a namespace of our own where not. */
export const names = {
  /** Of the conventions. */
  errorType: 'error.type',
  cache: 'cachewright.cache.name',
  operation: 'cachewright.operation.name',
  outcome: 'cachewright.operation.outcome',
  tier: 'cachewright.tier',
  keyCount: 'cachewright.key.count',
  keys: 'cachewright.keys',
  reason: 'cachewright.stale.reason',
  cause: 'cachewright.removal.cause',
} as const

/** What `error.type` says of an error: few different texts, and none that a user's data has a part in. */
export function errorType(error: unknown): string {
  if (isCacheError(error)) return error.code
  // The name of its class: whatever stands in its fields may be different each time.
  const name = error instanceof Error ? error.constructor.name : ''
  return name === '' ? '_OTHER' : name
}
