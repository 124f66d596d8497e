import type { KeysFunction } from './options'

type AsyncMethod = (...args: never[]) => Promise<unknown>

/** What a method must look like for the functions given to a decorator. */
interface Fits<Arguments extends readonly unknown[], Result> {
  readonly key: (...args: Arguments) => unknown
  readonly keys: (...args: Arguments) => unknown
  readonly resultKey: (result: Result, ...args: Arguments) => unknown
  readonly condition: (...args: Arguments) => unknown
  readonly unless: (result: Result, ...args: Arguments) => unknown
  readonly version: (result: Result, ...args: Arguments) => unknown
  readonly negative: (result: Result, ...args: Arguments) => unknown
  readonly fallback: (error: unknown, ...args: Arguments) => Result | Promise<Result>
  readonly resultTags: (result: Result, ...args: Arguments) => unknown
  readonly argumentTags: (...args: Arguments) => unknown
  readonly args: (...args: Arguments) => unknown
  readonly resultArgs: (result: Result, ...args: Arguments) => unknown
  readonly of: (args: Arguments) => unknown
}

/** The functions given to a decorator, under the names of their kinds; `undefined` where none was given. */
export type GivenFunctions = { readonly [Kind in keyof Fits<[], unknown>]?: unknown }

/** What functions are asked about: the result; each of its values, where a put makes many entries of it. */
type Subject<Given, Result> = Given extends { readonly version?: unknown; readonly keys?: infer Keys }
  ? [Keys] extends [never]
    ? Result
    : KeysFunction extends Keys
      ? Result
      : Result extends readonly (infer Value)[]
        ? Value
        : Result
  : Result

/** Names of the given functions that cannot be called with the arguments and result of this method. */
type Misfits<Given extends GivenFunctions, Method extends AsyncMethod> = {
  [Kind in keyof Given]: Kind extends keyof Fits<[], unknown>
    ? Given[Kind] extends Fits<Parameters<Method>, Subject<Given, Awaited<ReturnType<Method>>>>[Kind]
      ? never
      : Kind
    : never
}[keyof Given]

/** `unknown` if every function fits the method; else a type that nothing is, and whose text says why. */
type Check<Given extends GivenFunctions, Method extends AsyncMethod> = [Misfits<Given, Method>] extends [never]
  ? unknown
  : { readonly 'this option does not fit the parameters or the result of the method': Misfits<Given, Method> }

/**
 * A decorator of methods in both dialects. The compiler refuses it on a method that returns no promise, and on one to
 * whose parameters or result the given functions do not fit.
 */
export interface CacheMethodDecorator<Given extends GivenFunctions> {
  /** The standard dialect. */
  <This, Method extends AsyncMethod>(
    method: Method & Check<Given, Method>,
    context: ClassMethodDecoratorContext<This>,
  ): Method
  /** The legacy dialect (`experimentalDecorators`). */
  <Method extends AsyncMethod>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<Method> & Check<Given, Method>,
  ): void
}
