/**
 * Caching transactions for Knex, and for what is made on it.
 *
 * @module
 */
import type { CacheManager, CachingTransaction } from '../index'
import { refusal, replaceMethod, TransactionHook } from '../orm/transaction-hook'

/** What is needed of a Knex instance. */
export interface HookedKnex {
  transaction(...args: never[]): Promise<unknown>
  withUserParams(...args: never[]): unknown
}

interface Instance {
  readonly isTransaction?: boolean
  transaction(...args: unknown[]): Promise<unknown>
  withUserParams(...args: unknown[]): Instance
}

interface Transactor extends Instance {
  rollback(...args: unknown[]): Promise<unknown>
}

/**
 * From now on every `knex.transaction(work)`, and every `trx.transaction(work)` and `trx.savepoint(work)` in one, is a
 * caching transaction: puts and evicts made in its work happen after its commit and vanish with a rollback, that of a
 * savepoint too. What is begun by `knex.transaction()` without work, or by a transaction provider, is not: put
 * `caching.transaction(…)` around it.
 *
 * @returns the instance
 * @throws CW_OPTION_INVALID for what is no instance of Knex
 *
 * @example
 * ```ts
 * const knex = cachingTransactions(Knex(config), caching)
 * await knex.transaction((trx) => orders.place(order, trx), { isolationLevel: 'serializable' })
 * ```
 */
export function cachingTransactions<Knex extends HookedKnex>(knex: Knex, caching: CacheManager): Knex {
  if (typeof knex?.withUserParams !== 'function') throw refusal('knex', 'takes an instance of Knex')
  const hook = new TransactionHook('knex', caching)

  const hooked = <Its extends Instance>(instance: Its): Its => {
    const { transaction, withUserParams } = instance
    replaceMethod(instance, 'transaction', async (...args: unknown[]) => {
      const begin = (given: readonly unknown[]): Promise<unknown> => transaction.apply(instance, [...given])
      if (!args.some((argument) => typeof argument === 'function')) return hooked((await begin(args)) as Transactor)
      return hook.run({
        of: instance,
        isSavepoint: instance.isTransaction === true,
        args,
        begin,
        opened: (trx, itself) => tellingOfRollback(hooked(trx as Transactor), itself),
      })
    })
    // A copy with everything of its own.
    replaceMethod(instance, 'withUserParams', (...args: unknown[]) => hooked(withUserParams.apply(instance, args)))
    return instance
  }
  hooked(knex as unknown as Instance)
  return knex
}

/** Knex does not fail when its user rolls back by hand. */
function tellingOfRollback(trx: Transactor, transaction: CachingTransaction): Transactor {
  const { rollback } = trx
  replaceMethod(trx, 'rollback', (...args: unknown[]) => {
    transaction.forget()
    return rollback.apply(trx, args)
  })
  return trx
}
