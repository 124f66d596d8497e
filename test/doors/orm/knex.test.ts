import type { Cache } from 'cachewright'
import { cachingTransactions } from 'cachewright/knex'
import type { Knex } from 'knex'
import { ormHouse } from './house'
import { knexAt } from './orms'

// What Knex alone has; the rest is in transactions.test.ts.

jest.setTimeout(20_000)

const house = ormHouse()
let knex: Knex
let cache: Cache<string>

beforeEach(async () => {
  knex = cachingTransactions(knexAt(house.postgres.url), house.caching)
  cache = house.caching.cache<string>('words')
  await cache.put('a', 'old')
})
afterEach(() => knex.destroy())

test('a rollback by hand, which is no failure, takes the effects along', async () => {
  await knex.transaction(async (trx) => {
    await cache.put('a', 'new')
    await trx.rollback()
  })
  expect(await cache.get('a')).toBe('old')
})

test('so does that of a savepoint, and takes no other along', async () => {
  await knex.transaction(async (trx) => {
    await cache.put('b', 'kept')
    await trx.savepoint(async (inner) => {
      await cache.put('a', 'new')
      await inner.rollback()
    })
  })
  expect([await cache.get('a'), await cache.get('b')]).toEqual(['old', 'kept'])
})

test('work that answers nothing and commits by hand', async () => {
  const answer = await knex.transaction<string>((trx) => {
    cache
      .put('a', 'new')
      .then(() => trx('Account').where({ id: 1 }).update({ balance: 11 }))
      .then(() => trx.commit('answer'), trx.rollback)
  })
  expect([answer, await cache.get('a')]).toEqual(['answer', 'new'])
  const error = new Error('by hand')
  const failing = knex.transaction<string>((trx) => {
    cache.put('a', 'newer').then(() => trx.rollback(error))
  })
  await expect(failing).rejects.toBe(error)
  expect(await cache.get('a')).toBe('new')
})

test('work that answers a query, and options without work', async () => {
  expect(await knex.transaction((trx) => trx('Account').where({ id: 1 }).update({ balance: 11 }))).toBe(1)
  const trx = await knex.transaction({ isolationLevel: 'serializable' })
  expect((await trx.raw('show transaction_isolation')).rows).toEqual([{ transaction_isolation: 'serializable' }])
  await trx.rollback()
})

test('a copy with parameters of the user is hooked like the original', async () => {
  const failing = knex.withUserParams({ tenant: 7 }).transaction(async () => {
    await cache.put('a', 'new')
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect(await cache.get('a')).toBe('old')
})

describe('a transaction without work', () => {
  test('is not carried: effects are at once', async () => {
    const trx = await knex.transaction()
    await cache.put('a', 'new')
    expect(await cache.get('a')).toBe('new')
    await trx.rollback()
    expect(await cache.get('a')).toBe('new')
  })

  test('is carried by one around it, with its savepoints', async () => {
    await house.caching.transaction(async () => {
      const trx = await knex.transaction()
      await cache.put('b', 'new')
      const failing = trx.transaction(async () => {
        await cache.put('a', 'never')
        throw new Error('undone')
      })
      await expect(failing).rejects.toThrow('undone')
      await trx.commit()
    })
    expect([await cache.get('a'), await cache.get('b')]).toEqual(['old', 'new'])
  })
})

test('hooked twice it is as hooked once', async () => {
  expect(cachingTransactions(knex, house.caching)).toBe(knex)
  await knex.transaction(async (trx) => {
    await cache.put('a', 'new')
    await trx.transaction(async (inner) => {
      await cache.put('b', 'never')
      await inner.rollback()
    })
  })
  expect([await cache.get('a'), await cache.get('b')]).toEqual(['new', undefined])
})

test('what is no Knex, or no manager, is refused', () => {
  expect(() => cachingTransactions({} as Knex, house.caching)).toThrow(
    'cachewright/knex: cachingTransactions() takes an instance of Knex.',
  )
  expect(() => cachingTransactions(knex, {} as never)).toThrow(
    expect.objectContaining({ code: 'CW_OPTION_INVALID', message: expect.stringContaining('needs the cache manager') }),
  )
})
