import { createOperation } from './create-operation'
import { decorateMethod, refuseBare } from './dialect'
import type { CacheMethodDecorator } from './method-decorator'
import type {
  CachePutOptions,
  ConditionFunction,
  KeyFunction,
  KeysFunction,
  NegativeFunction,
  ResultKeyFunction,
  ResultTagsFunction,
  UnlessFunction,
  VersionFunction,
} from './options'

/**
 * Always calls the method, and puts what it returns in the cache in place of what was there.
 *
 * @throws (when the class is defined) CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_OPTIONS_CONTRADICT, CW_KEY_UNSUPPORTED
 *
 * @example
 * ```ts
 * @CachePut({ cache: 'products', key: (product: Product) => product.id })
 * async update(product: Product): Promise<Product> { … }
 * ```
 */
export function CachePut<
  Key extends KeyFunction = KeyFunction,
  ResultKey extends ResultKeyFunction = ResultKeyFunction,
  Condition extends ConditionFunction = ConditionFunction,
  Unless extends UnlessFunction = UnlessFunction,
  Tags extends ResultTagsFunction = ResultTagsFunction,
  Versions extends VersionFunction = VersionFunction,
  Negative extends NegativeFunction = NegativeFunction,
  Keys extends KeysFunction = KeysFunction,
>(
  options: CachePutOptions<Key, ResultKey, Condition, Unless, Tags, Versions, Negative, Keys> = {},
): CacheMethodDecorator<{
  key: Key
  resultKey: ResultKey
  condition: Condition
  unless: Unless
  resultTags: Tags
  version: Versions
  negative: Negative
  keys: Keys
}> {
  // biome-ignore lint/complexity/noArguments: only a decorator written without its call has more than one
  refuseBare('@CachePut', arguments)
  return ((...args: unknown[]) =>
    decorateMethod('@CachePut', (method) => [createOperation('put', options, method.where)], args)) as never
}
