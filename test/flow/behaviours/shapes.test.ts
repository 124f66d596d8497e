import { type CacheManager, createCacheManager } from 'cachewright'
import { eventually } from '../../support/eventually'
import { world } from './world'

// What `version` of a cache does: the shape of its values has a number, and nobody reads another shape.

describe('the version of a cache, on Redis', () => {
  const its = world('on Redis')
  const withVersion = (version: number | string): Promise<CacheManager> =>
    its.another({ caches: { c: { version, ttl: '1m' } } })

  test('keeps a deploy from reading values of the old shape, and the old process from reading the new one', async () => {
    const [old, young] = [await withVersion(2), await withVersion(3)]
    await old.cache('c').put('a', { name: 'Ada Lovelace' })
    expect(await young.cache('c').lookup('a')).toEqual({ found: false })
    await young.cache('c').put('a', { first: 'Ada', last: 'Lovelace' })
    expect(await old.cache('c').get('a')).toEqual({ name: 'Ada Lovelace' })
    expect(await (await withVersion('3')).cache('c').get('a')).toEqual({ first: 'Ada', last: 'Lovelace' })
  })

  test('is another one than none', async () => {
    await its.caching.cache('c').put('a', 'without')
    expect(await (await withVersion(1)).cache('c').lookup('a')).toEqual({ found: false })
  })

  test('stands in the key, and leaves what is old to its ttl', async () => {
    await (await withVersion(2)).cache('c').put('a', 1)
    await (await withVersion('v:3 {x}')).cache('c').put('a', 2)
    const keys = ((await its.server.command('KEYS', 'cache:c:*')) as unknown[])
      .map(String)
      .filter((key) => /}$/.test(key))
    expect(keys.toSorted()).toEqual(['cache:c:1.2:{a}', 'cache:c:1.v%3A3 %7Bx%7D:{a}'])
    const left = Number(await its.server.command('PTTL', 'cache:c:1.2:{a}'))
    expect(left).toBeGreaterThan(50_000)
    expect(left).toBeLessThanOrEqual(60_000)
  })

  test('may be said for every cache, and the nearer one holds', async () => {
    const manager = await its.another({ defaults: { version: 'deploy-7' }, caches: { near: { version: 2 } } })
    await manager.cache('far').put('a', 1)
    await manager.cache('near').put('a', 1)
    expect(await its.server.command('EXISTS', 'cache:far:1.deploy-7:{a}')).toBe(1)
    expect(await its.server.command('EXISTS', 'cache:near:1.2:{a}')).toBe(1)
  })

  test.each<[string, (manager: CacheManager) => Promise<void>]>([
    ['an evict of a tag', (manager) => manager.evictTags(['t'])],
    ['an evict of a tag in the cache', (manager) => manager.cache('c').evictTags(['t'])],
    ['clear() of the cache', (manager) => manager.cache('c').clear()],
    ['clear() of the manager', (manager) => manager.clear()],
  ])('%s reaches the values of every version', async (_, evict) => {
    const [old, young] = [await withVersion(2), await withVersion(3)]
    for (const manager of [old, young]) await manager.cache('c').put('a', 1, { tags: ['t'] })
    await evict(young)
    await eventually(async () => expect(await old.cache('c').lookup('a')).toEqual({ found: false }))
    expect(await young.cache('c').lookup('a')).toEqual({ found: false })
  })

  test('an evict of a key reaches those of its own version only: what docs/keys.md warns of', async () => {
    const [old, young] = [await withVersion(2), await withVersion(3)]
    for (const manager of [old, young]) await manager.cache('c').put('a', 1)
    await young.cache('c').evict('a')
    expect(await young.cache('c').lookup('a')).toEqual({ found: false })
    expect(await old.cache('c').get('a')).toBe(1)
  })

  test('an evict by pattern looks at those of its own version only', async () => {
    const [old, young] = [await withVersion(2), await withVersion(3)]
    for (const manager of [old, young]) await manager.cache('c').put('a', 1)
    expect(await young.cache('c').evictMatching('*')).toBe(1)
    expect(await old.cache('c').get('a')).toBe(1)
  })

  test('what another process of the same version evicts goes from memory here', async () => {
    const [one, other] = [await withVersion(3), await withVersion(3)]
    await one.cache('c').put('a', 1)
    expect(await other.cache('c').get('a')).toBe(1)
    await one.cache('c').evict('a')
    await eventually(async () => expect(await other.cache('c').lookup('a')).toEqual({ found: false }))
  })
})

test('in memory alone the version of a cache changes nothing', async () => {
  const manager = createCacheManager({ caches: { c: { version: 3 } } })
  await manager.cache('c').put('a', 1)
  expect(await manager.cache('c').get('a')).toBe(1)
  await manager.close()
})
