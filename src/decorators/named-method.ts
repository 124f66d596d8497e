import type { ArgumentsFunction } from './options'

type AsyncMethod = (...args: never[]) => Promise<unknown>

/** A class, whatever its constructor is like. */
export interface AnyClass {
  readonly prototype: object
}

/** A class and the name of one of its methods. The empty text changes nothing, but lets the compiler keep texts as they are written. */
export type NamedMethod = readonly [owner: AnyClass, name: '' | (string & {}) | number | symbol]

type AsyncNames<Owner> = {
  [Name in keyof Owner]: Owner[Name] extends AsyncMethod ? Name : never
}[keyof Owner]

/** The names of async methods that objects of a class have, or the class itself. */
export type MethodName<Owner extends AnyClass> = AsyncNames<Owner['prototype']> | AsyncNames<Omit<Owner, 'prototype'>>

/** The arguments of a named method; a method of objects goes before a static one. */
export type ArgumentsOf<Named extends NamedMethod> = Named[1] extends keyof Named[0]['prototype']
  ? ParametersOf<Named[0]['prototype'][Named[1]]>
  : Named[1] extends keyof Named[0]
    ? ParametersOf<Named[0][Named[1]]>
    : never

type ParametersOf<Method> = Method extends (...args: infer Arguments) => unknown ? Arguments : never

/** Answers with arguments that the named method takes. */
export type Answers<Named extends NamedMethod> = (
  ...args: Parameters<ArgumentsFunction>
) => Readonly<ArgumentsOf<Named>>

/**
 * What the arguments of the evict must fit to, where they are passed on: `never` where a function makes others of them.
 * A function, since what is passed must fit what is taken.
 */
export type PassedOn<Named extends NamedMethod, Args, ResultArgs> = [Named[0]] extends [never]
  ? never
  : ArgumentsFunction extends Args
    ? ArgumentsFunction extends ResultArgs
      ? (args: ArgumentsOf<Named>) => void
      : never
    : never

/**
 * The same for the options of an evict as given to `@Caching`; the name itself, which fits nothing, where it is none or the
 * arguments that are made are not those of the method.
 */
export type PassedOnBy<Options> = Options extends { readonly of: () => infer Named extends NamedMethod }
  ? Named[1] extends MethodName<Named[0]>
    ? Options extends { readonly args: infer Args } | { readonly resultArgs: infer Args }
      ? Args extends Answers<Named>
        ? never
        : Named
      : (args: ArgumentsOf<Named>) => void
    : Named
  : never
