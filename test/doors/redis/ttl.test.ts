import { createCacheManager } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import { redisHouse } from './processes'

const house = redisHouse()

describe('cache.ttl', () => {
  test('is what an entry has to live, by the clock of the manager', async () => {
    const clock = new ManualClock()
    const manager = createCacheManager({ clock, defaults: { ttl: '1m' } })
    const cache = manager.cache('rows')
    await cache.putMany([['a', 1]])
    await cache.put(['b', 2], undefined, { ttl: Number.POSITIVE_INFINITY })
    expect([await cache.ttl('a'), await cache.ttl(['b', 2]), await cache.ttl('c')]).toEqual([
      60_000,
      Number.POSITIVE_INFINITY,
      undefined,
    ])
    await clock.advance(20_000)
    expect(await cache.ttl('a')).toBe(40_000)
    await clock.advance(40_000)
    expect(await cache.ttl('a')).toBeUndefined()
    const { hits, misses } = cache.stats()
    expect([hits, misses]).toEqual([0, 0])
    await cache.put('a', 1)
    await manager.close()
    expect(await cache.ttl('a')).toBeUndefined()
  })

  test('is that of the entry, not of a local copy with a shorter life, and that of what another process keeps', async () => {
    const [one, two] = [house.open({ local: { ttl: '1s' } }), house.open()]
    await one.cache('rows').put('a', 1, { ttl: '1h' })
    await one.cache('rows').get('a')
    expect(one.stats().caches.rows?.local.size).toBe(1)
    for (const manager of [one, two]) {
      expect(await manager.cache('rows').ttl('a')).toBeGreaterThan(3_000_000)
      expect(await manager.cache('rows').ttl('a')).toBeLessThanOrEqual(3_601_000)
    }
    await two.cache('rows').evict('a')
    expect(await one.cache('rows').ttl('a')).toBeUndefined()
  })

  test('is that of the local copy while the server is away', async () => {
    const { proxy, one } = await house.pairWithProxy({ maxStaleness: Number.POSITIVE_INFINITY })
    await one.cache('rows').put('a', 1, { ttl: '1h' })
    await proxy.close()
    expect(await one.cache('rows').ttl('a')).toBeGreaterThan(3_000_000)
  })
})

describe('manager.ping', () => {
  test('says how long the server took to answer, and why it does not', async () => {
    const { proxy, one } = await house.pairWithProxy()
    expect(await one.ping()).toBeGreaterThanOrEqual(0)
    await proxy.close()
    await expect(one.ping()).rejects.toMatchObject({ code: 'CW_SHARED_UNAVAILABLE' })
  })

  test('has nobody to ask where there is no shared tier', async () => {
    const manager = createCacheManager()
    expect(await manager.ping()).toBeUndefined()
    await manager.close()
  })
})
