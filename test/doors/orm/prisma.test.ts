import type { Cache } from 'cachewright'
import { cachingTransactions } from 'cachewright/prisma'
import { gate } from '../../support/gate'
import { ormHouse } from './house'
import { type AccountsClient, prismaClient } from './prisma-client'

// What Prisma alone has; the rest is in transactions.test.ts.

jest.setTimeout(20_000)

const house = ormHouse()
let plain: AccountsClient
let prisma: AccountsClient
let cache: Cache<string>

beforeEach(async () => {
  plain = prismaClient(house.postgres.url)
  prisma = plain.$extends(cachingTransactions(house.caching))
  cache = house.caching.cache<string>('words')
  await cache.put('a', 'old')
})
afterEach(() => plain.$disconnect())

const set = (client: AccountsClient, id: number, balance: number): Promise<unknown> =>
  client.account.update({ where: { id }, data: { balance } })

/** Changes a cache with each update. */
const changing = (change: () => Promise<unknown>): object => ({
  query: {
    account: {
      async update({ args, query }: { args: unknown; query: (args: unknown) => Promise<unknown> }) {
        await change()
        return query(args)
      },
    },
  },
})

test('the form with an array answers as before', async () => {
  const answers = await prisma.$transaction([set(prisma, 1, 11), set(prisma, 2, 21)], {
    isolationLevel: 'Serializable',
  })
  expect(answers).toEqual([
    { id: 1, balance: 11 },
    { id: 2, balance: 21 },
  ])
})

test('what extensions of its queries do to caches waits for its commit', async () => {
  const extended = prisma.$extends(changing(() => cache.evict('a')))
  const [updated, through] = [gate(), gate()]
  const off = house.postgres.proxy.onData(async (chunk, { direction }) => {
    if (direction !== 'toServer' || !/\bcommit\b/i.test(chunk.toString('latin1'))) return
    updated.open()
    await through.pass()
  })
  const done = extended.$transaction([set(extended, 1, 11), set(extended, 2, 21)])
  await updated.pass()
  await through.entered
  expect(await cache.get('a')).toBe('old')
  through.open()
  await done
  off()
  expect(await cache.get('a')).toBeUndefined()
})

test('and puts nothing when it fails', async () => {
  const extended = prisma.$extends(changing(() => cache.put('a', 'new')))
  await expect(extended.$transaction([set(extended, 1, 20), set(extended, 3, 31)])).rejects.toThrow()
  expect(await cache.get('a')).toBeUndefined()
})

test('a client that extends it has its own extensions within, and hooks', async () => {
  let updates = 0
  const extended = prisma.$extends(changing(async () => void updates++))
  await extended.$transaction(async (tx) => {
    await set(tx, 1, 11)
    await cache.put('b', 'new')
    await tx
      .$transaction(async (inner) => {
        await set(inner, 2, 21)
        await cache.put('a', 'never')
        throw new Error('undone')
      })
      .catch(() => {})
  })
  expect(updates).toBe(2)
  expect(await cache.getMany(['a', 'b'])).toEqual(['old', 'new'])
})

test('the client it was made of goes without', async () => {
  await expect(
    plain.$transaction(async () => {
      await cache.put('a', 'new')
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect(await cache.get('a')).toBe('new')
})

test('work that is too late for its timeout has put nothing', async () => {
  const slow = gate()
  const late = prisma.$transaction(
    async (tx) => {
      await cache.put('a', 'new')
      await slow.pass()
      await set(tx, 1, 11)
    },
    { timeout: 1 },
  )
  late.catch(() => {})
  await slow.entered
  await plain.account.findUnique({ where: { id: 1 } })
  slow.open()
  await expect(late).rejects.toThrow(/timeout|expired|closed/i)
  expect(await cache.get('a')).toBe('old')
})

test('hooked twice it is as hooked once', async () => {
  const twice = prisma.$extends(cachingTransactions(house.caching))
  await twice.$transaction(async (tx) => {
    await cache.put('b', 'new')
    await tx
      .$transaction(async () => {
        await cache.put('a', 'never')
        throw new Error('undone')
      })
      .catch(() => {})
  })
  expect(await cache.getMany(['a', 'b'])).toEqual(['old', 'new'])
})

test('what is no manager is refused', () => {
  expect(() => cachingTransactions({} as never)).toThrow(expect.objectContaining({ code: 'CW_OPTION_INVALID' }))
})
