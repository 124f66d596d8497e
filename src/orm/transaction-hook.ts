import { type CacheManager, type CachingTransaction, cacheError } from '../index'

/** A transaction that an ORM was asked for. */
export interface AskedTransaction {
  /** What it is asked of: the database, or a transaction that it is a savepoint of. */
  readonly of: object | undefined
  /** Whether it is a savepoint, though perhaps of a transaction that began without a hook. */
  readonly isSavepoint?: boolean
  /** Its work is among them, unless there is none. */
  readonly args: readonly unknown[]
  /** Asks the ORM. */
  readonly begin: (args: readonly unknown[]) => PromiseLike<unknown>
  /**
   * Called with what the work is given.
   *
   * @returns what savepoints of this transaction will be asked of
   */
  readonly opened: (handle: object, transaction: CachingTransaction) => object
}

type Work = (handle: object, ...more: unknown[]) => unknown

/** Makes the transactions of one database caching transactions: a savepoint by what it is asked of, wherever that happens. */
export class TransactionHook {
  readonly #caching: CacheManager
  readonly #under = new WeakMap<object, CachingTransaction>()

  /** @throws CW_OPTION_INVALID */
  constructor(door: string, caching: CacheManager) {
    if (typeof caching?.databaseTransaction !== 'function') {
      throw refusal(door, 'needs the cache manager that `configureCaching` or `createCacheManager` answered with')
    }
    this.#caching = caching
  }

  /** As the ORM would, with all effects on caches after the commit. */
  async run({ of, isSavepoint = false, args, begin, opened }: AskedTransaction): Promise<unknown> {
    const under = of && this.#under.get(of)
    const at = args.findIndex((argument) => typeof argument === 'function')
    let entered: object | undefined
    try {
      return await this.#caching.databaseTransaction(
        async (attempt) => {
          // Queries and nothing else: when the ORM fails, it may have been at the commit.
          if (at < 0) attempt(() => undefined)
          if (at < 0) return begin(args)
          const work = args[at] as Work
          const within: Work = (handle, ...more) =>
            attempt((transaction) => {
              entered = opened(handle, transaction)
              this.#under.set(entered, transaction)
              return work(handle, ...more)
            })
          return begin(args.with(at, within))
        },
        under ?? (isSavepoint ? 'current' : undefined),
      )
    } finally {
      if (entered !== undefined) this.#leave(entered, under)
    }
  }

  #leave(entered: object, under: CachingTransaction | undefined): void {
    if (under === undefined) this.#under.delete(entered)
    else this.#under.set(entered, under)
  }
}

/** Puts a method in the place of an object's own, or of the one it inherits. */
export function replaceMethod<Name extends string>(
  owner: Readonly<Record<Name, unknown>>,
  name: Name,
  value: unknown,
): void {
  Object.defineProperty(owner, name, { value, configurable: true, writable: true })
}

/** The error of a door that was given what it cannot work with. */
export function refusal(door: string, text: string): Error {
  return cacheError('CW_OPTION_INVALID', `cachewright/${door}: cachingTransactions() ${text}.`)
}
