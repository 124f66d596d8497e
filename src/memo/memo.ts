import type { Lookup } from '../kernel/lookup'

/** How a memo does. */
export interface MemoInfo {
  /** Calls that were answered without calling the function. */
  readonly hits: number
  /** Calls of the function, those that threw too. */
  readonly misses: number
  /** `hits / (hits + misses)`; 0 before the first call. */
  readonly ratio: number
  /** Results held now; one whose time is up counts until it is next asked for. */
  readonly size: number
  /** The most results that are held: `maxEntries`. */
  readonly max: number
}

/** What is kept of one function, or of one method on one instance. */
export interface Memo<Arguments extends readonly unknown[] = readonly unknown[], Result = unknown> {
  /**
   * The result kept for these arguments, if there is one. Calls nothing, counts nothing, and is no use that would keep
   * the result longer.
   *
   * @throws CW_KEY_UNSUPPORTED, CW_FUNCTION_FAILED (as the other methods that take arguments)
   */
  peek(...args: Arguments): Lookup<Result>
  /** Removes the result for these arguments, and whatever a call under way would keep. @returns whether there was one */
  evict(...args: Arguments): boolean
  /** Removes every result, and whatever a call under way would keep. The counters stay. */
  clear(): void
  /** A snapshot of the counters. */
  info(): MemoInfo
  /** The key of a call with these arguments, in the text that the keys of every cache have. */
  keyOf(...args: Arguments): string
}
