import { checkOptions, rules } from '../kernel/options'
import type { Operation } from '../metadata/operation'
import { createOperation } from './create-operation'
import { decorateMethod, refuseBare } from './dialect'
import type { CacheMethodDecorator } from './method-decorator'
import type { NamedMethod, PassedOnBy } from './named-method'
import type {
  ArgumentsFunction,
  ArgumentTagsFunction,
  CacheableOptions,
  CacheEvictOptions,
  CachePutOptions,
  ConditionFunction,
  FallbackFunction,
  KeyFunction,
  KeysFunction,
  NegativeFunction,
  ResultArgumentsFunction,
  ResultKeyFunction,
  ResultTagsFunction,
  UnlessFunction,
  VersionFunction,
} from './options'

type Read = CacheableOptions<
  KeyFunction,
  ConditionFunction,
  UnlessFunction,
  ResultTagsFunction,
  VersionFunction,
  NegativeFunction,
  FallbackFunction
>
type Put = CachePutOptions<
  KeyFunction,
  ResultKeyFunction,
  ConditionFunction,
  UnlessFunction,
  ResultTagsFunction,
  VersionFunction,
  NegativeFunction,
  KeysFunction
>
type Evict = CacheEvictOptions<
  KeyFunction,
  ResultKeyFunction,
  ConditionFunction,
  UnlessFunction,
  ArgumentTagsFunction,
  KeysFunction,
  NamedMethod,
  ArgumentsFunction,
  ResultArgumentsFunction
>

/** Options of `@Caching`: the operations of one method, in any number. */
export interface CachingOperations<
  Reads extends readonly Read[],
  Puts extends readonly Put[],
  Evicts extends readonly Evict[],
> {
  /** What as many `@Cacheable` would say. @default none */
  readonly cacheable?: Reads
  /** What as many `@CachePut` would say. @default none */
  readonly put?: Puts
  /** What as many `@CacheEvict` would say. @default none */
  readonly evict?: Evicts
}

/** Each of the evicts given. */
type EvictIn<Evicts extends readonly Evict[]> = readonly Evict[] extends Evicts ? never : Evicts[number]

type FunctionOf<Options, Name extends string> = Options extends { readonly [_ in Name]?: infer Given }
  ? Extract<Given, Function>
  : never

const lists = { cacheable: rules.list, put: rules.list, evict: rules.list }

/**
 * Several operations on one method, as a list. The same as writing the decorators one above the other.
 *
 * @throws (when the class is defined) CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_OPTIONS_CONTRADICT, CW_KEY_UNSUPPORTED
 *
 * @example
 * ```ts
 * @Caching({ evict: [{ cache: 'products' }, { cache: 'prices', allEntries: true }] })
 * async remove(id: string): Promise<void> { … }
 * ```
 */
export function Caching<
  const Reads extends readonly Read[] = [],
  const Puts extends readonly Put[] = [],
  // Not `[]`: what it defaults to is how the compiler reads what is given.
  const Evicts extends readonly Evict[] = readonly Evict[],
>(
  options: CachingOperations<Reads, Puts, Evicts>,
): CacheMethodDecorator<{
  key: FunctionOf<Reads[number] | Puts[number] | EvictIn<Evicts>, 'key'>
  keys: FunctionOf<Puts[number] | EvictIn<Evicts>, 'keys'>
  resultKey: FunctionOf<Puts[number] | EvictIn<Evicts>, 'resultKey'>
  condition: FunctionOf<Reads[number] | Puts[number] | EvictIn<Evicts>, 'condition'>
  unless: FunctionOf<Reads[number] | Puts[number] | EvictIn<Evicts>, 'unless'>
  version: FunctionOf<Reads[number] | Puts[number], 'version'>
  negative: FunctionOf<Reads[number] | Puts[number], 'negative'>
  fallback: FunctionOf<Reads[number], 'fallback'>
  resultTags: FunctionOf<Reads[number] | Puts[number], 'tags'>
  argumentTags: FunctionOf<EvictIn<Evicts>, 'tags'>
  args: FunctionOf<EvictIn<Evicts>, 'args'>
  resultArgs: FunctionOf<EvictIn<Evicts>, 'resultArgs'>
  of: PassedOnBy<EvictIn<Evicts>>
}> {
  // biome-ignore lint/complexity/noArguments: only a decorator written without its call has more than one
  refuseBare('@Caching', arguments)
  const operations = ({ where }: { readonly where: string }): Operation[] => {
    checkOptions(`@Caching of ${where}`, options, lists)
    const { cacheable = [], put = [], evict = [] } = options
    return [
      ...cacheable.map((read) => createOperation('read', read, where)),
      ...put.map((its) => createOperation('put', its, where)),
      ...evict.map((its) => createOperation('evict', its, where)),
    ]
  }
  return ((...args: unknown[]) => decorateMethod('@Caching', operations, args)) as never
}
