/** What the shared tier was asked to do when it failed, as those see it who handle that. */
export type FailedOperation = 'get' | 'put' | 'evict' | 'clear'

/** An operation that the shared tier did not do. */
export interface CacheFailure {
  readonly operation: FailedOperation
  /** The cache; undefined for an operation on all caches. */
  readonly cache: string | undefined
  /** The readable encoding of the key's parts; undefined for tags, clears and what concerns many keys. */
  readonly key: string | undefined
  /** The tags of an evict by tags. */
  readonly tags: readonly string[] | undefined
  /** The value that was to be put. */
  readonly value: unknown
  /** CW_SHARED_TIMEOUT, CW_SHARED_UNAVAILABLE or CW_SHARED_REFUSED. */
  readonly error: unknown
}

/**
 * Told of every operation the shared tier did not do, before the call goes on without it. What it throws, the call is
 * rejected with instead: a read before the method is called, a put or evict after the method has succeeded. What could
 * not be evicted is kept and sent again either way. It may be told twice of one call, of its read and of its put.
 */
export type CacheErrorHandler = (failure: CacheFailure) => void

/**
 * The {@link CacheErrorHandler} for those to whom a call without its cache is worse than none: every failure of the
 * shared tier fails the call.
 */
export const strictErrors: CacheErrorHandler = ({ error }) => {
  throw error
}
