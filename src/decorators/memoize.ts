import { cacheError } from '../kernel/errors'
import { checkOptions, rules } from '../kernel/options'
import { MemoDefinition } from '../memo/memo-definition'
import { type MemoOptions, memoRules } from '../memo/memo-options'
import { type MemoScope, Memos, memosOf } from '../memo/memos'
import type { Synchronous } from '../memo/synchronous'
import { DecoratedMethod } from '../metadata/decorated-method'
import type { UserFunction } from '../metadata/operation'
import { parameterMarks } from '../metadata/operation-source'
import { dressAs } from '../metadata/reflect'
import { checkParameters } from './check-parameters'
import { refuseBare, standingOf } from './dialect'
import type { KeyFunction } from './options'

/** Options of `@Memoize`. */
export interface MemoizeOptions<Key> extends MemoOptions<Key> {
  /**
   * Whom the results belong to: each instance by itself, and they go with it, or all instances of a class together,
   * for methods whose result does not depend on the instance. `maxEntries` is for each of these. Static methods
   * belong to the class they are called on. @default 'instance'
   */
  readonly scope?: MemoScope
}

type AnyMethod = (...args: never[]) => unknown

/** `unknown` if the key function can be called with these arguments; else a type whose text says why. */
type KeyFits<Key, Arguments extends readonly unknown[]> = Key extends (...args: Arguments) => unknown
  ? unknown
  : { readonly 'this `key` does not fit the parameters of the method': Key }

type MethodFits<Key, Method extends AnyMethod> = KeyFits<Key, Parameters<Method>> & Synchronous<ReturnType<Method>>
type GetterFits<Key, Value> = KeyFits<Key, []> & Synchronous<Value>

/**
 * A decorator of methods and getters in both dialects. The compiler refuses it on one that returns a promise or is a
 * generator, and on a method whose parameters the given key function does not fit.
 */
export interface MemoizeDecorator<Key> {
  /** A getter in the standard dialect. */
  <This, Value>(
    getter: ((this: This) => Value) & GetterFits<Key, Value>,
    context: ClassGetterDecoratorContext<This, Value>,
  ): void
  /** A method in the standard dialect. */
  <This, Method extends AnyMethod>(
    method: Method & MethodFits<Key, Method>,
    context: ClassMethodDecoratorContext<This>,
  ): void
  /**
   * The legacy dialect (`experimentalDecorators`). What it passes does not tell a getter that returns a function from a
   * method, so that function is held to the rules of a method.
   */
  <Value>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<Value> &
      (Value extends AnyMethod ? MethodFits<Key, Value> : GetterFits<Key, Value>),
  ): void
}

const memoizeRules = { ...memoRules, scope: rules.oneOf('instance', 'shared') }
const places = ['method', 'getter'] as const
const name = '@Memoize'

/**
 * Keeps what a synchronous method or getter returns, in this process, and answers equal calls with it: by the same keys
 * as `@Cacheable`, needing no manager. A call that throws keeps nothing; a call under way when its memo is evicted or
 * cleared neither.
 *
 * Results are handed out as they are, to every caller the same object, neither copied nor frozen: who changes one
 * changes it for all. Setting something that the method reads, also by a setter beside the getter, evicts nothing.
 *
 * @throws (when the class is defined) CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_OPTIONS_CONTRADICT, CW_KEY_UNSUPPORTED,
 * CW_DECORATOR_MISPLACED, CW_ASYNC_METHOD; (when the method is called) CW_KEY_UNSUPPORTED, CW_ASYNC_METHOD
 *
 * @example
 * ```ts
 * @Memoize({ maxEntries: 100 })
 * distance(from: Place, to: Place): number { … }
 *
 * @Memoize()
 * get total(): number { … }
 * ```
 */
export function Memoize<Key extends KeyFunction = KeyFunction>(
  options: MemoizeOptions<Key> = {},
): MemoizeDecorator<Key> {
  // biome-ignore lint/complexity/noArguments: only a decorator written without its call has more than one
  refuseBare(name, arguments, places)
  return ((...args: unknown[]) => decorate(options, args)) as MemoizeDecorator<Key>
}

function decorate(options: MemoizeOptions<KeyFunction>, args: readonly unknown[]): unknown {
  const standing = standingOf(name, args, places)
  const { place, present } = standing
  const marks = place.home === undefined ? undefined : parameterMarks(place.home, place.name)
  const method = new DecoratedMethod(place, present, marks)
  const here = `${name} of ${method.where}`
  checkOptions(here, options, memoizeRules)
  if (memosOf in present) {
    throw cacheError('CW_DECORATOR_MISPLACED', `${here}: it is memoised already. Keep one ${name}.`)
  }
  const key = options.key as UserFunction | undefined
  checkParameters(method, {
    decorator: name,
    kind: 'read',
    key,
    resultKey: undefined,
    keys: undefined,
    of: undefined,
    tags: undefined,
    allEntries: false,
  })
  const memos = new Memos(new MemoDefinition(method, present, options, here), options.scope ?? 'instance')
  standing.name(method)
  const wrapper = function (this: unknown, ...given: unknown[]): unknown {
    const memo = memos.of(this)
    return memo === undefined ? Reflect.apply(present, this, given) : memo.call(this, given)
  }
  dressAs(wrapper, present)
  Object.defineProperty(wrapper, memosOf, { value: memos })
  return standing.replace(wrapper)
}
