/**
 * Caching transactions for Drizzle.
 *
 * @module
 */
import type { CacheManager } from '../index'
import { refusal, replaceMethod, TransactionHook } from '../orm/transaction-hook'

/** What is needed of a database of Drizzle. */
export interface HookedDatabase {
  transaction(...args: never[]): Promise<unknown>
}

interface Transactional {
  readonly resultKind?: unknown
  transaction(...args: unknown[]): Promise<unknown>
}

/**
 * From now on every `db.transaction(…)`, and every `tx.transaction(…)` in one, is a caching transaction: puts and evicts
 * made in its work happen after its commit and vanish with a rollback, that of a savepoint too.
 *
 * @returns the database
 * @throws CW_OPTION_INVALID for what is no database of Drizzle, or one with a synchronous driver
 *
 * @example
 * ```ts
 * const db = cachingTransactions(drizzle(pool, { schema }), caching)
 * await db.transaction((tx) => orders.place(order, tx), { isolationLevel: 'serializable' })
 * ```
 */
export function cachingTransactions<Database extends HookedDatabase>(db: Database, caching: CacheManager): Database {
  if (typeof db?.transaction !== 'function') throw refusal('drizzle', 'takes a database of Drizzle')
  if ((db as unknown as Transactional).resultKind === 'sync') {
    throw refusal(
      'drizzle',
      'takes a database whose driver is asynchronous; nothing can be awaited in this one’s transactions',
    )
  }
  const hook = new TransactionHook('drizzle', caching)
  const hooked = (database: Transactional): object => {
    const { transaction } = database
    replaceMethod(database, 'transaction', (...args: unknown[]) =>
      hook.run({
        of: database,
        args,
        begin: (given) => transaction.apply(database, [...given]),
        opened: (tx) => hooked(tx as Transactional),
      }),
    )
    return database
  }
  hooked(db as unknown as Transactional)
  return db
}
