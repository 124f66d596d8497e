import type { WarmProgress } from '../events/warm-progress'
import { type Rules, rules } from '../kernel/options'
import type { CacheManager } from './cache-manager'

/** Options of {@link CacheManager.warm}. */
export interface WarmOptions {
  /** How many calls go on at once, of all lists together. @default 10 */
  readonly concurrency?: number
  /** Told after each call. What it throws ends the warm. */
  readonly onProgress?: (progress: WarmProgress) => void
  /** Ends the warm when aborted, at once: calls under way are left, and loads that nobody else waits for given up. */
  readonly signal?: AbortSignal
}

/** Rules of {@link WarmOptions}. */
export const warmRules: Rules<WarmOptions> = {
  concurrency: rules.count,
  onProgress: rules.callable,
  signal: { text: 'an AbortSignal', allows: (value) => value instanceof AbortSignal },
}

/** A method under `@Cacheable` on one object, as `cached(service)` gives it. */
export interface WarmableMethod<Arguments extends readonly unknown[] = readonly unknown[]> {
  keyOf(...args: Arguments): string
  warm(
    lists: Iterable<Readonly<Arguments>> | AsyncIterable<Readonly<Arguments>>,
    options?: WarmOptions,
  ): Promise<WarmReport>
}

/** Calls of one method that are to find their values cached. */
export interface WarmList<Arguments extends readonly unknown[] = readonly unknown[]> {
  /** For instance `cached(products).findById`. */
  readonly method: WarmableMethod<Arguments>
  /** The arguments of each call. No more are taken from it than calls go on at once, so it may be endless. */
  readonly with: Iterable<Readonly<Arguments>> | AsyncIterable<Readonly<Arguments>>
}

/** Rules of {@link WarmList}. */
export const warmListRules: Rules<WarmList> = {
  method: {
    text: 'the handle of a method under @Cacheable: `cached(service).method`',
    allows: (value) => typeof value === 'object' && value !== null && warmTarget in value,
  },
  with: {
    text: 'an array or another iterable of arguments',
    allows: (value) =>
      typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value),
  },
}

/** How a warm went. */
export interface WarmReport extends WarmProgress {
  /** Whether the lists came to their end: neither the signal nor `close()` ended the warm before. */
  readonly isComplete: boolean
  /** The first ten calls that failed. */
  readonly failures: readonly WarmFailure[]
}

/** A call that failed. */
export interface WarmFailure {
  /** For instance `Products.findById`. */
  readonly method: string
  readonly args: readonly unknown[]
  readonly error: unknown
}

/** What a {@link WarmableMethod} tells the manager of itself. @throws CW_OPTION_INVALID if nothing of it is cached */
export const warmTarget: unique symbol = Symbol('cachewright.warmTarget')

/** A method as it is warmed. */
export interface WarmTarget {
  readonly where: string
  readonly manager: CacheManager
  /** @returns whether the method was called for it; @throws what the method throws, or the reason of the signal */
  call(args: readonly unknown[], signal: AbortSignal): Promise<boolean>
}
