import { createBehindOperation } from './create-operation'
import { decorateMethod, refuseBare } from './dialect'
import type { KeyFunction, ResultTagsFunction, UpgradeFunction, VersionFunction, WriteBehindOptions } from './options'

type WriteMethod = (values: never, signal: AbortSignal) => Promise<void>

/** The value of the list that a method writes. */
type ValueOf<Method extends WriteMethod> = Parameters<Method>[0] extends readonly (infer Value)[] ? Value : never

/** What the functions given must look like. */
interface Fits<Value> {
  readonly key: (value: Value) => unknown
  readonly tags: (value: Value) => unknown
  readonly version: (value: Value) => unknown
  readonly upgrade: (value: never, version: string) => Value
}

/** The functions given, under their names. */
export type GivenWriteFunctions = { readonly [Kind in keyof Fits<unknown>]?: unknown }

type Misfits<Given extends GivenWriteFunctions, Value> = {
  [Kind in keyof Given]: Kind extends keyof Fits<Value> ? (Given[Kind] extends Fits<Value>[Kind] ? never : Kind) : never
}[keyof Given]

/** `unknown` if everything fits the method; else a type that nothing is, and whose text says why. */
type Check<
  Given extends GivenWriteFunctions,
  Method extends WriteMethod,
> = Parameters<Method>[0] extends readonly unknown[]
  ? [Misfits<Given, ValueOf<Method>>] extends [never]
    ? unknown
    : { readonly 'this function does not fit the values of the list': Misfits<Given, ValueOf<Method>> }
  : { readonly 'the first parameter must be a list of the values to be written': Parameters<Method>[0] }

/** A decorator of methods that write a list of values, in both dialects. */
export interface WriteBehindDecorator<Given extends GivenWriteFunctions> {
  /** The standard dialect. */
  <This, Method extends WriteMethod>(
    method: Method & Check<Given, Method>,
    context: ClassMethodDecoratorContext<This>,
  ): Method
  /** The legacy dialect (`experimentalDecorators`). */
  <Method extends WriteMethod>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<Method> & Check<Given, Method>,
  ): void
}

/**
 * Puts the values of each call in the cache at once and queues them; the method itself is called later, with the values of
 * many calls, to write them. A call is over when its values are queued: on Redis, where the manager has it as its shared
 * tier, or else in this process (then what was not written is lost when the process ends without `close()`).
 *
 * Values are written at least once, those of a key in their order, the newest alone where several wait. So the method must
 * not mind writing the same values again. Reads of the cache see what waits, also when its entry is gone. Whoever
 * removes a row should `flush()` first.
 *
 * Queues are drained in the processes where the method was called, or whose object was given to {@link drainWrites}: by the
 * first such object, in no request's context. See `manager.writes(cache)` for what waits and what was given up.
 *
 * @throws (when the class is defined) CW_OPTION_INVALID, CW_OPTION_UNKNOWN; calls: CW_WRITE_REFUSED, what the queue throws
 *   when it cannot be reached, CW_VALUE_UNSUPPORTED and CW_VALUE_TOO_LARGE
 *
 * @example
 * ```ts
 * @WriteBehind({ cache: 'products', key: (product: Product) => product.id, batch: 100, maxDelay: '1s' })
 * async save(products: readonly Product[], signal?: AbortSignal): Promise<void> { … }
 * ```
 */
export function WriteBehind<
  Key extends KeyFunction = KeyFunction,
  Tags extends ResultTagsFunction = ResultTagsFunction,
  Versions extends VersionFunction = VersionFunction,
  Upgrade extends UpgradeFunction = UpgradeFunction,
>(
  options: WriteBehindOptions<Key, Tags, Versions, Upgrade>,
): WriteBehindDecorator<{ key: Key; tags: Tags; version: Versions; upgrade: Upgrade }> {
  // biome-ignore lint/complexity/noArguments: only a decorator written without its call has more than one
  refuseBare('@WriteBehind', arguments)
  return ((...args: unknown[]) =>
    decorateMethod('@WriteBehind', (method) => [createBehindOperation(options, method.where)], args)) as never
}
