/**
 * Caching transactions for TypeORM.
 *
 * @module
 */
import type { CacheManager } from '../index'
import { refusal, replaceMethod, TransactionHook } from '../orm/transaction-hook'

/** What is needed of a `DataSource`. */
export interface HookedDataSource {
  readonly manager: object
  readonly driver: { readonly transactionSupport: string }
  createEntityManager(...args: never[]): object
}

interface QueryRunner {
  readonly isTransactionActive: boolean
}

interface Manager {
  readonly queryRunner?: QueryRunner
  transaction(...args: unknown[]): Promise<unknown>
}

/**
 * From now on every `transaction(…)` of the data source, of its managers and of those within is a caching transaction: puts
 * and evicts made in its work happen after its commit and vanish with a rollback, that of a savepoint too. What is begun by
 * `queryRunner.startTransaction()` is not: put `caching.transaction(…)` around it.
 *
 * @returns the data source
 * @throws CW_OPTION_INVALID for what is no data source, or one whose database has no transactions
 *
 * @example
 * ```ts
 * cachingTransactions(dataSource, caching)
 * await dataSource.transaction('SERIALIZABLE', (manager) => orders.place(order, manager))
 * ```
 */
export function cachingTransactions<Source extends HookedDataSource>(
  dataSource: Source,
  caching: CacheManager,
): Source {
  if (typeof dataSource?.createEntityManager !== 'function') throw refusal('typeorm', 'takes a DataSource')
  if (dataSource.driver.transactionSupport === 'none') {
    throw refusal(
      'typeorm',
      'takes the DataSource of a database with transactions; with this driver nothing is rolled back',
    )
  }
  const hook = new TransactionHook('typeorm', caching)
  const hooked = (manager: Manager): Manager => {
    const { transaction } = manager
    replaceMethod(manager, 'transaction', (...args: unknown[]) => {
      // A manager of one connection: where a transaction is under way on it, this is a savepoint.
      const { queryRunner } = manager
      return hook.run({
        of: queryRunner,
        isSavepoint: queryRunner?.isTransactionActive === true,
        args,
        begin: (given) => transaction.apply(manager, [...given]),
        opened: (within) => (within as Required<Manager>).queryRunner,
      })
    })
    return manager
  }
  const create = dataSource.createEntityManager as (...args: unknown[]) => Manager
  replaceMethod(dataSource, 'createEntityManager', (...args: unknown[]) => hooked(create.apply(dataSource, args)))
  hooked(dataSource.manager as Manager)
  return dataSource
}
