/**
 * Caching transactions for Prisma.
 *
 * @module
 */
import type { CacheManager } from '../index'
import { refusal, TransactionHook } from '../orm/transaction-hook'

/** An extension that adds nothing to the types of a client. */
export type PrismaExtension = (client: object) => {
  readonly $extends: {
    readonly extArgs: {
      readonly result: Record<never, never>
      readonly model: Record<never, never>
      readonly query: Record<never, never>
      readonly client: Record<never, never>
    }
  }
}

interface Client {
  $transaction(...args: readonly unknown[]): Promise<unknown>
  $extends(extension: object): object
}

/**
 * An extension with which every `$transaction` of the client, of clients that extend it, and of the transactions within is
 * a caching transaction: puts and evicts made in its work happen after its commit and vanish with a rollback, that of a
 * nested one too. The form with an array has no work; what extensions of its queries do to caches waits in the same way.
 *
 * @throws CW_OPTION_INVALID
 *
 * @example
 * ```ts
 * const prisma = new PrismaClient({ adapter }).$extends(cachingTransactions(caching))
 * await prisma.$transaction((tx) => orders.place(order, tx), { isolationLevel: 'Serializable' })
 * ```
 */
export function cachingTransactions(caching: CacheManager): PrismaExtension {
  const hook = new TransactionHook('prisma', caching)
  const extension = (client: Client): object => {
    if (typeof client?.$extends !== 'function') throw refusal('prisma', 'makes an extension for `$extends` of a client')
    const { $transaction: begin } = client
    return client.$extends({
      name: 'cachewright',
      client: {
        // Of whichever client it is called on: that has the extensions which came later, too.
        $transaction(this: Client, ...args: unknown[]) {
          return hook.run({
            of: this,
            args,
            begin: (given) => begin.apply(this, [...given]),
            opened: (tx) => tx,
          })
        },
      },
    })
  }
  return extension as unknown as PrismaExtension
}
