import { Cacheable, type CacheManager, createCacheManager } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// What may be served past its life: C67 to C73, C84, and what an evict forbids.

afterEach(() => void jest.restoreAllMocks())

const broken = (): never => {
  throw new Error('source')
}
const unexpected = (): never => {
  throw new Error('not expected')
}

describe.each(places)('a value that is served while it is loaded anew, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s', staleWhileRevalidate: '20s' }, maxStaleness: '1h' })
  const cache = () => its.caching.cache<unknown>('c')
  const read = (load: () => unknown) => cache().getOrLoad('a', load)

  test('C75 past its life it is the answer at once, and loaded once for many', async () => {
    await read(() => 'old')
    await its.clock.advance(10_000)
    const slow = gate<string>()
    expect(await Promise.all([1, 2, 3].map(() => read(() => slow.pass())))).toEqual(['old', 'old', 'old'])
    await slow.entered
    slow.open('new')
    await eventually(async () => expect(await read(unexpected)).toBe('new'))
    expect(slow.entries).toBe(1)
    expect(cache().stats().stale.revalidating).toBeGreaterThanOrEqual(3)
  })

  test('past the window it is not', async () => {
    await read(() => 'old')
    await its.clock.advance(30_000)
    expect(await read(() => 'new')).toBe('new')
  })

  test('a failing load in the window changes nothing, and no error reaches the caller', async () => {
    await read(() => 'old')
    await its.clock.advance(10_000)
    const failed = jest.fn()
    its.caching.on('loadFailure', failed)
    expect(await read(broken)).toBe('old')
    await eventually(() => failed.mock.calls.length === 1)
    expect(await read(unexpected)).toBe('old')
  })

  test('who only looks does not find it', async () => {
    await read(() => 'old')
    await its.clock.advance(10_000)
    expect(await cache().lookup('a')).toEqual({ found: false })
  })

  if (place === 'on Redis') {
    test('C106 G3 another process serves it too, and one of both loads it', async () => {
      const other = (await its.another()).cache<unknown>('c')
      await read(() => 'old')
      await its.clock.advance(10_000)
      const slow = gate<string>()
      const loads = () => slow.pass()
      expect(await Promise.all([read(loads), other.getOrLoad('a', loads)])).toEqual(['old', 'old'])
      await slow.entered
      slow.open('new')
      await eventually(async () => expect(await read(unexpected)).toBe('new'))
      await eventually(async () => expect(await other.getOrLoad('a', unexpected)).toBe('new'))
      expect(slow.entries).toBe(1)
    })

    test('it goes from the shared tier at the end of the window', async () => {
      await read(() => 'old')
      const left = Number(await its.server.command('PTTL', 'cache:c:1:{a}'))
      expect(left).toBeGreaterThan(29_000)
      expect(left).toBeLessThanOrEqual(30_000)
    })
  }
})

describe.each(places)('a value that stands in for one that cannot be loaded, cached %s', (place) => {
  // Less than half a minute together: then the server's time, which runs on by itself, is asked for again.
  const defaults = { ttl: '10s', staleIfError: '15s', staleIfErrorThrottle: '5s' } as const
  const its = world(place, { defaults, maxStaleness: '1h' })
  const cache = () => its.caching.cache<unknown>('c')
  const read = (load: () => unknown, manager: CacheManager = its.caching) =>
    manager.cache<unknown>('c').getOrLoad('a', load)

  async function expired(): Promise<void> {
    await read(() => 'old')
    await its.clock.advance(10_000)
  }

  test('C67 the old value instead of the error', async () => {
    await expired()
    expect(await read(broken)).toBe('old')
    expect(cache().stats().stale.error).toBe(1)
    expect(cache().stats().loadFailures).toBe(1)
  })

  test('C67 without a value there is the error', async () => {
    await expect(read(broken)).rejects.toThrow('source')
  })

  test('C68 the next load is not tried before the throttle has passed, and then it is', async () => {
    await expired()
    expect(await read(broken)).toBe('old')
    await its.clock.advance(4_999)
    expect(await read(unexpected)).toBe('old')
    expect(cache().stats().stale.resting).toBe(1)
    await its.clock.advance(1)
    expect(await read(() => 'new')).toBe('new')
    expect(await read(unexpected)).toBe('new')
  })

  test('C69 past its limit there is the error', async () => {
    await expired()
    await its.clock.advance(14_900)
    expect(await read(broken)).toBe('old')
    await its.clock.advance(100)
    await expect(read(broken)).rejects.toThrow('source')
  })

  test('C67 all who waited for the load have it, and it is waited for', async () => {
    await expired()
    const slow = gate<unknown>()
    const reads = [1, 2, 3].map(() => read(() => slow.pass()))
    await slow.entered
    slow.fail(new Error('source'))
    expect(await Promise.all(reads)).toEqual(['old', 'old', 'old'])
    expect(slow.entries).toBe(1)
  })

  test.each<[string, () => Promise<unknown>]>([
    ['an evict', () => cache().evict('a')],
    ['a clear', () => cache().clear()],
    ['a clear of everything', () => its.caching.clear()],
    ['an evict of its tag', () => its.caching.evictTags(['x'])],
    ['an evict of its tag in its cache', () => cache().evictTags(['x'])],
  ])('C84 G1 never what was evicted by %s, before the load or during it', async (_, evict) => {
    const tags = () => ['x']
    const tagged = (load: () => unknown) => cache().getOrLoad('a', load, { tags })
    await tagged(() => 'old')
    await its.clock.advance(10_000)
    await evict()
    await expect(tagged(broken)).rejects.toThrow('source')

    await tagged(() => 'old')
    await its.clock.advance(10_000)
    const slow = gate<unknown>()
    const during = tagged(() => slow.pass())
    await slow.entered
    await evict()
    slow.fail(new Error('source'))
    await expect(during).rejects.toThrow('source')
    await expect(tagged(broken)).rejects.toThrow('source')
  })

  test('what was put during the load is the answer to a load that fails', async () => {
    await expired()
    const slow = gate<unknown>()
    const during = read(() => slow.pass())
    await slow.entered
    await cache().put('a', 'put')
    slow.fail(new Error('source'))
    await expect(during).rejects.toThrow('source')
    expect(await read(unexpected)).toBe('put')
  })

  test('C70 a failure that is signalled without being thrown is one', async () => {
    await expired()
    const { cacheContext } = await import('cachewright')
    expect(await read(() => void cacheContext()!.fail(new Error('no')))).toBe('old')
  })

  test('C71 a default for the first failure is the answer and kept nowhere', async () => {
    const fallback = (error: unknown) => `instead of ${(error as Error).message}`
    expect(await cache().getOrLoad('a', broken, { fallback })).toBe('instead of source')
    expect(await cache().lookup('a')).toEqual({ found: false })
    await expired()
    expect(await cache().getOrLoad('a', broken, { fallback })).toBe('old')
  })

  test('a default that fails is reported, and the error reaches the caller', async () => {
    quietly()
    const skipped = jest.fn()
    its.caching.on('skipped', skipped)
    const fallback = () => {
      throw new Error('no default')
    }
    await expect(cache().getOrLoad('a', broken, { fallback })).rejects.toThrow('source')
    expect(skipped.mock.calls[0][0]).toMatchObject({ operation: "fallback of cache 'c'" })
  })

  test('a second cache of the method does not take it for what the method returned', async () => {
    const { manager } = its
    class Service {
      fails = false
      @Cacheable({ manager, cache: ['outer', 'c'], key: () => 'a' })
      async find(): Promise<unknown> {
        if (this.fails) throw new Error('source')
        return 'old'
      }
    }
    const service = new Service()
    await service.find()
    await its.caching.cache('outer').evict('a')
    await its.clock.advance(10_000)
    service.fails = true
    expect(await service.find()).toBe('old')
    expect(await its.caching.cache('outer').lookup('a')).toEqual({ found: false })
  })

  test('the caller who left has his own reason, not the old value', async () => {
    await expired()
    const slow = gate<unknown>()
    const leaving = new AbortController()
    const reading = cache().getOrLoad('a', () => slow.pass(), { signal: leaving.signal })
    await slow.entered
    leaving.abort(new Error('left'))
    await expect(reading).rejects.toThrow('left')
    slow.open('late')
  })

  if (place === 'on Redis') {
    test('another process has it too, and tries for itself', async () => {
      const other = await its.another()
      await expired()
      await expect(read(broken, other)).resolves.toBe('old')
      expect(await read(broken)).toBe('old')
      await its.clock.advance(5_000)
      expect(await read(() => 'new', other)).toBe('new')
      await eventually(async () => expect(await read(unexpected)).toBe('new'))
    })

    test('G3 it stays where it is while it is loaded anew: one process loads, the other waits and is woken', async () => {
      const other = await its.another()
      await expired()
      const slow = gate<unknown>()
      const first = read(() => slow.pass())
      await slow.entered
      const second = read(unexpected, other)
      await eventually(async () => Number(await its.server.command('EXISTS', 'cache:c:1:{a}:refresh')) === 1)
      slow.open('new')
      expect(await Promise.all([first, second])).toEqual(['new', 'new'])
    })

    test('G3 a load that fails lets the other process try at once', async () => {
      const other = await its.another()
      await expired()
      const slow = gate<unknown>()
      const first = read(() => slow.pass())
      await slow.entered
      const asked = (await its.server.commandStats()).evalsha ?? 0
      const second = read(() => 'new', other)
      await eventually(async () => ((await its.server.commandStats()).evalsha ?? 0) > asked + 1)
      slow.fail(new Error('source'))
      expect(await first).toBe('old')
      expect(await second).toBe('new')
    })

    test('C84 G2 what another process evicted during the load does not stand in', async () => {
      const other = await its.another()
      await expired()
      const slow = gate<unknown>()
      const during = read(() => slow.pass(), other)
      await slow.entered
      await cache().evict('a')
      await eventually(() => other.cache('c').parts.tiers.loading === 1)
      await eventually(async () => {
        await its.server.command('PING')
        return true
      })
      slow.fail(new Error('source'))
      await expect(during).rejects.toThrow('source')
    })
  }
})

describe('while the shared tier is away', () => {
  const its = world('on Redis', { defaults: { ttl: '500ms', staleIfError: '1m' }, maxStaleness: '1s' })
  const read = (load: () => unknown) => its.caching.cache<unknown>('c').getOrLoad('a', load)

  test('G2 a value stands in for as long as it would have been told of an evict, and no longer', async () => {
    quietly()
    await read(() => 'old')
    await its.server.kill()
    await eventually(async () => (await its.caching.ready()).shared === 'away')
    its.clock.jump(600)
    expect(await read(broken)).toBe('old')
    its.clock.jump(1_001)
    await expect(read(broken)).rejects.toThrow('source')
  })
})

describe.each(places)('what is expired rather than evicted, cached %s', (place) => {
  const its = world(place, { maxStaleness: '1h' })
  const cache = () => its.caching.cache<unknown>('c')

  test('C84 an expire lets it stand in, an evict does not', async () => {
    const read = (load: () => unknown) => cache().getOrLoad('a', load, { staleIfError: '1m' })
    await read(() => 'old')
    await cache().expire('a')
    expect(await cache().lookup('a')).toEqual({ found: false })
    await expect(read(broken)).resolves.toBe('old')
    expect(await read(unexpected)).toBe('old')
    await cache().evict('a')
    await expect(read(broken)).rejects.toThrow('source')
  })

  test('where nothing may be served past its life, it is gone', async () => {
    await cache().getOrLoad('a', () => 'old')
    await cache().expire('a')
    await expect(cache().getOrLoad('a', broken)).rejects.toThrow('source')
  })

  test('a load in progress is not kept', async () => {
    const slow = gate<string>()
    const during = cache().getOrLoad('a', () => slow.pass())
    await slow.entered
    await cache().expire('a')
    slow.open('old')
    expect(await during).toBe('old')
    expect(await cache().lookup('a')).toEqual({ found: false })
  })

  test('a life without end ends too, with the window of its cache', async () => {
    const manager = await its.another({ caches: { e: { ttl: Number.POSITIVE_INFINITY, staleIfError: '10s' } } })
    const endless = manager.cache<unknown>('e')
    await endless.put('a', 'old')
    await endless.expire('a')
    expect(await endless.getOrLoad('a', broken)).toBe('old')
    await its.clock.advance(10_000)
    await expect(endless.getOrLoad('a', broken)).rejects.toThrow('source')
  })

  if (place === 'on Redis') {
    test('in every process', async () => {
      const other = (await its.another()).cache<unknown>('c')
      const options = { staleIfError: '1m' } as const
      await cache().getOrLoad('a', () => 'old', options)
      await other.getOrLoad('a', unexpected, options)
      await cache().expire('a')
      await eventually(async () => expect(await other.lookup('a')).toEqual({ found: false }))
      expect(await other.getOrLoad('a', broken, options)).toBe('old')
      expect(await other.getOrLoad('a', () => 'new', options)).toBe('old')
      await its.clock.advance(5_000)
      expect(await other.getOrLoad('a', () => 'new', options)).toBe('new')
    })
  }
})

test('C72 a value that stood in when the soft timeout came is the answer, though its time is up a moment later', async () => {
  const clock = new ManualClock()
  let runs = 0
  const manager = createCacheManager({
    clock: { now: () => clock.now() + (runs > 0 ? runs++ : 0), setTimer: clock.setTimer },
    defaults: { ttl: '10s', staleIfError: '15s', softTimeout: 5_000 },
  })
  const cache = manager.cache<unknown>('c')
  await cache.getOrLoad('a', () => 'old')
  await clock.advance(19_995)
  const slow = gate<string>()
  const reading = cache.getOrLoad('a', () => slow.pass())
  await slow.entered
  clock.setTimer(() => {
    runs = 4
  }, 4_999)
  await clock.advance(5_000)
  expect(await reading).toBe('old')
  slow.open('new')
  await manager.close()
})
