import { interceptFunction } from '../interceptor/cache-function'
import { cacheError } from '../kernel/errors'
import { createOperation } from './create-operation'
import type {
  CacheableOptions,
  ConditionFunction,
  FallbackFunction,
  KeyFunction,
  NegativeFunction,
  ResultTagsFunction,
  UnlessFunction,
  VersionFunction,
} from './options'

type AsyncFunction = (...args: never[]) => Promise<unknown>

/** Options of {@link cacheFunction}: those of `@Cacheable`, and the cache has to be named. */
export type CacheFunctionOptions<Given extends AsyncFunction> = CacheableOptions<
  (...args: Parameters<Given>) => ReturnType<KeyFunction>,
  (...args: Parameters<Given>) => ReturnType<ConditionFunction>,
  (result: Awaited<ReturnType<Given>>, ...args: Parameters<Given>) => ReturnType<UnlessFunction>,
  (result: Awaited<ReturnType<Given>>, ...args: Parameters<Given>) => ReturnType<ResultTagsFunction>,
  (result: Awaited<ReturnType<Given>>, ...args: Parameters<Given>) => ReturnType<VersionFunction>,
  (result: Awaited<ReturnType<Given>>, ...args: Parameters<Given>) => ReturnType<NegativeFunction>,
  (error: unknown, ...args: Parameters<Given>) => Awaited<ReturnType<Given>> | ReturnType<FallbackFunction>
> & { readonly cache: string | readonly string[] }

/**
 * What `@Cacheable` does, for an async function that is no method.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_OPTIONS_CONTRADICT
 *
 * @example
 * ```ts
 * const rateOf = cacheFunction(fetchRate, { cache: 'rates', ttl: '1m' })
 * ```
 */
export function cacheFunction<Given extends AsyncFunction>(given: Given, options: CacheFunctionOptions<Given>): Given {
  if (typeof given !== 'function') throw cacheError('CW_OPTION_INVALID', 'cacheFunction(): give a function.')
  if (options?.cache === undefined) {
    throw cacheError(
      'CW_OPTION_INVALID',
      `cacheFunction() of function '${given.name}': option \`cache\` is missing. A function has no class to name its cache after.`,
    )
  }
  return interceptFunction(given, (where) => createOperation('read', options, where)) as unknown as Given
}
