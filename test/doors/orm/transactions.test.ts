import { AsyncResource } from 'node:async_hooks'
import { inspect } from 'node:util'
import { Cacheable, CacheEvict, CachePut } from 'cachewright'
import { gate } from '../../support/gate'
import { ormHouse } from './house'
import { type Handle, type Opened, orms } from './orms'
import type { Account } from './prisma-client'

// C52 through the doors to ORMs, on a real database: what holds for all of them.

// Starting databases takes its time on a busy machine.
jest.setTimeout(20_000)

const elsewhere = new AsyncResource('elsewhere')
/** Runs something as another request would. */
const outside = <Result>(work: () => Promise<Result>): Promise<Result> => elsewhere.runInAsyncScope(work)

const house = ormHouse()
const second = ormHouse()
const { manager } = house

class Accounts {
  constructor(private readonly orm: Opened) {}

  @Cacheable({ manager, cache: 'accounts', key: (id: number) => id })
  find(id: number, tx?: Handle): Promise<Account | null> {
    return this.orm.find(id, tx)
  }

  @CacheEvict({ manager, cache: 'accounts', key: (account: Account) => account.id })
  set(account: Account, tx?: Handle): Promise<void> {
    return this.orm.set(account, tx)
  }

  @CachePut({ manager, cache: 'accounts', key: (account: Account) => account.id })
  async setAndPut(account: Account, tx?: Handle): Promise<Account> {
    await this.orm.set(account, tx)
    return account
  }
}

describe.each(Object.entries(orms))('a transaction of %s', (_, open) => {
  let orm: Opened
  let accounts: Accounts
  const cache = () => house.caching.cache<Account>('accounts')
  const balance = async (id: number): Promise<number | undefined> => (await cache().get(id))?.balance
  const warm = (): Promise<unknown> => Promise.all([accounts.find(1), accounts.find(2), accounts.find(3)])

  beforeEach(async () => {
    orm = await open(house.postgres.url, house.caching)
    accounts = new Accounts(orm)
    await warm()
  })
  afterEach(() => orm.close())

  test('C52 effects happen when the database has committed, and not when the work is done', async () => {
    const [sent, through] = [gate(), gate()]
    const off = house.postgres.proxy.onData(async (chunk, { direction }) => {
      if (direction !== 'toServer' || !/\bcommit\b/i.test(chunk.toString('latin1'))) return
      sent.open()
      await through.pass()
    })
    const done = orm.transaction(async (tx) => {
      await accounts.set({ id: 1, balance: 99 }, tx)
      await accounts.setAndPut({ id: 2, balance: 98 }, tx)
      expect((await accounts.find(1, tx))?.balance).toBe(99)
      return 'the answer'
    })
    await sent.pass()
    await through.entered
    const meanwhile = [await balance(1), await balance(2)]
    through.open()
    expect(await done).toBe('the answer')
    off()
    expect(meanwhile).toEqual([10, 20])
    expect([await balance(1), await balance(2)]).toEqual([undefined, 98])
    expect((await accounts.find(1))?.balance).toBe(99)
  })

  test('C52 a rollback leaves all as it was, and the error is that of the work', async () => {
    const error = new Error('no')
    const failing = orm.transaction(async (tx) => {
      await accounts.set({ id: 1, balance: 99 }, tx)
      await accounts.setAndPut({ id: 2, balance: 98 }, tx)
      throw error
    })
    await expect(failing).rejects.toBe(error)
    expect([await balance(1), await balance(2)]).toEqual([10, 20])
    expect((await orm.find(2))?.balance).toBe(20)
  })

  test('options reach the database', async () => {
    expect(await orm.transaction((tx) => orm.isolation(tx))).toBe('read committed')
    expect(await orm.transaction((tx) => orm.isolation(tx), 'serializable')).toBe('serializable')
  })

  test('a savepoint that is rolled back takes its own effects along; others wait for the commit of all', async () => {
    await orm.transaction(async (tx) => {
      await orm.savepoint(tx, (inner) => accounts.setAndPut({ id: 1, balance: 91 }, inner))
      const failing = orm.savepoint(tx, async (inner) => {
        await accounts.setAndPut({ id: 2, balance: 92 }, inner)
        throw new Error('undone')
      })
      await expect(failing).rejects.toThrow('undone')
      expect((await accounts.find(2, tx))?.balance).toBe(20)
      await accounts.set({ id: 3, balance: 93 }, tx)
      expect(await outside(() => balance(1))).toBe(10)
    })
    expect([await balance(1), await balance(2), await balance(3)]).toEqual([91, 20, undefined])
    expect((await accounts.find(3))?.balance).toBe(93)
    expect((await orm.find(2))?.balance).toBe(20)
  })

  test('a rollback takes along what its savepoints have done', async () => {
    const failing = orm.transaction(async (tx) => {
      await orm.savepoint(tx, (inner) => accounts.setAndPut({ id: 1, balance: 91 }, inner))
      throw new Error('all of it')
    })
    await expect(failing).rejects.toThrow('all of it')
    expect(await balance(1)).toBe(10)
  })

  test('a commit that the database refuses puts nothing', async () => {
    const failing = orm.transaction(async (tx) => {
      await accounts.setAndPut({ id: 1, balance: 20 }, tx)
      await accounts.set({ id: 3, balance: 93 }, tx)
    })
    // Drizzle says so in the cause.
    expect(inspect(await failing.catch((error: unknown) => error))).toMatch(/unique constraint/i)
    expect(await balance(1)).not.toBe(20)
    expect([(await accounts.find(1))?.balance, (await accounts.find(3))?.balance]).toEqual([10, 30])
  })

  test('a commit whose answer is lost evicts what was put or evicted', async () => {
    const off = house.postgres.proxy.onData((chunk, { direction, connection }) => {
      if (direction !== 'toClient' || !chunk.includes('COMMIT\0')) return
      connection.cut()
      return 'drop'
    })
    const losing = orm.transaction(async (tx) => {
      await accounts.setAndPut({ id: 1, balance: 99 }, tx)
      await accounts.set({ id: 2, balance: 98 }, tx)
    })
    await expect(losing).rejects.toThrow()
    off()
    expect([await balance(1), await balance(2)]).toEqual([undefined, undefined])
    expect([(await accounts.find(1))?.balance, (await accounts.find(2))?.balance]).toEqual([99, 98])
  })

  test('work that never ends changes nothing, and keeps nobody else', async () => {
    const never = gate()
    const open = orm.transaction(async (tx) => {
      await accounts.set({ id: 1, balance: 99 }, tx)
      await accounts.setAndPut({ id: 2, balance: 98 }, tx)
      await never.pass()
    })
    await never.entered
    expect([await balance(1), await balance(2)]).toEqual([10, 20])
    await cache().put(2, { id: 2, balance: 21 })
    await cache().evict(1)
    expect(await cache().getOrLoad(1, async () => ({ id: 1, balance: 10 }))).toEqual({ id: 1, balance: 10 })
    expect([await balance(1), await balance(2)]).toEqual([10, 21])
    // As a process that is shut down ends it.
    never.fail(new Error('shut down'))
    await expect(open).rejects.toThrow('shut down')
    expect([await balance(1), await balance(2)]).toEqual([10, 21])
  })

  test('of an attempt that failed nothing is left for the one that succeeds', async () => {
    let attempts = 0
    const attempt = (): Promise<void> =>
      orm.transaction(async (tx) => {
        attempts++
        if (attempts === 1) await accounts.setAndPut({ id: 1, balance: 20 }, tx)
        else await accounts.setAndPut({ id: 3, balance: 93 }, tx)
      })
    await attempt().catch(attempt)
    expect(attempts).toBe(2)
    expect([(await accounts.find(1))?.balance, await balance(2), await balance(3)]).toEqual([10, 20, 93])
  })

  test('G1 a put that waited for the commit does not bring back what others have changed since', async () => {
    await orm.transaction(async (tx) => {
      await accounts.setAndPut({ id: 1, balance: 99 }, tx)
      await outside(() => cache().evict(1))
    })
    expect((await cache().lookup(1)).found).toBe(false)
  })

  test('within one by hand it is no part of that: it commits by itself', async () => {
    await house.caching.transaction(async () => {
      await orm.transaction((tx) => accounts.setAndPut({ id: 1, balance: 99 }, tx))
      expect(await outside(() => balance(1))).toBe(99)
    })
  })

  describe('beside another', () => {
    let other: Opened
    beforeEach(async () => {
      other = await open(second.postgres.url, house.caching)
    })
    afterEach(() => other.close())

    test('at the same time, neither has the other’s effects', async () => {
      const [one, two] = [gate(), gate()]
      const committing = orm.transaction(async (tx) => {
        await accounts.setAndPut({ id: 1, balance: 91 }, tx)
        await one.pass()
        await accounts.set({ id: 3, balance: 93 }, tx)
      })
      const failing = other.transaction(async () => {
        await one.entered
        await cache().put(2, { id: 2, balance: 92 })
        await two.pass()
      })
      await two.entered
      one.open()
      await committing
      expect([await balance(1), await balance(2), await balance(3)]).toEqual([91, 20, undefined])
      two.fail(new Error('rolled back'))
      await expect(failing).rejects.toThrow('rolled back')
      expect(await balance(2)).toBe(20)
    })

    test('one inside it that is no savepoint commits by itself, and each keeps its savepoints', async () => {
      const failing = orm.transaction(async (tx) => {
        await accounts.setAndPut({ id: 1, balance: 91 }, tx)
        await other.transaction(async () => {
          await cache().put(2, { id: 2, balance: 92 })
          await orm.savepoint(tx, () => cache().put(3, { id: 3, balance: 93 }))
        })
        expect(await outside(() => balance(2))).toBe(92)
        expect(await outside(() => balance(3))).toBe(30)
        throw new Error('rolled back')
      })
      await expect(failing).rejects.toThrow('rolled back')
      expect([await balance(1), await balance(2), await balance(3)]).toEqual([10, 92, 30])
    })
  })
})
