import type { ErrorFilters } from '../policies/error-filter'
import type { PolicyPlace } from '../policies/options'

/** A function of the user, as recorded: its parameters were checked by the compiler where it was written. */
export type UserFunction = (...args: readonly unknown[]) => unknown

/** What one decorator asks for. Frozen when recorded; executed by the interceptor. */
export interface Operation {
  readonly kind: 'read' | 'put' | 'evict'
  /** The decorator as written, for messages. */
  readonly decorator: string
  /** Caches by name; undefined: the class's `@CacheConfig`, or else a cache of the method's own. */
  readonly caches: readonly string[] | undefined
  /** Makes the key of the arguments. */
  readonly key: UserFunction | undefined
  /** Makes the key of result and arguments. */
  readonly resultKey: UserFunction | undefined
  /** Makes the keys of many entries at once, of the arguments. */
  readonly keys: UserFunction | undefined
  /** For an evict of what another method keeps: answers with the class and the name of that method. */
  readonly of: (() => unknown) | undefined
  /** Makes the arguments of that method, of the arguments. */
  readonly args: UserFunction | undefined
  /** Makes the arguments of that method, of result and arguments. */
  readonly resultArgs: UserFunction | undefined
  readonly ttlMs: number | undefined
  /** Asked with the arguments before anything else; false leaves the operation out. */
  readonly condition: UserFunction | undefined
  /** Asked with result and arguments; true leaves the operation out. */
  readonly unless: UserFunction | undefined
  /** Tags of result and arguments (reads, puts) or of the arguments (evicts). */
  readonly tags: UserFunction | undefined
  /** The tags, where they are fixed: those of an error too. */
  readonly fixedTags: readonly string[] | undefined
  /** The version of the result, by result and arguments. */
  readonly version: UserFunction | undefined
  /** Says of a result that there is nothing. */
  readonly negative: UserFunction | undefined
  /** Answers instead of an error, by error and arguments. */
  readonly fallback: UserFunction | undefined
  /** For a method that takes a list: how its elements are read one by one. */
  readonly many: ListOperation | undefined
  /** For a method whose calls are queued: how. */
  readonly behind: BehindOperation | undefined
  /** The method of the same class that loads many at once, by its name. */
  readonly loadMany: PropertyKey | undefined
  /** What is said of keeping and loading, as given. */
  readonly policies: PolicyPlace
  /** An evict that happens before the method. */
  readonly before: boolean
  /** Whether an evict happens although the method failed, or with which errors. */
  readonly afterError: boolean | ErrorFilters
  /** An evict that ends lives instead of removing entries. */
  readonly expire: boolean
  /** An evict of the whole cache. */
  readonly allEntries: boolean
  /** A manager, or a function that returns one; which of both, and whether it is one, the interceptor finds out. */
  readonly manager: unknown
}

/** How the list that a method takes, and what it returns, belong together. */
export interface ListOperation {
  /** The field of the first argument that is the list; undefined: the first argument itself. */
  readonly list: string | undefined
  /** Whether the method returns a Map by the elements of the list. */
  readonly isMap: boolean
  /** The element of the list that a returned value belongs to; undefined: by its place. */
  readonly idOf: UserFunction | undefined
  /** What is kept for an element the source does not know; undefined: nothing. */
  readonly absent: { readonly value: null | undefined } | undefined
  /** The most elements of one call. */
  readonly maxBatch: number
}

/** How the writes of a method wait and are made; see `WriteBehindOptions`. */
export interface BehindOperation {
  readonly batch: number
  readonly maxDelayMs: number
  readonly maxPending: number
  readonly maxWaitMs: number
  readonly maxTries: number
  readonly writeTimeoutMs: number
  readonly upgrade: UserFunction | undefined
}

/** Class-wide settings: what operations that do not say otherwise fall back to. */
export interface ClassConfig {
  readonly caches: readonly string[] | undefined
  readonly ttlMs: number | undefined
  readonly manager: unknown
}

/** Which parameters make the key. */
export interface ParameterMarks {
  /** `@CacheKey()`: these alone, each whole or by a path. */
  readonly keys: readonly { readonly index: number; readonly path: string | undefined }[]
  /** `@CacheIgnore()`: all but these. */
  readonly ignored: readonly number[]
}
