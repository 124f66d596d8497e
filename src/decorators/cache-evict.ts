import { createOperation } from './create-operation'
import { decorateMethod, refuseBare } from './dialect'
import type { CacheMethodDecorator } from './method-decorator'
import type {
  ArgumentTagsFunction,
  CacheEvictOptions,
  ConditionFunction,
  KeyFunction,
  KeysFunction,
  ResultKeyFunction,
  UnlessFunction,
} from './options'

/**
 * Removes entries when the method has succeeded (or before it is called): one key, the carriers of tags, or all.
 *
 * @throws (when the class is defined) CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_OPTIONS_CONTRADICT, CW_KEY_UNSUPPORTED
 *
 * @example
 * ```ts
 * @CacheEvict({ cache: 'products' })
 * async remove(id: string): Promise<void> { … }
 * ```
 */
export function CacheEvict<
  Key extends KeyFunction = KeyFunction,
  ResultKey extends ResultKeyFunction = ResultKeyFunction,
  Condition extends ConditionFunction = ConditionFunction,
  Unless extends UnlessFunction = UnlessFunction,
  Tags extends ArgumentTagsFunction = ArgumentTagsFunction,
  Keys extends KeysFunction = KeysFunction,
>(
  options: CacheEvictOptions<Key, ResultKey, Condition, Unless, Tags, Keys> = {},
): CacheMethodDecorator<{
  key: Key
  resultKey: ResultKey
  condition: Condition
  unless: Unless
  argumentTags: Tags
  keys: Keys
}> {
  // biome-ignore lint/complexity/noArguments: only a decorator written without its call has more than one
  refuseBare('@CacheEvict', arguments)
  return ((...args: unknown[]) =>
    decorateMethod('@CacheEvict', (method) => [createOperation('evict', options, method.where)], args)) as never
}
