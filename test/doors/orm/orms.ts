import type { CacheManager } from 'cachewright'
import * as drizzleDoor from 'cachewright/drizzle'
import * as knexDoor from 'cachewright/knex'
import * as prismaDoor from 'cachewright/prisma'
import * as typeormDoor from 'cachewright/typeorm'
import { eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable } from 'drizzle-orm/pg-core'
import Knex from 'knex'
import { Pool } from 'pg'
import { DataSource, type EntityManager, EntitySchema } from 'typeorm'
import { type Account, type AccountsClient, prismaClient } from './prisma-client'

/** What work is given: whatever the ORM calls a transaction. */
export type Handle = { readonly orm: string }

/** A hooked ORM as the tests that hold for all of them use it. */
export interface Opened {
  transaction<Result>(work: (tx: Handle) => Promise<Result>, options?: 'serializable'): Promise<Result>
  savepoint<Result>(tx: Handle, work: (tx: Handle) => Promise<Result>): Promise<Result>
  find(id: number, tx?: Handle): Promise<Account | null>
  set(account: Account, tx?: Handle): Promise<void>
  isolation(tx: Handle): Promise<string>
  close(): Promise<unknown>
}

// Two accounts may not have the same balance: the database says so at the commit.
export const schema = `
  create table "Account" (id int primary key, balance int not null unique deferrable initially deferred);
`
export const content = 'delete from "Account"; insert into "Account" values (1, 10), (2, 20), (3, 30)'

export const accounts = pgTable('Account', { id: integer().primaryKey(), balance: integer().notNull() })

export function drizzlePool(connectionString: string): Pool {
  const pool = new Pool({ connectionString, max: 3 })
  // Connections that are cut, in use or not.
  pool.on('connect', (client) => void client.on('error', () => {}))
  return pool.on('error', () => {})
}

async function openDrizzle(url: string, caching: CacheManager): Promise<Opened> {
  const pool = drizzlePool(url)
  const db = drizzleDoor.cachingTransactions(drizzle(pool), caching)
  const its = (tx: Handle | undefined): typeof db => (tx as unknown as typeof db) ?? db
  const handle = (tx: unknown): Handle => tx as Handle
  return {
    transaction: (work, isolationLevel) =>
      db.transaction((tx) => work(handle(tx)), isolationLevel === undefined ? undefined : { isolationLevel }),
    savepoint: (tx, work) => its(tx).transaction((inner) => work(handle(inner))),
    find: async (id, tx) => (await its(tx).select().from(accounts).where(eq(accounts.id, id)))[0] ?? null,
    set: async ({ id, balance }, tx) =>
      void (await its(tx).update(accounts).set({ balance }).where(eq(accounts.id, id))),
    isolation: async (tx) =>
      String((await its(tx).execute(sql`show transaction_isolation`)).rows[0]!.transaction_isolation),
    close: () => pool.end(),
  }
}

export function knexAt(connection: string): Knex.Knex {
  // Of connections that are cut.
  const log = { warn() {}, error() {} }
  return Knex({ client: 'pg', connection, pool: { min: 0, max: 3 }, log })
}

async function openKnex(url: string, caching: CacheManager): Promise<Opened> {
  const knex = knexDoor.cachingTransactions(knexAt(url), caching)
  const its = (tx: Handle | undefined): Knex.Knex.Transaction => (tx as unknown as Knex.Knex.Transaction) ?? knex
  const handle = (tx: unknown): Handle => tx as Handle
  return {
    transaction: (work, isolationLevel) =>
      knex.transaction((trx) => work(handle(trx)), isolationLevel === undefined ? {} : { isolationLevel }),
    savepoint: (tx, work) => its(tx).savepoint((trx) => work(handle(trx))),
    find: async (id, tx) => (await its(tx)<Account>('Account').where({ id }).first()) ?? null,
    set: async ({ id, balance }, tx) => void (await its(tx)('Account').where({ id }).update({ balance })),
    isolation: async (tx) => (await its(tx).raw('show transaction_isolation')).rows[0].transaction_isolation,
    close: () => knex.destroy(),
  }
}

export const AccountEntity = new EntitySchema<Account>({
  name: 'Account',
  tableName: 'Account',
  columns: { id: { type: 'int', primary: true }, balance: { type: 'int' } },
})

export function dataSourceAt(url: string): Promise<DataSource> {
  const poolErrorHandler = (): void => {}
  return new DataSource({
    type: 'postgres',
    url,
    entities: [AccountEntity],
    extra: { max: 3 },
    poolErrorHandler,
  }).initialize()
}

async function openTypeorm(url: string, caching: CacheManager): Promise<Opened> {
  const dataSource = typeormDoor.cachingTransactions(await dataSourceAt(url), caching)
  const its = (tx: Handle | undefined): EntityManager => (tx as unknown as EntityManager) ?? dataSource.manager
  const handle = (manager: EntityManager): Handle => manager as unknown as Handle
  return {
    transaction: (work, isolationLevel) =>
      isolationLevel === undefined
        ? dataSource.transaction((manager) => work(handle(manager)))
        : dataSource.transaction('SERIALIZABLE', (manager) => work(handle(manager))),
    savepoint: (tx, work) => its(tx).transaction((manager) => work(handle(manager))),
    find: (id, tx) => its(tx).findOneBy(AccountEntity, { id }),
    set: async ({ id, balance }, tx) => void (await its(tx).update(AccountEntity, { id }, { balance })),
    isolation: async (tx) => (await its(tx).query('show transaction_isolation'))[0].transaction_isolation,
    close: () => dataSource.destroy(),
  }
}

async function openPrisma(url: string, caching: CacheManager): Promise<Opened> {
  const prisma = prismaClient(url).$extends(prismaDoor.cachingTransactions(caching))
  const its = (tx: Handle | undefined): AccountsClient => (tx as unknown as AccountsClient) ?? prisma
  const handle = (tx: AccountsClient): Handle => tx as unknown as Handle
  return {
    transaction: (work, isolationLevel) =>
      prisma.$transaction(
        (tx) => work(handle(tx)),
        isolationLevel === undefined ? { timeout: 60_000 } : { isolationLevel: 'Serializable' },
      ),
    savepoint: (tx, work) => its(tx).$transaction((inner) => work(handle(inner))),
    find: (id, tx) => its(tx).account.findUnique({ where: { id } }),
    set: async ({ id, balance }, tx) => void (await its(tx).account.update({ where: { id }, data: { balance } })),
    isolation: async (tx) =>
      (await its(tx).$queryRawUnsafe<{ transaction_isolation: string }[]>('show transaction_isolation'))[0]!
        .transaction_isolation,
    close: () => prisma.$disconnect(),
  }
}

export const orms: Readonly<Record<string, (url: string, caching: CacheManager) => Promise<Opened>>> = {
  Drizzle: openDrizzle,
  Knex: openKnex,
  Prisma: openPrisma,
  TypeORM: openTypeorm,
}
