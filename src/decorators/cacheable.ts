import { createOperation } from './create-operation'
import { decorateMethod, refuseBare } from './dialect'
import type { CacheMethodDecorator } from './method-decorator'
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

/**
 * Answers calls of an async method from the cache; calls the method, once for all who ask meanwhile, only for what the
 * cache does not have.
 *
 * @throws (when the class is defined) CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_OPTIONS_CONTRADICT, CW_KEY_UNSUPPORTED
 *
 * @example
 * ```ts
 * @Cacheable({ cache: 'products', ttl: '5m' })
 * async findById(id: string): Promise<Product> { … }
 * ```
 */
export function Cacheable<
  Key extends KeyFunction = KeyFunction,
  Condition extends ConditionFunction = ConditionFunction,
  Unless extends UnlessFunction = UnlessFunction,
  Tags extends ResultTagsFunction = ResultTagsFunction,
  Versions extends VersionFunction = VersionFunction,
  Negative extends NegativeFunction = NegativeFunction,
  Fallback extends FallbackFunction = FallbackFunction,
>(
  options: CacheableOptions<Key, Condition, Unless, Tags, Versions, Negative, Fallback> = {},
): CacheMethodDecorator<{
  key: Key
  condition: Condition
  unless: Unless
  resultTags: Tags
  version: Versions
  negative: Negative
  fallback: Fallback
}> {
  // biome-ignore lint/complexity/noArguments: only a decorator written without its call has more than one
  refuseBare('@Cacheable', arguments)
  return ((...args: unknown[]) =>
    decorateMethod('@Cacheable', (method) => [createOperation('read', options, method.where)], args)) as never
}
