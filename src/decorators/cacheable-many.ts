import { createListOperation } from './create-operation'
import { decorateMethod, refuseBare } from './dialect'
import type { CacheListDecorator } from './list-decorator'
import type {
  CacheableManyOptions,
  ConditionFunction,
  IdFunction,
  KeyFunction,
  NegativeFunction,
  ResultTagsFunction,
  UnlessFunction,
  VersionFunction,
} from './options'

/**
 * Answers calls of a method that takes a list, element by element, from the cache: what is cached is fetched in one round
 * trip, and the method is called once, with the elements that are missing. Each element has the entry that a method for a
 * single one has: both name one `cache`, and make the same key.
 *
 * The functions are asked about one element: its value first, then the element of the list, then the other arguments.
 *
 * @throws (when the class is defined) CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_OPTIONS_CONTRADICT
 *
 * @example
 * ```ts
 * @CacheableMany({ cache: 'products', idOf: (product: Product) => product.id })
 * async findByIds(ids: readonly string[]): Promise<Product[]> { … }
 * ```
 */
export function CacheableMany<
  Key extends KeyFunction = KeyFunction,
  Condition extends ConditionFunction = ConditionFunction,
  Unless extends UnlessFunction = UnlessFunction,
  Tags extends ResultTagsFunction = ResultTagsFunction,
  Versions extends VersionFunction = VersionFunction,
  Negative extends NegativeFunction = NegativeFunction,
  Id extends IdFunction = IdFunction,
  const List extends string | undefined = undefined,
  const IsMap extends boolean = false,
>(
  options: CacheableManyOptions<Key, Condition, Unless, Tags, Versions, Negative, Id, List, IsMap> = {},
): CacheListDecorator<
  { key: Key; condition: Condition; unless: Unless; tags: Tags; version: Versions; negative: Negative; idOf: Id },
  List,
  IsMap
> {
  // biome-ignore lint/complexity/noArguments: only a decorator written without its call has more than one
  refuseBare('@CacheableMany', arguments)
  return ((...args: unknown[]) =>
    decorateMethod('@CacheableMany', (method) => [createListOperation(options, method.where)], args)) as never
}
