import type { Cache } from 'cachewright'
import { cachingTransactions } from 'cachewright/drizzle'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as drizzleSqlJs } from 'drizzle-orm/sql-js'
import type { Pool } from 'pg'
import { ormHouse } from './house'
import { accounts, drizzlePool } from './orms'

// What Drizzle alone has; the rest is in transactions.test.ts.

jest.setTimeout(20_000)

const house = ormHouse()
let pool: Pool
let cache: Cache<string>

beforeEach(async () => {
  pool = drizzlePool(house.postgres.url)
  cache = house.caching.cache<string>('words')
  await cache.put('a', 'old')
})
afterEach(() => pool.end())

test('a rollback by `tx.rollback()`', async () => {
  const db = cachingTransactions(drizzle(pool), house.caching)
  await expect(
    db.transaction(async (tx) => {
      await cache.put('a', 'new')
      tx.rollback()
    }),
  ).rejects.toThrow('Rollback')
  expect(await cache.get('a')).toBe('old')
})

test('a database that tries again keeps nothing of the attempts that failed', async () => {
  const db = drizzle(pool)
  const { transaction } = db
  // As drivers do that call the work again when transactions were in each other's way.
  db.transaction = (async (work: never, config: never) => {
    try {
      return await transaction.call(db, work, config)
    } catch {
      return transaction.call(db, work, config)
    }
  }) as typeof transaction
  cachingTransactions(db, house.caching)
  let attempts = 0
  await db.transaction(async (tx) => {
    attempts++
    if (attempts === 1) {
      await cache.put('a', 'never')
      await tx.transaction(() => cache.put('b', 'never'))
      // Refused at the commit.
      await tx.update(accounts).set({ balance: 7 })
    } else {
      expect(await cache.get('a')).toBe('old')
      await cache.put('c', 'new')
    }
  })
  expect(attempts).toBe(2)
  expect(await cache.getMany(['a', 'b', 'c'])).toEqual(['old', undefined, 'new'])
})

test('hooked twice it is as hooked once', async () => {
  const db = cachingTransactions(drizzle(pool), house.caching)
  expect(cachingTransactions(db, house.caching)).toBe(db)
  await db.transaction(async (tx) => {
    await cache.put('b', 'new')
    await tx
      .transaction(async (inner) => {
        await cache.put('a', 'never')
        inner.rollback()
      })
      .catch(() => {})
  })
  expect(await cache.getMany(['a', 'b'])).toEqual(['old', 'new'])
})

test('a synchronous driver, or what is no database, is refused', () => {
  expect(() => cachingTransactions(drizzleSqlJs({} as never), house.caching)).toThrow(
    expect.objectContaining({ code: 'CW_OPTION_INVALID', message: expect.stringContaining('asynchronous') }),
  )
  expect(() => cachingTransactions({} as never, house.caching)).toThrow('takes a database of Drizzle')
})
