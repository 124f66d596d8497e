import { AsyncResource } from 'node:async_hooks'
import { Cacheable, CacheableMany, CacheEvict, CachePut, type CachingTransaction, strictErrors } from 'cachewright'
import { type Database, startDatabase } from '../../support/database'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, world } from './world'

// Effects that wait for the commit: C52, on a real database.

interface Account {
  readonly id: number
  readonly balance: number
}

let database: Database
beforeAll(async () => {
  database = await startDatabase()
  await database.query('create table accounts (id int primary key, balance int not null)')
}, 30_000)
afterAll(() => database.close())

describe.each(places)('a transaction, cached %s', (place) => {
  const its = world(place, { maxStaleness: '1h' })
  const { manager } = its
  const cache = () => its.caching.cache<unknown>('accounts')

  class Accounts {
    loads = 0

    @Cacheable({ manager, cache: 'accounts', tags: (account) => [`rich:${account !== null && account.balance > 100}`] })
    async find(id: number): Promise<Account | null> {
      this.loads++
      return (await database.query<Account>('select * from accounts where id = $1', [id]))[0] ?? null
    }

    @CacheableMany({ manager, cache: 'accounts', idOf: (account: Account) => account.id })
    async findMany(ids: readonly number[]): Promise<Account[]> {
      return database.query<Account>('select * from accounts where id = any($1)', [[...ids]])
    }

    @CacheEvict({ manager, cache: 'accounts', key: (id: number) => id })
    async set(id: number, balance: number): Promise<void> {
      await database.query('update accounts set balance = $2 where id = $1', [id, balance])
    }

    @CachePut({ manager, cache: 'accounts', key: (id: number) => id })
    async setAndPut(id: number, balance: number): Promise<Account> {
      await database.query('update accounts set balance = $2 where id = $1', [id, balance])
      return { id, balance }
    }
  }

  beforeEach(async () => {
    await database.query('delete from accounts')
    await database.query('insert into accounts values (1, 10), (2, 20)')
  })

  const within = (work: () => Promise<void>): Promise<void> => its.caching.transaction(() => database.transaction(work))

  test('C52 an evict happens at the commit; until then others are served what is still true', async () => {
    const accounts = new Accounts()
    expect((await accounts.find(1))?.balance).toBe(10)
    await within(async () => {
      await accounts.set(1, 99)
      expect((await accounts.find(1))?.balance).toBe(99)
      // Outside of its scope nothing has happened yet.
      expect(
        await its.caching.cache<Account>('accounts').parts.tiers.loads.hit(cache().parts.keys.encodeKey(1)),
      ).toBeUndefined()
    })
    expect((await accounts.find(1))?.balance).toBe(99)
    if (place === 'on Redis')
      expect(await (await its.another()).cache('accounts').get(1)).toMatchObject({ balance: 99 })
  })

  test('C52 a rollback leaves everything as it was, and nothing uncommitted was kept', async () => {
    const accounts = new Accounts()
    await accounts.find(1)
    const failing = within(async () => {
      await accounts.set(1, 99)
      await accounts.setAndPut(2, 98)
      expect((await accounts.find(1))?.balance).toBe(99)
      expect((await accounts.findMany([1, 2])).map(({ balance }) => balance).toSorted()).toEqual([98, 99])
      throw new Error('rolled back')
    })
    await expect(failing).rejects.toThrow('rolled back')
    expect(await cache().get(1)).toMatchObject({ balance: 10 })
    expect(await cache().lookup(2)).toEqual({ found: false })
    expect((await accounts.find(2))?.balance).toBe(20)
  })

  test('C52 a put is seen at the commit, and what is loaded in between is kept nowhere', async () => {
    const accounts = new Accounts()
    await within(async () => {
      await accounts.setAndPut(1, 77)
      await accounts.find(2)
      expect(await cache().lookup(1)).toEqual({ found: false })
    })
    expect(await cache().get(1)).toMatchObject({ balance: 77 })
    expect(await cache().lookup(2)).toEqual({ found: false })
  })

  test('G1 a load that began before the commit is not kept after it', async () => {
    const accounts = new Accounts()
    const slow = gate()
    const others = cache().getOrLoad(1, async () => {
      const [account] = await database.query<Account>('select * from accounts where id = 1')
      await slow.pass()
      return account
    })
    await slow.entered
    await within(() => accounts.set(1, 99))
    slow.open()
    expect(await others).toMatchObject({ balance: 10 })
    expect((await accounts.find(1))?.balance).toBe(99)
  })

  test('G1 a put that waited does not bring back what others have changed since', async () => {
    const accounts = new Accounts()
    await its.caching.transaction(async () => {
      await accounts.setAndPut(1, 50)
      // Another request commits and evicts meanwhile.
      await outside(() => cache().evict(1))
    })
    expect(await cache().lookup(1)).toEqual({ found: false })
  })

  test('tags, clears and the manager’s own evicts wait as well', async () => {
    const accounts = new Accounts()
    for (const evict of [
      () => cache().evictTags(['rich:false']),
      () => cache().clear(),
      () => its.caching.evictTags(['rich:false']),
      () => its.caching.clear(),
      () => cache().expire(1),
    ]) {
      await accounts.find(1)
      await expect(
        its.caching.transaction(async () => {
          await evict()
          throw new Error('no')
        }),
      ).rejects.toThrow('no')
      expect((await cache().lookup(1)).found).toBe(true)
      await its.caching.transaction(evict)
      expect((await cache().lookup(1)).found).toBe(false)
    }
  })

  test('one within another is a part of it', async () => {
    const accounts = new Accounts()
    await accounts.find(1)
    await accounts.find(2)
    await its.caching.transaction(async () => {
      await its.caching.transaction(() => cache().evict(1))
      await expect(
        its.caching.transaction(async () => {
          await cache().evict(2)
          throw new Error('inner')
        }),
      ).rejects.toThrow('inner')
      expect(await outside(() => cache().lookup(1))).toMatchObject({ found: true })
      expect(await cache().lookup(1)).toEqual({ found: false })
      expect(await cache().lookup(2)).toMatchObject({ found: true })
    })
    expect(await cache().lookup(1)).toEqual({ found: false })
    expect(await cache().lookup(2)).toMatchObject({ found: true })
  })

  if (place === 'on Redis') {
    test('G5 each effect is tried at the commit, although a strict handler fails one of them', async () => {
      const strict = await its.another({ errorHandler: strictErrors })
      const [one, two] = [strict.cache('one'), strict.cache('two')]
      await Promise.all([one.put('a', 1), two.put('a', 1)])
      await its.server.kill()
      const committing = strict.transaction(async () => {
        await one.evict('a')
        await two.evict('a')
      })
      await expect(committing).rejects.toMatchObject({ code: expect.stringMatching(/^CW_SHARED/) })
      expect(strict.stats().deferredEvictions).toBe(2)
    })
  }

  describe('of a database that is hooked', () => {
    const failing = new Error('the answer was lost')
    const hooked = (work: () => Promise<unknown>, end = async () => {}, within?: CachingTransaction | 'current') =>
      its.caching.databaseTransaction(async (attempt) => {
        const answer = await attempt(work)
        await end()
        return answer
      }, within)

    test('it answers what its work answers, once its effects have happened', async () => {
      await cache().put(1, 'old')
      const answer = await hooked(
        async () => {
          await cache().evict(1)
          return 'answer'
        },
        async () => expect(await outside(() => cache().get(1))).toBe('old'),
      )
      expect([answer, await cache().get(1)]).toEqual(['answer', undefined])
    })

    test('a commit that fails evicts what was put or evicted, and puts nothing', async () => {
      await Promise.all([1, 2, 3].map((key) => cache().put(key, 'old', { tags: [`tag:${key}`] })))
      await cache().put(4, 'old')
      const lost = hooked(
        async () => {
          await cache().put(1, 'new')
          await cache().evict(2)
          await hooked(() => cache().evictTags(['tag:3']), undefined, 'current')
        },
        () => Promise.reject(failing),
      )
      await expect(lost).rejects.toBe(failing)
      expect(await cache().getMany([1, 2, 3, 4])).toEqual([undefined, undefined, undefined, 'old'])
    })

    test('a savepoint whose release fails is in doubt until the commit', async () => {
      await cache().put(1, 'old')
      const inner = () =>
        hooked(
          () => cache().put(1, 'new'),
          () => Promise.reject(failing),
          'current',
        )
      await hooked(async () => {
        await expect(inner()).rejects.toBe(failing)
        expect(await outside(() => cache().get(1))).toBe('old')
      })
      expect(await cache().get(1)).toBeUndefined()
      await cache().put(1, 'old')
      const rolledBack = hooked(async () => {
        await inner().catch(() => {})
        throw new Error('all of it')
      })
      await expect(rolledBack).rejects.toThrow('all of it')
      expect(await cache().get(1)).toBe('old')
    })

    test('what its work throws, and what was undone, leaves nothing', async () => {
      await cache().put(1, 'old')
      await expect(
        hooked(() =>
          cache()
            .put(1, 'new')
            .then(() => Promise.reject(failing)),
        ),
      ).rejects.toBe(failing)
      expect(await cache().get(1)).toBe('old')
      await its.caching.databaseTransaction((attempt) =>
        attempt(async (transaction) => {
          await cache().put(1, 'new')
          await its.caching.clear()
          transaction.forget()
          expect(await cache().get(1)).toBe('old')
          await cache().put(2, 'new')
        }),
      )
      expect(await cache().getMany([1, 2])).toEqual(['old', 'new'])
    })

    test('a savepoint is a part of the one it names, wherever it is made, or by itself when that is over', async () => {
      let outer: CachingTransaction | undefined
      const rolledBack = its.caching.databaseTransaction((attempt) =>
        attempt(async (transaction) => {
          outer = transaction
          await outside(() => hooked(() => cache().put(1, 'never'), undefined, transaction))
          throw failing
        }),
      )
      await expect(rolledBack).rejects.toBe(failing)
      await hooked(() => cache().put(2, 'new'), undefined, outer)
      await hooked(() => cache().put(3, 'new'), undefined, 'current')
      expect(await cache().getMany([1, 2, 3])).toEqual([undefined, 'new', 'new'])
    })
  })

  test('what is left running after its end happens at once', async () => {
    const slow = gate()
    let left: Promise<void> | undefined
    const other = gate()
    const open = its.caching.transaction(() => other.pass())
    await cache().put(1, 'old')
    await its.caching.transaction(async () => {
      left = slow.pass().then(() => cache().evict(1))
    })
    slow.open()
    await left
    expect(await cache().lookup(1)).toEqual({ found: false })
    other.open()
    await open
  })

  test('several at once do not mix, and what begins outside knows nothing of them', async () => {
    const slow = gate()
    const one = its.caching.transaction(async () => {
      await cache().evict(1)
      await slow.pass()
    })
    await slow.entered
    await cache().put(1, 'outside')
    await its.caching.transaction(() => cache().put(2, 'two'))
    expect(await cache().getMany([1, 2])).toEqual(['outside', 'two'])
    slow.open()
    await one
    await eventually(async () => expect(await cache().get(1)).toBeUndefined())
  })
})

/** Runs something as another request would. */
function outside<Result>(work: () => Promise<Result>): Promise<Result> {
  return elsewhere.runInAsyncScope(work)
}
const elsewhere = new AsyncResource('elsewhere')
