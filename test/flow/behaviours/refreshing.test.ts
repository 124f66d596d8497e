import { AsyncLocalStorage } from 'node:async_hooks'
import { Cacheable } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// What `refreshAhead` does: C74, C75, C76, C96, C106, C109, C110, C113, C131.

afterEach(() => void jest.restoreAllMocks())

describe.each(places)('a value that is loaded ahead of its end, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s', refreshAhead: 0.8 }, maxStaleness: '1h' })
  const { manager } = its
  const cache = () => its.caching.cache<unknown>('c')
  const read = (load: () => unknown) => cache().getOrLoad('a', load)
  const fail = (): never => {
    throw new Error('not expected')
  }

  test('C75 is served meanwhile, and loaded once for many callers', async () => {
    await read(() => 'old')
    await its.clock.advance(7_999)
    expect(await read(fail)).toBe('old')
    await its.clock.advance(1)
    const slow = gate<string>()
    expect(await Promise.all([1, 2, 3].map(() => read(() => slow.pass())))).toEqual(['old', 'old', 'old'])
    await slow.entered
    expect(await read(fail)).toBe('old')
    slow.open('new')
    await eventually(async () => expect(await read(fail)).toBe('new'))
    expect(slow.entries).toBe(1)
    await its.clock.advance(7_000)
    expect(await read(fail)).toBe('new')
  })

  test('C76 who comes when it has expired waits for the load that is under way', async () => {
    await read(() => 'old')
    await its.clock.advance(8_000)
    const slow = gate<string>()
    expect(await read(() => slow.pass())).toBe('old')
    await slow.entered
    await its.clock.advance(2_000)
    const waiting = read(fail)
    slow.open('new')
    expect(await waiting).toBe('new')
  })

  test('C74 C110 a load that fails leaves it, is no unhandled rejection, and is tried again', async () => {
    const unhandled = jest.fn()
    process.on('unhandledRejection', unhandled)
    try {
      await read(() => 'old')
      await its.clock.advance(8_000)
      const failed = jest.fn()
      its.caching.on('loadFailure', failed)
      const broken = () => {
        throw new Error('source')
      }
      expect(await read(broken)).toBe('old')
      await eventually(() => failed.mock.calls.length === 1)
      expect(await read(fail)).toBe('old')
      await its.clock.advance(1_000)
      expect(await read(() => 'new')).toBe('old')
      await eventually(async () => expect(await read(fail)).toBe('new'))
      expect(unhandled).not.toHaveBeenCalled()
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })

  test.each<[string, () => Promise<unknown>, unknown]>([
    ['an evict', () => cache().evict('a'), undefined],
    ['a put', () => cache().put('a', 'put'), 'put'],
    ['a put of the very same value', () => cache().put('a', 'old'), 'old'],
    ['a clear', () => cache().clear(), undefined],
    ['an evict of its tag', () => its.caching.evictTags(['x']), undefined],
  ])('C96 C109 G1 %s meanwhile is not undone', async (_, change, left) => {
    const tags = () => ['x']
    await cache().getOrLoad('a', () => 'old', { tags })
    await its.clock.advance(8_000)
    const slow = gate<string>()
    expect(await cache().getOrLoad('a', () => slow.pass(), { tags })).toBe('old')
    await slow.entered
    await change()
    const loaded = jest.fn()
    its.caching.on('load', loaded)
    slow.open('stale')
    await eventually(() => loaded.mock.calls.length === 1)
    expect(await cache().get('a')).toBe(left)
    if (place === 'on Redis') expect(await (await its.another()).cache('c').get('a')).toBe(left)
  })

  test('C131 it is not cancelled with the request that began it, nor does it see its context', async () => {
    const context = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    class Service {
      @Cacheable({ manager, cache: 'd', refreshAhead: 0.5 })
      async find(_id: string, signal?: AbortSignal): Promise<unknown> {
        seen.push([context.getStore(), signal?.aborted])
        return seen.length
      }
    }
    const service = new Service()
    expect(await service.find('a')).toBe(1)
    await its.clock.advance(5_000)
    const leaving = new AbortController()
    expect(await context.run('request', () => service.find('a', leaving.signal))).toBe(1)
    leaving.abort()
    await eventually(async () => expect(await service.find('a')).toBe(2))
    expect(seen).toEqual([
      [undefined, undefined],
      [undefined, false],
    ])
  })

  test('C113 what takes longer than its interval does not pile up', async () => {
    await read(() => 'old')
    await its.clock.advance(8_000)
    const slow = gate<string>()
    expect(await read(() => slow.pass())).toBe('old')
    await slow.entered
    await its.clock.advance(1_500)
    expect(await read(() => slow.pass())).toBe('old')
    expect(slow.entries).toBe(1)
    slow.open('new')
    await eventually(async () => expect(await read(fail)).toBe('new'))
  })

  test('a result that is not to be kept leaves it as it is', async () => {
    quietly()
    class Service {
      answers = ['old', 'bad']
      @Cacheable({ manager, cache: 'c', key: () => 'a', unless: (found) => found === 'bad' })
      async find(): Promise<unknown> {
        return this.answers.shift()
      }
    }
    const service = new Service()
    await service.find()
    await its.clock.advance(8_000)
    expect(await service.find()).toBe('old')
    await eventually(() => service.answers.length === 0)
    expect(await cache().get('a')).toBe('old')
  })

  test('a version keeps an older reading of a refresh from taking its place', async () => {
    const version = (value: unknown): number => value as number
    await cache().put('a', 2, { version })
    await its.clock.advance(8_000)
    const loaded = jest.fn()
    its.caching.on('load', loaded)
    expect(await cache().getOrLoad('a', () => 1, { version })).toBe(2)
    await eventually(() => loaded.mock.calls.length === 1)
    expect(await cache().get('a')).toBe(2)
  })

  if (place === 'on Redis') {
    test('C106 G3 one process loads, the others take what it loaded', async () => {
      const other = (await its.another()).cache<unknown>('c')
      await read(() => 'old')
      expect(await other.getOrLoad('a', fail)).toBe('old')
      await its.clock.advance(8_000)
      const slow = gate<string>()
      expect(await read(() => slow.pass())).toBe('old')
      await slow.entered
      expect(await other.getOrLoad('a', fail)).toBe('old')
      slow.open('new')
      await eventually(async () => expect(await other.getOrLoad('a', fail)).toBe('new'))
      await eventually(async () => expect(await read(fail)).toBe('new'))
      await eventually(async () => (await its.server.command('EXISTS', 'cache:c:1:{a}:refresh')) === 0)
    })

    test('G1 what another process evicts meanwhile stays evicted', async () => {
      const other = (await its.another()).cache<unknown>('c')
      await read(() => 'old')
      await its.clock.advance(8_000)
      const slow = gate<string>()
      expect(await read(() => slow.pass())).toBe('old')
      await slow.entered
      await other.evict('a')
      const loaded = jest.fn()
      its.caching.on('load', loaded)
      slow.open('stale')
      await eventually(() => loaded.mock.calls.length === 1)
      expect(await other.get('a')).toBeUndefined()
      await eventually(async () => expect(await cache().get('a')).toBeUndefined())
    })

    test('a foreign DEL meanwhile is not undone', async () => {
      await read(() => 'old')
      await its.clock.advance(8_000)
      const slow = gate<string>()
      expect(await read(() => slow.pass())).toBe('old')
      await slow.entered
      await its.server.command('DEL', 'cache:c:1:{a}')
      slow.open('stale')
      await eventually(async () => (await its.server.command('EXISTS', 'cache:c:1:{a}:refresh')) === 0)
      expect(await its.server.command('EXISTS', 'cache:c:1:{a}')).toBe(0)
    })

    test('where there is no local tier, values of the shared tier are loaded ahead too', async () => {
      const bare = (await its.another({ local: false })).cache<unknown>('c')
      await bare.getOrLoad('a', () => 'old')
      await its.clock.advance(8_000)
      expect(await bare.getOrLoad('a', () => 'new')).toBe('old')
      await eventually(async () => expect(await bare.getOrLoad('a', fail)).toBe('new'))
    })

    test('of a key that is known by its digest, it costs other processes none of their copies', async () => {
      const other = (await its.another()).cache<unknown>('c')
      const long = 'x'.repeat(300)
      await other.getOrLoad('b', () => 'other')
      await cache().getOrLoad(long, () => 'old')
      expect(await other.getOrLoad(long, fail)).toBe('old')
      await its.clock.advance(8_000)
      const slow = gate<string>()
      expect(await cache().getOrLoad(long, () => slow.pass())).toBe('old')
      await slow.entered
      // It asks for the lease that the first one has, and is told when that is given back.
      expect(await other.getOrLoad(long, fail)).toBe('old')
      slow.open('new')
      await eventually(async () => expect(await other.getOrLoad(long, fail)).toBe('new'))
      await its.server.resetStats()
      expect(await other.getOrLoad('b', () => 'lost')).toBe('other')
      expect(other.stats().local.size).toBeGreaterThanOrEqual(2)
    })
  }
})

test.each([0, 1, 1.5, -0.1, Number.NaN, '0.5'])('refreshAhead %s is refused', async (refreshAhead) => {
  const { createCacheManager } = await import('cachewright')
  const make = (): unknown => createCacheManager({ defaults: { refreshAhead: refreshAhead as number } })
  expect(make).toThrow(/refreshAhead.*above 0 and below 1/)
})
