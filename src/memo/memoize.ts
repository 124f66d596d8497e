import { cacheError } from '../kernel/errors'
import { checkOptions, show } from '../kernel/options'
import type { CacheKeyParts } from '../key/key-encoder'
import { dressAs } from '../metadata/reflect'
import type { Memo } from './memo'
import { MemoDefinition } from './memo-definition'
import { type MemoOptions, memoRules } from './memo-options'
import { MemoTable } from './memo-table'
import type { Synchronous } from './synchronous'

type AnyFunction = (...args: never[]) => unknown

/** A memoised function: called as the one it was made of, which it keeps the results of in `memo`. */
export type Memoized<Its extends AnyFunction> = Its & { readonly memo: Memo<Parameters<Its>, ReturnType<Its>> }

/**
 * Makes of a synchronous function one that keeps its results, as `@Memoize` does for methods. What it was called on
 * (`this`) reaches the function and is no part of the key. Results are handed out as they are.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN; CW_ASYNC_METHOD for an async function, CW_DECORATOR_MISPLACED for a
 * generator; (the function it makes) what yours throws, CW_KEY_UNSUPPORTED, and CW_ASYNC_METHOD if yours returns a promise
 *
 * @example
 * ```ts
 * const slug = memoize((title: string) => title.toLowerCase().replaceAll(/\W+/g, '-'), { maxEntries: 10_000 })
 * slug('Brass Lamp')
 * slug.memo.info().hits
 * ```
 */
export function memoize<Its extends AnyFunction>(
  its: Its & Synchronous<ReturnType<Its>>,
  options: MemoOptions<(...args: Parameters<Its>) => CacheKeyParts> = {},
): Memoized<Its> {
  const original: unknown = its
  if (typeof original !== 'function') {
    throw cacheError('CW_OPTION_INVALID', `memoize() takes a function, got ${show(original)}.`)
  }
  const where = original.name === '' ? 'a memoised function' : `function '${original.name}'`
  const here = `memoize() of ${original.name === '' ? 'a function' : where}`
  checkOptions(here, options, memoRules)
  const memo = new MemoTable(new MemoDefinition({ where, marks: { keys: [], ignored: [] } }, original, options, here))
  const memoized = function (this: unknown, ...args: unknown[]): unknown {
    return memo.call(this, args)
  }
  dressAs(memoized, original)
  Object.defineProperty(memoized, 'memo', { value: memo, configurable: true })
  return memoized as unknown as Memoized<Its>
}
