import type { DynamicClientExtensionThis } from '@prisma/client/runtime/client'
import type { CacheManager } from 'cachewright'
import * as drizzleDoor from 'cachewright/drizzle'
import * as knexDoor from 'cachewright/knex'
import * as prismaDoor from 'cachewright/prisma'
import * as typeormDoor from 'cachewright/typeorm'
import { drizzle } from 'drizzle-orm/node-postgres'
import Knex from 'knex'
import type { DataSource } from 'typeorm'

/* The doors to ORMs leave the types of what they are given as they are. Compiled, never run. */

declare const caching: CacheManager
declare const dataSource: DataSource
declare const prisma: Pick<
  DynamicClientExtensionThis<PrismaTypes, PrismaTypesOf, PrismaArgs>,
  '$extends' | '$transaction'
>

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function same<A, B>(is: Same<A, B>): void

/** As a generated client has them, with no model. */
interface PrismaArgs {
  result: {}
  model: {}
  query: {}
  client: {}
}
interface PrismaTypes {
  meta: { modelProps: never; txIsolationLevel: 'ReadCommitted' | 'Serializable' }
  model: {}
  other: { payload: unknown; operations: {} }
  globalOmitOptions: {}
}
interface PrismaTypesOf {
  params: { extArgs: PrismaArgs }
  returns: PrismaTypes
}

export async function accepted(): Promise<void> {
  const db = drizzle('postgres://')
  const hookedDb = drizzleDoor.cachingTransactions(db, caching)
  same<typeof hookedDb, typeof db>(true)
  const one: number = await hookedDb.transaction(async () => 1, { isolationLevel: 'serializable' })

  const knex = Knex({ client: 'pg' })
  const hookedKnex = knexDoor.cachingTransactions(knex, caching)
  same<typeof hookedKnex, typeof knex>(true)
  const trx: Knex.Knex.Transaction = await hookedKnex.transaction()
  await trx.rollback()

  const hookedSource = typeormDoor.cachingTransactions(dataSource, caching)
  same<typeof hookedSource, DataSource>(true)
  const answer: string = await hookedSource.transaction('SERIALIZABLE', async () => `${one}`)

  const hookedPrisma = prisma.$extends(prismaDoor.cachingTransactions(caching))
  const length: number = await hookedPrisma.$transaction(async (_tx) => answer.length, {
    isolationLevel: 'Serializable',
  })
  await hookedPrisma.$transaction([])
  // @ts-expect-error its own options
  await hookedPrisma.$transaction(async () => length, { isolationLevel: 'Never' })
}

export function refused(): void {
  // @ts-expect-error no database
  drizzleDoor.cachingTransactions({}, caching)
  // @ts-expect-error no Knex
  knexDoor.cachingTransactions({}, caching)
  // @ts-expect-error no data source
  typeormDoor.cachingTransactions({}, caching)
  // @ts-expect-error no manager
  prismaDoor.cachingTransactions()
}
