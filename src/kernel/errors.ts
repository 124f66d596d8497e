/** What a {@link CacheError} can say. A code is never reused for another meaning; `docs/errors.md` lists each with its remedy. */
const errorKinds = {
  /** A decorator, manager or store option has a value outside its rule. */
  CW_OPTION_INVALID: TypeError,
  /** An option name nobody knows; usually a typing mistake. */
  CW_OPTION_UNKNOWN: TypeError,
  /** Two options that cannot both hold. */
  CW_OPTIONS_CONTRADICT: TypeError,
  /** A decorator stands where it cannot work. */
  CW_DECORATOR_MISPLACED: TypeError,
  /** A decorated method was called before a cache manager was configured. */
  CW_NOT_CONFIGURED: Error,
  /** Two copies of this package in one process that do not understand each other. */
  CW_VERSION_MISMATCH: Error,
  /** The decorated methods contradict each other; found by `ready()`. */
  CW_DEFINITION_CONFLICT: Error,
  /** A decorated method answered something that is not a promise. */
  CW_SYNC_METHOD: TypeError,
  /** A memoised method or function answered a promise. */
  CW_ASYNC_METHOD: TypeError,
  /** An argument, or what a key function returned, cannot be part of a key. */
  CW_KEY_UNSUPPORTED: TypeError,
  /** A key, tag, condition, unless or partition function of the user threw; the operation was skipped. */
  CW_FUNCTION_FAILED: Error,
  /** A value cannot be carried by the cache; the call still answered. */
  CW_VALUE_UNSUPPORTED: TypeError,
  /** A value is larger than the cache's limit; the call still answered. */
  CW_VALUE_TOO_LARGE: Error,
  /** What stands at a key in the shared tier is not an entry this version can read. */
  CW_ENTRY_UNREADABLE: Error,
  /** What a method for many returned does not fit the list it was given. */
  CW_BATCH_MISMATCH: TypeError,
  /** A load took longer than the hard timeout, or than the load deadline. */
  CW_LOAD_TIMEOUT: Error,
  /** Too many loads are running and waiting; the method was not called. */
  CW_LOADS_FULL: Error,
  /** A write was not accepted: the queue is full, or its manager is closed. */
  CW_WRITE_REFUSED: Error,
  /** A write failed too often and was put aside; others are made. */
  CW_WRITE_BURIED: Error,
  /** The manager was closed with writes that were not made, in a queue that ends with the process. */
  CW_WRITES_LOST: Error,
  /** The shared tier did not answer within its command timeout. */
  CW_SHARED_TIMEOUT: Error,
  /** The shared tier is not connected. */
  CW_SHARED_UNAVAILABLE: Error,
  /** An evict that was to be acknowledged could not be sent; it is sent again until it gets through. */
  CW_EVICTION_DEFERRED: Error,
  /** The shared tier answered a command with an error. */
  CW_SHARED_REFUSED: Error,
} as const satisfies Record<string, ErrorConstructor>

/** A stable name for what went wrong. */
export type CacheErrorCode = keyof typeof errorKinds

/** Every code there is, for documentation and exhaustive handling. */
export const cacheErrorCodes = Object.keys(errorKinds) as readonly CacheErrorCode[]

/** An error of this toolkit: an `Error` (a `TypeError` where the mistake is in the program) with a stable `code`. */
export interface CacheError extends Error {
  readonly code: CacheErrorCode
}

// Symbol.for, so that a second copy of the package in the process recognises the first one's errors.
const brand: unique symbol = Symbol.for('cachewright.error') as never

/** Makes a {@link CacheError}; the message names what was wrong and says what to do. */
export function cacheError(code: CacheErrorCode, message: string, cause?: unknown): CacheError {
  const Kind = errorKinds[code]
  const error = cause === undefined ? new Kind(message) : new Kind(message, { cause })
  Object.defineProperty(error, brand, { value: true })
  Object.defineProperty(error, 'code', { value: code, enumerable: true })
  Error.captureStackTrace(error, cacheError)
  return error as Error as CacheError
}

/** Whether `value` is an error of this toolkit, made by this copy of the package or another one. */
export function isCacheError(value: unknown): value is CacheError {
  return typeof value === 'object' && value !== null && (value as Record<PropertyKey, unknown>)[brand] === true
}
