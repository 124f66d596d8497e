import { createOperation } from './create-operation'
import { decorateMethod, refuseBare } from './dialect'
import type { CacheMethodDecorator } from './method-decorator'
import type { Answers, AnyClass, MethodName, PassedOn } from './named-method'
import type {
  ArgumentsFunction,
  ArgumentTagsFunction,
  CacheEvictOptions,
  ConditionFunction,
  KeyFunction,
  KeysFunction,
  ResultArgumentsFunction,
  ResultKeyFunction,
  UnlessFunction,
} from './options'

/**
 * Removes entries when the method has succeeded (or before it is called): one key, what another method keeps for some arguments, the
 * carriers of tags, or all.
 *
 * @throws (when the class is defined) CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_OPTIONS_CONTRADICT, CW_KEY_UNSUPPORTED
 *
 * @example
 * ```ts
 * @CacheEvict({ cache: 'products' })
 * async remove(id: string): Promise<void> { … }
 *
 * @CacheEvict({ of: () => [ProductService, 'findById'], args: (product: Product) => [product.id] })
 * async update(product: Product): Promise<void> { … }
 * ```
 */
export function CacheEvict<
  Key extends KeyFunction = KeyFunction,
  ResultKey extends ResultKeyFunction = ResultKeyFunction,
  Condition extends ConditionFunction = ConditionFunction,
  Unless extends UnlessFunction = UnlessFunction,
  Tags extends ArgumentTagsFunction = ArgumentTagsFunction,
  Keys extends KeysFunction = KeysFunction,
  Owner extends AnyClass = never,
  const Name extends MethodName<Owner> = never,
  Args extends ArgumentsFunction = ArgumentsFunction,
  ResultArgs extends ResultArgumentsFunction = ResultArgumentsFunction,
>(
  options: CacheEvictOptions<
    Key,
    ResultKey,
    Condition,
    Unless,
    Tags,
    Keys,
    readonly [Owner, Name],
    Args & Answers<readonly [Owner, Name]>,
    ResultArgs & Answers<readonly [Owner, Name]>
  > = {},
): CacheMethodDecorator<{
  key: Key
  resultKey: ResultKey
  condition: Condition
  unless: Unless
  argumentTags: Tags
  keys: Keys
  args: Args
  resultArgs: ResultArgs
  of: PassedOn<readonly [Owner, Name], Args, ResultArgs>
}> {
  // biome-ignore lint/complexity/noArguments: only a decorator written without its call has more than one
  refuseBare('@CacheEvict', arguments)
  return ((...args: unknown[]) =>
    decorateMethod('@CacheEvict', (method) => [createOperation('evict', options, method.where)], args)) as never
}
