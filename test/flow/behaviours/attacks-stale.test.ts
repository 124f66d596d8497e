import { Cacheable, type CacheManager, createCacheManager } from 'cachewright'
import { ManualClock, settle } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// Orders of events that what is served past its life has to withstand.

afterEach(() => void jest.restoreAllMocks())

const broken = (): never => {
  throw new Error('source')
}

describe('a tag that another process evicts while a stale value is loaded anew', () => {
  const its = world('on Redis', { defaults: { ttl: '10s', staleIfError: '15s' }, maxStaleness: '1s' })

  test('C84 G2 the value does not stand in for those who come later', async () => {
    const other = await its.another()
    const tags = () => ['x']
    const read = (manager: CacheManager, load: () => unknown) =>
      manager.cache<unknown>('c').getOrLoad('a', load, { tags })
    await read(its.caching, () => 'old')
    its.clock.jump(10_000)
    const slow = gate<unknown>()
    const first = read(other, () => slow.pass())
    first.catch(() => {})
    await slow.entered
    await its.caching.evictTags(['x'])
    // It has heard of it, and of nothing else since.
    for (let beat = 0; beat < 6; beat++) {
      await its.clock.advance(250)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const second = read(other, () => slow.pass())
    second.catch(() => {})
    await settle()
    slow.fail(new Error('source'))
    await expect(second).rejects.toThrow('source')
  })
})

describe.each(places)('expired by two at once, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s', staleIfError: '15s' }, maxStaleness: '1h' })
  test('a value still stands in', async () => {
    const cache = its.caching.cache<unknown>('c')
    await cache.getOrLoad('a', () => 'old')
    await Promise.all([cache.expire('a'), cache.expire('a')])
    await cache.expire('a')
    expect(await cache.getOrLoad('a', broken)).toBe('old')
  })
})

describe.each(places)('a refresh that hangs, cached %s', (place) => {
  const its = world(place, {
    defaults: { ttl: '10s', refreshAhead: 0.8, loadDeadline: '3s' },
    maxStaleness: '1h',
  })
  test('is not an error of those who joined it', async () => {
    const cache = its.caching.cache<unknown>('c')
    await cache.getOrLoad('a', () => 'old')
    its.clock.jump(8_000)
    const entered = gate<void>()
    const hangs = (signal: AbortSignal) =>
      new Promise((_, reject) => {
        void entered.pass()
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    expect(await cache.getOrLoad('a', hangs)).toBe('old')
    await entered.entered
    its.clock.jump(2_000)
    const joined = cache.getOrLoad('a', () => 'new')
    await settle()
    await its.clock.advance(1_000)
    expect(await joined).toBe('new')
  })
})

describe.each(places)('callers with other terms, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s' }, maxStaleness: '1h' })
  test('who wants no stale value gets none by joining a load of one who does', async () => {
    const cache = its.caching.cache<unknown>('c')
    const other = place === 'on Redis' ? (await its.another()).cache<unknown>('c') : cache
    await cache.getOrLoad('a', () => 'old', { staleWhileRevalidate: '20s' })
    its.clock.jump(10_000)
    const slow = gate<unknown>()
    const first = other.getOrLoad('a', () => slow.pass(), { staleWhileRevalidate: '20s' })
    const second = other.getOrLoad('a', () => slow.pass())
    second.catch(() => {})
    expect(await first).toBe('old')
    slow.open('new')
    expect(await second).toBe('new')
  })
})

describe.each(places)('a caller who leaves, cached %s', (place) => {
  const its = world(place)
  test('has his own reason and no default', async () => {
    const leaving = new AbortController()
    const entered = gate<void>()
    const reading = its.caching.cache<unknown>('c').getOrLoad(
      'a',
      (signal) =>
        new Promise((_, reject) => {
          void entered.pass()
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
      { signal: leaving.signal, fallback: () => 'instead' },
    )
    reading.catch(() => {})
    await entered.entered
    leaving.abort(new Error('left'))
    await expect(reading).rejects.toThrow('left')
  })
})

test('a soft timeout at which the value is just evicted is no error', async () => {
  const clock = new ManualClock()
  const timers: (() => void)[] = []
  const its = createCacheManager({
    clock: {
      now: clock.now,
      setTimer: (callback, ms) => {
        if (ms === 500) timers.push(callback)
        return () => {}
      },
    },
    defaults: { ttl: '10s', staleIfError: '1m', softTimeout: 500 },
  })
  const cache = its.cache<unknown>('c')
  await cache.getOrLoad('a', () => 'old')
  clock.jump(10_000)
  const slow = gate<unknown>()
  const reading = cache.getOrLoad('a', () => slow.pass())
  reading.catch(() => {})
  await slow.entered
  for (const timer of timers) timer()
  await cache.evict('a')
  slow.open('new')
  expect(await reading).toBe('new')
  await its.close()
})

describe('where there is no local tier', () => {
  const its = world('on Redis', {
    local: false,
    maxStaleness: '1h',
    defaults: { ttl: '10s', staleWhileRevalidate: '20s' },
  })
  test('a failing refresh is not tried by every read', async () => {
    const cache = its.caching.cache<unknown>('c')
    await cache.getOrLoad('a', () => 'old')
    its.clock.jump(10_000)
    let loads = 0
    for (let read = 0; read < 10; read++) {
      expect(
        await cache.getOrLoad('a', () => {
          loads++
          return broken()
        }),
      ).toBe('old')
      await eventually(
        async () =>
          (await its.server.command('EXISTS', 'cache:c:1:{a}:refresh')) === 0 && cache.parts.tiers.loading === 0,
      )
    }
    expect(loads).toBe(1)
  })
})

describe('a lease of a refresh whose value was evicted', () => {
  const its = world('on Redis', {
    defaults: { ttl: '10s', staleIfError: '20s', refreshAhead: 0.8 },
    maxStaleness: '1h',
  })
  test.each(['own', 'other'])('G3 does not keep the %s process from loading', async (whose) => {
    const cache = its.caching.cache<unknown>('c')
    const writer = whose === 'own' ? cache : (await its.another()).cache<unknown>('c')
    await cache.getOrLoad('a', () => 'old')
    its.clock.jump(8_000)
    const slow = gate<unknown>()
    expect(await cache.getOrLoad('a', () => slow.pass())).toBe('old')
    await slow.entered
    await writer.evict('a')
    await writer.put('a', 'put', { ttl: 10 })
    its.clock.jump(11)
    const reading = writer.getOrLoad('a', () => 'new')
    let got: unknown = 'waits'
    void reading.then(
      (it) => (got = it),
      () => {},
    )
    try {
      await eventually(() => got === 'new', { within: 1000 })
    } finally {
      slow.open('late')
      await reading.catch(() => {})
    }
  })
})

test.each(['fails', 'is slow'])(
  'a stale value that its class can no longer decode does not hide that the load %s',
  async (how) => {
    quietly()
    const clock = new ManualClock()
    let isBroken = false
    class Money {
      constructor(readonly cents: number) {}
    }
    const its = createCacheManager({
      clock,
      types: [
        {
          type: Money,
          name: 'Money',
          encode: ({ cents }: Money) => cents,
          decode: (cents: number) => {
            if (isBroken) throw new Error('decode')
            return new Money(cents)
          },
        } as never,
      ],
      defaults: { ttl: '10s', staleIfError: '1m', softTimeout: 500 },
    })
    const cache = its.cache<unknown>('c')
    await cache.getOrLoad('a', () => new Money(1))
    clock.jump(10_000)
    isBroken = true
    if (how === 'fails') await expect(cache.getOrLoad('a', broken)).rejects.toThrow('source')
    else {
      const slow = gate<unknown>()
      const reading = cache.getOrLoad('a', () => slow.pass())
      await slow.entered
      await clock.advance(500)
      slow.open('new')
      expect(await reading).toBe('new')
    }
    await its.close()
  },
)

describe.each(places)('an expire after a load that failed, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s', staleIfError: '15s' }, maxStaleness: '1h' })
  test('lets the next read load at once', async () => {
    const cache = its.caching.cache<unknown>('c')
    await cache.getOrLoad('a', () => 'old')
    its.clock.jump(10_000)
    expect(await cache.getOrLoad('a', broken)).toBe('old')
    await cache.expire('a')
    expect(await cache.getOrLoad('a', () => 'new')).toBe('new')
  })
  test('a put is no reason not to try again when it has expired', async () => {
    const cache = its.caching.cache<unknown>('c')
    await cache.getOrLoad('a', () => 'old')
    its.clock.jump(10_000)
    expect(await cache.getOrLoad('a', broken)).toBe('old')
    await cache.put('a', 'put', { ttl: 1_000 })
    its.clock.jump(1_000)
    expect(await cache.getOrLoad('a', () => 'new')).toBe('new')
  })
})

describe.each(places)('a load over a stale value, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s', staleIfError: '15s', loadDeadline: '3s' }, maxStaleness: '1h' })
  const cache = () => its.caching.cache<unknown>('c')

  test('G3 that hangs past its deadline is not waited for by the next', async () => {
    await cache().getOrLoad('a', () => 'old')
    its.clock.jump(10_000)
    const hangs = gate<unknown>()
    const first = cache().getOrLoad('a', () => hangs.pass())
    await hangs.entered
    its.clock.jump(3_000)
    const second = cache().getOrLoad('a', () => 'new')
    let got: unknown
    void second.then((it) => (got = it))
    try {
      await eventually(() => got === 'new', { within: 1_000 })
    } finally {
      hangs.fail(new Error('source'))
      await first.catch(() => {})
    }
  })

  test('that fails after its deadline is stood in for, as others are', async () => {
    await cache().getOrLoad('a', () => 'old')
    its.clock.jump(10_000)
    const hangs = gate<unknown>()
    const first = cache().getOrLoad('a', () => hangs.pass())
    await hangs.entered
    its.clock.jump(3_000)
    const later = gate<unknown>()
    const second = cache().getOrLoad('a', () => later.pass())
    await later.entered
    hangs.fail(new Error('source'))
    later.fail(new Error('source'))
    expect(await Promise.all([first, second])).toEqual(['old', 'old'])
  })

  test('C84 that fails after an expire is stood in for', async () => {
    await cache().getOrLoad('a', () => 'old')
    its.clock.jump(10_000)
    const slow = gate<unknown>()
    const first = cache().getOrLoad('a', () => slow.pass())
    await slow.entered
    await cache().expire('a')
    slow.fail(new Error('source'))
    expect(await first).toBe('old')
  })
})

describe.each(places)('a method of two caches, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s', staleWhileRevalidate: '20s' }, maxStaleness: '1h' })
  test.each(['local', 'shared'])(
    'does not begin a new life in one for what is stale in the other (%s)',
    async (where) => {
      const { manager } = its
      class Service {
        slow = gate<unknown>()
        calls = 0
        @Cacheable({ manager, cache: ['outer', 'c'], key: () => 'a' })
        async find(): Promise<unknown> {
          return this.calls++ === 0 ? 'old' : this.slow.pass()
        }
      }
      const service = new Service()
      await service.find()
      await its.caching.cache('outer').evict('a')
      its.clock.jump(10_000)
      if (where === 'shared') its.caching.cache('c').parts.tiers.changedAll()
      if (where === 'shared' && place === 'in process') return
      expect(await service.find()).toBe('old')
      expect(await its.caching.cache('outer').lookup('a')).toEqual({ found: false })
      service.slow.open('new')
    },
  )
})
