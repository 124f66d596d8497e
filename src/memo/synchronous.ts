/** What is answered later, or bit by bit: kept and handed out again, it would be used up, or fail for everybody. */
type Later = PromiseLike<unknown> | Generator | AsyncGenerator

type IsAny<Type> = 0 extends 1 & Type ? true : false

/** `unknown` for what a memo can hold; else a type that nothing is, and whose text says why. */
export type Synchronous<Result> =
  IsAny<Result> extends true
    ? unknown
    : [Extract<Result, Later>] extends [never]
      ? unknown
      : { readonly 'only what answers at once can be memoised; a promise takes @Cacheable': Extract<Result, Later> }
