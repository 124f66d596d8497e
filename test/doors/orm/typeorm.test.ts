import type { Cache } from 'cachewright'
import { cachingTransactions } from 'cachewright/typeorm'
import type { DataSource } from 'typeorm'
import { ormHouse } from './house'
import { AccountEntity, dataSourceAt } from './orms'

// What TypeORM alone has; the rest is in transactions.test.ts.

jest.setTimeout(20_000)

const house = ormHouse()
let dataSource: DataSource
let cache: Cache<string>

beforeEach(async () => {
  dataSource = cachingTransactions(await dataSourceAt(house.postgres.url), house.caching)
  cache = house.caching.cache<string>('words')
  await cache.put('a', 'old')
})
afterEach(() => dataSource.destroy())

const undone = async (): Promise<never> => {
  await cache.put('a', 'new')
  throw new Error('undone')
}

test.each([
  ['the data source', (work: () => Promise<void>) => dataSource.transaction(work)],
  ['its manager', (work: () => Promise<void>) => dataSource.manager.transaction('SERIALIZABLE', work)],
  [
    'the manager of a repository',
    (work: () => Promise<void>) => dataSource.getRepository(AccountEntity).manager.transaction(work),
  ],
  ['a manager that is made', (work: () => Promise<void>) => dataSource.createEntityManager().transaction(work)],
])('transactions of %s', async (_, transaction) => {
  await expect(transaction(undone)).rejects.toThrow('undone')
  expect(await cache.get('a')).toBe('old')
  await transaction(() => cache.put('a', 'new'))
  expect(await cache.get('a')).toBe('new')
})

test('one connection, transaction after transaction', async () => {
  const runner = dataSource.createQueryRunner()
  for (const word of ['one', 'two']) {
    await expect(
      runner.manager.transaction(async (manager) => {
        await manager.transaction(() => cache.put('b', 'never'))
        return undone()
      }),
    ).rejects.toThrow('undone')
    await runner.manager.transaction(async (manager) => {
      await expect(manager.transaction(undone)).rejects.toThrow('undone')
      await manager.transaction(() => cache.put('b', word))
    })
    expect([await cache.get('a'), await cache.get('b')]).toEqual(['old', word])
  }
  await runner.release()
})

test('savepoints of a connection belong to its transaction, whichever manager they are asked of', async () => {
  await expect(
    dataSource.transaction(async ({ queryRunner }) => {
      await dataSource.createEntityManager(queryRunner).transaction(() => cache.put('a', 'new'))
      expect(await cache.get('a')).toBeUndefined()
      throw new Error('undone')
    }),
  ).rejects.toThrow('undone')
  expect(await cache.get('a')).toBe('old')
})

describe('a transaction that is begun by hand', () => {
  test('is not carried: effects are at once', async () => {
    const runner = dataSource.createQueryRunner()
    await runner.startTransaction()
    await cache.put('a', 'new')
    await runner.rollbackTransaction()
    await runner.release()
    expect(await cache.get('a')).toBe('new')
  })

  test('is carried by one around it, with its savepoints', async () => {
    const runner = dataSource.createQueryRunner()
    await runner.manager.transaction(() => cache.evict('b'))
    const ended = async (end: () => Promise<void>): Promise<void> => {
      await house.caching.transaction(async () => {
        await runner.startTransaction()
        await cache.put('b', 'new')
        await expect(runner.manager.transaction(undone)).rejects.toThrow('undone')
        await runner.manager.transaction(() => cache.put('c', 'new'))
        await end()
      })
    }
    const rolledBack = ended(async () => {
      await runner.rollbackTransaction()
      throw new Error('by hand')
    })
    await expect(rolledBack).rejects.toThrow('by hand')
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(['old', undefined, undefined])
    await ended(() => runner.commitTransaction())
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(['old', 'new', 'new'])
    await runner.release()
  })
})

test('hooked twice it is as hooked once', async () => {
  expect(cachingTransactions(dataSource, house.caching)).toBe(dataSource)
  await dataSource.transaction(async (manager) => {
    await cache.put('b', 'new')
    await expect(manager.transaction(undone)).rejects.toThrow('undone')
  })
  expect(await cache.getMany(['a', 'b'])).toEqual(['old', 'new'])
})

test('the ORM’s own mistakes are as before', async () => {
  await expect(dataSource.transaction('SERIALIZABLE' as never)).rejects.toThrow('requires callback')
  await expect(dataSource.transaction('SNAPSHOT' as never, async () => {})).rejects.toThrow(/isolation/i)
})

test('what has no transactions, or is no data source, is refused', () => {
  expect(() => cachingTransactions({} as DataSource, house.caching)).toThrow(
    'cachewright/typeorm: cachingTransactions() takes a DataSource.',
  )
  const driver = { transactionSupport: 'none' }
  const without = Object.assign(Object.create(dataSource), { driver }) as DataSource
  expect(() => cachingTransactions(without, house.caching)).toThrow(
    expect.objectContaining({ code: 'CW_OPTION_INVALID', message: expect.stringContaining('nothing is rolled back') }),
  )
})
