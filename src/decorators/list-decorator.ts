type AsyncMethod = (...args: never[]) => Promise<unknown>

/** The element of the list that a method takes: its first argument, or a field of that. */
type ElementOf<First, List> = List extends string
  ? First extends { readonly [_ in List]: readonly (infer Element)[] }
    ? Element
    : never
  : First extends readonly (infer Element)[]
    ? Element
    : never

/** The value that a method returns for one element. */
type ValueOf<Result> =
  Result extends ReadonlyMap<unknown, infer Value>
    ? Value
    : Result extends readonly (infer Value)[]
      ? Exclude<Value, Error>
      : never

/** The arguments of a function that is asked about one element. */
type About<Parameters, List> = Parameters extends readonly [infer First, ...infer Others]
  ? List extends string
    ? [element: ElementOf<First, List>, first: First, ...others: Others]
    : [element: ElementOf<First, List>, ...others: Others]
  : never

/** What the functions given must look like. */
interface Fits<Arguments extends readonly unknown[], Elements extends readonly unknown[], Value> {
  readonly key: (...about: Elements) => unknown
  readonly condition: (...args: Arguments) => unknown
  readonly unless: (value: Value, ...about: Elements) => unknown
  readonly tags: (value: Value, ...about: Elements) => unknown
  readonly version: (value: Value, ...about: Elements) => unknown
  readonly negative: (value: Value, ...about: Elements) => unknown
  readonly idOf: (value: NonNullable<Value>) => Elements[0]
}

/** The functions given, under their names. */
export type GivenListFunctions = { readonly [Kind in keyof Fits<[], [unknown], unknown>]?: unknown }

type Misfits<Given extends GivenListFunctions, List, Method extends AsyncMethod> = {
  [Kind in keyof Given]: Kind extends keyof Fits<[], [unknown], unknown>
    ? Given[Kind] extends Fits<
        Parameters<Method>,
        About<Parameters<Method>, List>,
        ValueOf<Awaited<ReturnType<Method>>>
      >[Kind]
      ? never
      : Kind
    : never
}[keyof Given]

type IsList<List, Method extends AsyncMethod> =
  About<Parameters<Method>, List> extends readonly [infer Element, ...unknown[]]
    ? [Element] extends [never]
      ? false
      : true
    : false

type Returns<IsMap extends boolean, Method extends AsyncMethod> =
  Awaited<ReturnType<Method>> extends (IsMap extends true ? ReadonlyMap<unknown, unknown> : readonly unknown[])
    ? true
    : false

/** `unknown` if everything fits the method; else a type that nothing is, and whose text says why. */
type Check<Given extends GivenListFunctions, List, IsMap extends boolean, Method extends AsyncMethod> =
  IsList<List, Method> extends false
    ? { readonly 'there is no list where it should be': List extends string ? List : 'the first parameter' }
    : Returns<IsMap, Method> extends false
      ? { readonly 'the method must return a promise of': IsMap extends true ? 'a Map, by `map: true`' : 'an array' }
      : [Misfits<Given, List, Method>] extends [never]
        ? unknown
        : { readonly 'this function does not fit the elements of the list or the method': Misfits<Given, List, Method> }

/** A decorator of methods that take a list, in both dialects. */
export interface CacheListDecorator<Given extends GivenListFunctions, List, IsMap extends boolean> {
  /** The standard dialect. */
  <This, Method extends AsyncMethod>(
    method: Method & Check<Given, List, IsMap, Method>,
    context: ClassMethodDecoratorContext<This>,
  ): Method
  /** The legacy dialect (`experimentalDecorators`). */
  <Method extends AsyncMethod>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<Method> & Check<Given, List, IsMap, Method>,
  ): void
}
