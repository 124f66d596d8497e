import {
  type AllowedFinding,
  assertNoFindings,
  type CachingAudit,
  cacheError,
  describeThrown,
  detect,
  isCacheError,
  type TierName,
} from '../index'
import type { EventTrace } from './event-trace'

/** What a matcher answers to its runner. */
export interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

/** What loads can be counted of: a cache, a manager, or what was recorded of one. */
export type Loading = { stats(): { readonly loadSuccesses: number; readonly loadFailures: number } } | EventTrace

/** The matchers as `expect(…)` has them. */
export interface CacheMatchers<Result = void> {
  /**
   * Of a function that makes a call: every read that the call waits for is answered by a tier (the named one, if one is named),
   * and there is one.
   */
  toBeServedFromCache(tier?: TierName): Promise<void>
  /** Of a cache, a manager or an event trace: the source was called so often, whatever came of it. */
  toHaveLoadedTimes(times: number): Result
  /** Of `caching.audit()`: it has found nothing but what is allowed. */
  toHaveNoFindings(allowed?: readonly AllowedFinding[]): Result
}

declare global {
  // Jest's types and those of Vitest both read it here; without either it is a name that nobody uses.
  namespace jest {
    interface Matchers<R, T = {}> extends CacheMatchers<R> {}
  }
}

/**
 * Matchers for the `expect` of Jest and of Vitest.
 *
 * @example
 * ```ts
 * expect.extend(cacheMatchers)
 *
 * await expect(() => products.findById('42')).toBeServedFromCache()
 * expect(caching.cache('products')).toHaveLoadedTimes(1)
 * expect(caching.audit()).toHaveNoFindings(['low-hit-ratio'])
 * ```
 */
export const cacheMatchers = {
  async toBeServedFromCache(received: unknown, tier?: TierName): Promise<MatcherResult> {
    if (typeof received !== 'function') {
      throw wrong('toBeServedFromCache', 'a function that makes the call, such as () => products.findById(id)')
    }
    const detected = await detect(received as () => unknown)
    const wanted = tier === undefined ? ['local', 'shared'] : [tier]
    const pass = detected.reads.length > 0 && detected.reads.every(({ from }) => wanted.includes(from))
    const where = tier === undefined ? 'a cache' : `the ${tier} tier`
    const found = detected.reads.length === 0 ? 'no cache took part in the call' : `it was: ${String(detected)}`
    return { pass, message: () => `expected the call ${pass ? 'not ' : ''}to be served from ${where}; ${found}` }
  },

  toHaveLoadedTimes(received: unknown, times: number): MatcherResult {
    if (!Number.isSafeInteger(times) || times < 0) {
      throw cacheError('CW_OPTION_INVALID', 'toHaveLoadedTimes() takes a whole number, 0 or more.')
    }
    const loads = loadsOf(received)
    const pass = loads === times
    const told = isTrace(received) && received.lines.length > 0 ? `; it was told:\n${String(received)}` : ''
    return {
      pass,
      message: () =>
        `expected the source ${pass ? 'not ' : ''}to be called ${count(times)}, it was ${count(loads)}${told}`,
    }
  },

  toHaveNoFindings(received: unknown, allowed: readonly AllowedFinding[] = []): MatcherResult {
    const audit = received as CachingAudit | null | undefined
    if (!Array.isArray(audit?.findings)) throw wrong('toHaveNoFindings', 'an audit: caching.audit()')
    try {
      assertNoFindings(audit, allowed)
    } catch (error) {
      if (!isCacheError(error)) throw error
      return { pass: false, message: () => describeThrown(error) }
    }
    return { pass: true, message: () => 'expected the audit of caching to have findings, it has none' }
  },
}

function loadsOf(received: unknown): number {
  if (isTrace(received)) return received.count('load') + received.count('loadFailure')
  const { stats } = (received ?? {}) as { readonly stats?: unknown }
  if (typeof stats !== 'function') throw wrong('toHaveLoadedTimes', 'a cache, a manager or an event trace')
  const { loadSuccesses, loadFailures } = (received as Exclude<Loading, EventTrace>).stats()
  return loadSuccesses + loadFailures
}

function isTrace(received: unknown): received is EventTrace {
  const trace = received as Partial<EventTrace> | null | undefined
  return typeof trace?.count === 'function' && Array.isArray(trace.lines)
}

function count(times: number): string {
  return times === 1 ? 'once' : `${times} times`
}

function wrong(matcher: string, what: string): Error {
  return cacheError('CW_OPTION_INVALID', `${matcher}(): expect() must be given ${what}.`)
}
