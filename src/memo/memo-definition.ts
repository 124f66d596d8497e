import { types } from 'node:util'
import { type Clock, systemClock } from '../kernel/clock'
import { milliseconds } from '../kernel/duration'
import { type CacheError, cacheError } from '../kernel/errors'
import type { UserFunction } from '../metadata/operation'
import { MemoKeys, type MemoSubject } from './memo-keys'
import type { MemoOptions } from './memo-options'

const defaultMaxEntries = 1_000

/** What is memoised and how, resolved once. */
export class MemoDefinition {
  readonly subject: MemoSubject
  readonly original: Function
  readonly keys: MemoKeys
  readonly maxEntries: number
  /** `Infinity`: without end. */
  readonly ttlMs: number
  readonly clock: Pick<Clock, 'now'>

  /**
   * @param here opens messages about options, which have been held against their rules
   * @throws CW_OPTION_INVALID for a `ttl` that is none, CW_ASYNC_METHOD, CW_DECORATOR_MISPLACED for a generator
   */
  constructor(subject: MemoSubject, original: Function, options: MemoOptions<unknown>, here: string) {
    // An async generator is both.
    if (types.isGeneratorFunction(original)) {
      throw cacheError(
        'CW_DECORATOR_MISPLACED',
        `${here}: it is a generator, and what that returns can be read only once. Memoise a function that returns an array.`,
      )
    }
    if (types.isAsyncFunction(original)) throw asyncMethod(subject.where, 'is async')
    this.subject = subject
    this.original = original
    this.keys = new MemoKeys(subject, options.key as UserFunction | undefined)
    this.maxEntries = options.maxEntries ?? defaultMaxEntries
    this.ttlMs =
      options.ttl === undefined ? Number.POSITIVE_INFINITY : milliseconds(options.ttl, `${here}: option \`ttl\``)
    this.clock = options.clock ?? systemClock
  }

  /** Says that the function answered a promise. */
  refusePromise(answer: PromiseLike<unknown>): CacheError {
    // Nobody gets this promise, so nobody else would listen if it fails. Only a real one: others may begin when listened to.
    if (types.isPromise(answer)) answer.catch(() => {})
    return asyncMethod(this.subject.where, 'returned a promise')
  }
}

function asyncMethod(where: string, what: string): CacheError {
  return cacheError(
    'CW_ASYNC_METHOD',
    `${where} ${what}. @Memoize and memoize() are for functions that answer at once, and would keep a promise that fails like any other: use @Cacheable.`,
  )
}
