import { Cacheable, type CacheManager, CachePut, createCacheManager, type RemovalCause } from 'cachewright'
import { settle } from 'cachewright/testing'
import { gate } from '../../support/gate'

let now = 0
let own: CacheManager
const manager = (): CacheManager => own
beforeEach(() => {
  now = 0
  own = createCacheManager({ clock: { now: () => now } })
})
afterEach(() => own.close())

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  expect(Object.isFrozen(value)).toBe(true)
  for (const part of Object.values(value)) expectFrozen(part)
}

describe('a snapshot of counts', () => {
  test('never changes, whoever tries', async () => {
    const cache = own.cache('c')
    const [before, all] = [cache.stats(), own.stats()]
    expectFrozen(before)
    expectFrozen(all)
    await cache.put('k', 1)
    await cache.get('k')
    expect(before).toMatchObject({ hits: 0, puts: 0, local: { size: 0 } })
    expect(all).toMatchObject({ hits: 0, caches: { c: { hits: 0 } } })
    expect(cache.stats()).toMatchObject({ hits: 1, puts: 1, local: { size: 1 } })
  })

  test('of a cache nobody used yet', () => {
    expect(own.cache('c').stats()).toMatchObject({
      hits: 0,
      misses: 0,
      hitRatio: 0,
      loadSuccesses: 0,
      loadFailures: 0,
      joins: 0,
      timeSavedMs: 0,
      puts: 0,
      evictions: 0,
      superseded: 0,
      refused: 0,
      loadTimes: { totalMs: 0, averageMs: 0 },
      local: { hits: 0, misses: 0, size: 0, bytes: 0 },
      shared: undefined,
    })
  })
})

describe('hits and misses', () => {
  class Rows {
    @Cacheable({ manager, cache: 'c' })
    async find(id: string): Promise<string> {
      if (id === 'bad') throw new Error('no row')
      return id
    }
  }

  test.each<[string, (cache: ReturnType<typeof own.cache>) => Promise<unknown>, number, number]>([
    ['get of nothing', (its) => its.get('x'), 0, 1],
    ['get of something', (its) => its.get('k'), 1, 0],
    ['lookup of nothing', (its) => its.lookup('x'), 0, 1],
    ['getMany', (its) => its.getMany(['k', 'x', 'k']), 2, 1],
    ['getOrLoad of nothing', (its) => its.getOrLoad('x', () => 1), 0, 1],
    ['getOrLoad of something', (its) => its.getOrLoad('k', () => 1), 1, 0],
    ['a decorated read of nothing', () => new Rows().find('x'), 0, 1],
    ['a decorated read of something', () => new Rows().find('k'), 1, 0],
    ['a failing read', () => new Rows().find('bad').catch(() => {}), 0, 1],
    ['a put', (its) => its.put('k', 2), 0, 0],
    ['an evict', (its) => its.evict('k'), 0, 0],
    ['a clear', (its) => its.clear(), 0, 0],
  ])('%s', async (_what, act, hits, misses) => {
    const cache = own.cache('c')
    await cache.put('k', 1)
    await act(cache)
    const stats = cache.stats()
    expect({ hits: stats.hits, misses: stats.misses }).toEqual({ hits, misses })
    expect(stats.local).toMatchObject({ hits, misses })
    expect(stats.hitRatio).toBe(hits + misses === 0 ? 0 : hits / (hits + misses))
  })

  test('balance: every read is a hit, a miss or a join, and every miss is a load that succeeds or fails', async () => {
    const slow = gate<string>()
    class Slow {
      @Cacheable({ manager, cache: 'slow' })
      async find(id: string): Promise<string> {
        const row = await slow.pass()
        if (id === 'bad') throw new Error('no row')
        return row
      }
    }
    const rows = new Slow()
    const reads = ['a', 'a', 'b', 'bad', 'a', 'bad'].map((id) => rows.find(id))
    await slow.entered
    slow.open('row')
    await Promise.allSettled(reads)
    const more = ['a', 'b', 'bad', 'c', 'a']
    for (const id of more) await rows.find(id).catch(() => {})
    const { hits, misses, joins, loadSuccesses, loadFailures, local } = own.cache('slow').stats()
    expect({ hits, misses, joins, loadSuccesses, loadFailures }).toEqual({
      hits: 3,
      misses: 5,
      joins: 3,
      loadSuccesses: 3,
      loadFailures: 2,
    })
    expect(hits + misses + joins).toBe(reads.length + more.length)
    expect(loadSuccesses + loadFailures).toBe(misses)
    expect(local.hits + local.misses).toBe(reads.length + more.length)
  })

  test('balance where a load needs its own result', async () => {
    class Loop {
      rounds = 0

      @Cacheable({ manager, cache: 'loop', key: () => 'k' })
      async find(): Promise<string> {
        return this.rounds++ > 0 ? 'end' : `of ${await this.find()}`
      }
    }
    expect(await new Loop().find()).toBe('of end')
    const { hits, misses, joins, local } = own.cache('loop').stats()
    expect(hits + misses + joins).toBe(local.hits + local.misses)
  })

  test('balance where a caller came with an aborted signal', async () => {
    const cache = own.cache('c')
    await expect(cache.getOrLoad('k', () => 1, { signal: AbortSignal.abort() })).rejects.toThrow()
    const { hits, misses, joins, local } = cache.stats()
    expect(hits + misses + joins).toBe(local.hits + local.misses)
  })

  test('a method that always runs because it puts is no read, though a read stands on it too', async () => {
    class Both {
      @Cacheable({ manager, cache: 'read' })
      @CachePut({ manager, cache: 'put' })
      async save(id: string): Promise<string> {
        return id
      }
    }
    await new Both().save('1')
    await new Both().save('1')
    expect(own.cache('read').stats()).toMatchObject({ hits: 0, misses: 0 })
  })

  test('the sums of a manager are those of its caches', async () => {
    for (const name of ['a', 'b']) {
      await own.cache(name).getOrLoad('k', () => 1)
      await own.cache(name).get('k')
      await own
        .cache(name)
        .getOrLoad('bad', () => Promise.reject(new Error('no')))
        .catch(() => {})
    }
    expect(own.stats()).toMatchObject({ hits: 2, misses: 4, hitRatio: 1 / 3, loadSuccesses: 2, loadFailures: 2 })
  })
})

describe('load times', () => {
  test('fall into the bucket whose bound they do not pass', async () => {
    const cache = own.cache('c')
    for (const [index, ms] of [0, 1, 1.5, 2, 10_000, 10_001].entries()) {
      await cache.getOrLoad(index, () => {
        now += ms
        return index
      })
    }
    const { totalMs, averageMs, buckets } = cache.stats().loadTimes
    expect(totalMs).toBe(20_005.5)
    expect(averageMs).toBeCloseTo(totalMs / 6)
    expect(buckets.filter(({ count }) => count > 0)).toEqual([
      { upToMs: 1, count: 2 },
      { upToMs: 2, count: 2 },
      { upToMs: 10_000, count: 1 },
      { upToMs: Number.POSITIVE_INFINITY, count: 1 },
    ])
    expect(buckets.map(({ upToMs }) => upToMs)).toEqual(buckets.map(({ upToMs }) => upToMs).toSorted((a, b) => a - b))
  })

  test('are what hits save', async () => {
    const cache = own.cache('c')
    const load = () => {
      now += 40
      return 1
    }
    for (let round = 0; round < 4; round++) await cache.getOrLoad('k', load)
    expect(cache.stats()).toMatchObject({ timeSavedMs: 120, hits: 3 })
  })
})

describe('removals, by cause', () => {
  const none: Record<RemovalCause, number> = { explicit: 0, replaced: 0, expired: 0, size: 0, invalidated: 0 }

  test.each<[string, Partial<typeof none>, (cache: ReturnType<typeof own.cache>) => Promise<unknown>]>([
    ['an evict', { explicit: 1 }, (its) => its.evict('a')],
    ['an evict of nothing', {}, (its) => its.evict('x')],
    ['an evict of both', { explicit: 2 }, (its) => its.evictMany(['a', 'b'])],
    ['a clear', { explicit: 2 }, (its) => its.clear()],
    ['a put over it', { replaced: 1 }, (its) => its.put('a', 'new')],
    ['a put of two over them', { replaced: 2 }, (its) => its.putMany([['a', 1] as const, ['b', 2] as const])],
    [
      'its time, when it is asked for',
      { expired: 1 },
      async (its) => {
        now += 300_000
        await its.get('a')
      },
    ],
    [
      'its time, when it is loaded again',
      { expired: 1 },
      async (its) => {
        now += 300_000
        await its.getOrLoad('a', () => 1)
      },
    ],
    [
      'its tag, when it is asked for',
      { invalidated: 1 },
      async (its) => {
        await its.evictTags(['t'])
        await its.getMany(['a', 'b'])
      },
    ],
  ])('%s', async (_what, causes, act) => {
    const cache = own.cache('c')
    await cache.put('a', 1, { tags: ['t'] })
    await cache.put('b', 1)
    const told: string[] = []
    own.on('removal', ({ cause }) => told.push(cause))
    await act(cache)
    const { removals } = cache.stats().local
    expect(removals).toEqual({ ...none, ...causes })
    // Who listens is told of each of them.
    expect(told).toHaveLength(Object.values(removals).reduce((sum, count) => sum + count))
  })

  test('the size of the tier', async () => {
    const small = createCacheManager({ local: { maxEntries: 2 } })
    const cache = small.cache('c')
    const told: string[] = []
    small.on('removal', ({ key, cause }) => told.push(`${key} ${cause}`))
    for (const key of ['a', 'b', 'c', 'd']) await cache.put(key, 1)
    expect(cache.stats().local).toMatchObject({ size: 2, removals: { ...none, size: 2 } })
    expect(told).toEqual(['a size', 'b size'])
    await small.close()
  })
})

describe('what is not kept', () => {
  test('a load overtaken by an evict is superseded', async () => {
    const cache = own.cache<string>('c')
    const slow = gate<string>()
    const answer = cache.getOrLoad('k', () => slow.pass())
    await slow.entered
    await cache.evict('k')
    slow.open('old')
    expect(await answer).toBe('old')
    expect(cache.stats()).toMatchObject({ superseded: 1, evictions: 1, loadSuccesses: 1, local: { size: 0 } })
  })

  test('puts and evictions are counted as they are asked for', async () => {
    const cache = own.cache('c')
    await cache.putMany([
      ['a', 1],
      ['b', 2],
    ])
    await cache.evictMany(['a', 'b', 'x'])
    await cache.evictTags(['t', 'u'])
    await cache.clear()
    expect(cache.stats()).toMatchObject({ puts: 2, evictions: 5 })
  })

  test('a value with ttl 0 is not counted as put', async () => {
    await own.cache('c').put('k', 1, { ttl: 0 })
    expect(own.cache('c').stats()).toMatchObject({ puts: 0, local: { size: 0 } })
  })

  test('a load whose callers all left is a failure of the load, once', async () => {
    const cache = own.cache<string>('c')
    const slow = gate<string>()
    const caller = new AbortController()
    const answer = cache.getOrLoad('k', () => slow.pass(), { signal: caller.signal })
    await slow.entered
    caller.abort(new Error('left'))
    await expect(answer).rejects.toThrow('left')
    slow.fail(new Error('cancelled'))
    await settle()
    expect(cache.stats()).toMatchObject({ loadFailures: 1, misses: 1 })
  })
})
