import { isCacheError } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// Evictions of more, or for sure: prefixes, patterns, acknowledged. C128.

afterEach(() => void jest.restoreAllMocks())

const orders = (id: number): [string, number, string] => ['user', id, 'orders']

describe.each(places)('evictPrefix, cached %s', (place) => {
  const its = world(place, { caches: { c: { hierarchical: true } } })
  const cache = () => its.caching.cache<unknown>('c')

  test('removes the key and all that begin with its parts, and nothing else', async () => {
    const keys = [
      ['user', 1],
      orders(1),
      [...orders(1), 5],
      ['user', 2],
      orders(2),
      'user',
      ['user', '1'],
      ['user', 11],
    ]
    await cache().putMany(keys.map((key) => [key, 'value']))
    await cache().evictPrefix(['user', 1])
    expect(await cache().getMany(keys)).toEqual([
      undefined,
      undefined,
      undefined,
      ...Array.from({ length: 5 }, () => 'value'),
    ])
    await cache().evictPrefix('user')
    expect(await cache().getMany(keys)).toEqual(keys.map(() => undefined))
  })

  test('parts may hold commas, brackets and objects', async () => {
    const keys = [
      [['a', 'b'], 1],
      [{ a: [1, 2] }, 1],
      ['a,b', 1],
      ['a', 'b', 1],
    ]
    await cache().putMany(keys.map((key) => [key, 'value']))
    await cache().evictPrefix([['a', 'b']])
    await cache().evictPrefix([{ a: [1, 2] }])
    expect(await cache().getMany(keys)).toEqual([undefined, undefined, 'value', 'value'])
    await cache().evictPrefix('a,b')
    expect(await cache().getMany(keys)).toEqual([undefined, undefined, undefined, 'value'])
  })

  test('G1 a load that began before is not kept, and not joined by who comes after', async () => {
    const [older, younger] = [gate<string>(), gate<string>()]
    const first = cache().getOrLoad(orders(1), () => older.pass())
    await older.entered
    await cache().evictPrefix(['user', 1])
    const second = cache().getOrLoad(orders(1), () => younger.pass())
    await younger.entered
    older.open('old')
    expect(await first).toBe('old')
    expect(await cache().get(orders(1))).toBeUndefined()
    younger.open('new')
    expect(await second).toBe('new')
    expect(await cache().get(orders(1))).toBe('new')
  })

  test.each([
    ['a cache that is not hierarchical', () => its.caching.cache('d').evictPrefix('user'), /`hierarchical: true`/],
    ['an empty prefix', () => cache().evictPrefix([]), /prefix is empty.*clear\(\)/],
    ['an undefined prefix', () => cache().evictPrefix(undefined), /prefix is empty/],
  ])('refuses %s', async (_, evict, message) => {
    await expect(evict()).rejects.toThrow(message)
  })

  if (place === 'on Redis') {
    test('reaches what other processes hold, and costs the same however much that is', async () => {
      const other = (await its.another()).cache<unknown>('c')
      const keys = Array.from({ length: 100 }, (_, n) => [...orders(1), n])
      await cache().putMany(keys.map((key) => [key, 'value']))
      expect(await other.getMany(keys)).not.toContain(undefined)
      await its.server.resetStats()
      await cache().evictPrefix(['user', 1])
      expect((await its.server.commandStats()).evalsha).toBe(2)
      await eventually(async () => expect(await other.getMany(keys)).toEqual(keys.map(() => undefined)))
    })
  }
})

describe.each(places)('evictMatching, cached %s', (place) => {
  const its = world(place, { caches: { t: { partition: () => 'tenant*' } } })
  const cache = () => its.caching.cache<unknown>('c')

  test.each<[string, string[]]>([
    ['user-*', ['user-1', 'user-22']],
    ['user-?', ['user-1']],
    ['*1', ['user-1', 'admin-1']],
    ['[ua]*-1', ['user-1', 'admin-1']],
    ['[^u]*', ['admin-1', 'x\\*y', '(a=#1)', '#42']],
    ['[a-a]*', ['admin-1']],
    ['x\\\\\\*y', ['x\\*y']],
    ['#4?', ['#42']],
    ['(a=*)', ['(a=#1)']],
    ['user', []],
  ])('%s', async (pattern, expected) => {
    const keys = {
      'user-1': 'user-1',
      'user-22': 'user-22',
      'admin-1': 'admin-1',
      'x\\*y': 'x\\*y',
      '(a=#1)': { a: 1 },
      '#42': 42,
    }
    for (const key of Object.values(keys)) await cache().put(key, 1)
    await its.caching.cache('d').put('user-1', 1)
    expect(await cache().evictMatching(pattern)).toBe(expected.length)
    const left = await cache().getMany(Object.values(keys))
    expect(
      Object.keys(keys)
        .filter((_, index) => left[index] === undefined)
        .sort(),
    ).toEqual([...expected].sort())
    expect(await its.caching.cache('d').get('user-1')).toBe(1)
  })

  test('G1 a load that began before is not kept', async () => {
    const slow = gate<string>()
    const loading = cache().getOrLoad('user-1', () => slow.pass())
    await slow.entered
    expect(await cache().evictMatching('user-*')).toBe(1)
    slow.open('old')
    expect(await loading).toBe('old')
    expect(await cache().get('user-1')).toBeUndefined()
  })

  test('stays in its partition, whatever that is called', async () => {
    const partitioned = its.caching.cache<unknown>('t')
    await partitioned.put('user-1', 1)
    expect(await partitioned.evictMatching('user-*')).toBe(1)
    expect(await partitioned.get('user-1')).toBeUndefined()
  })

  test('refuses an empty pattern', async () => {
    await expect(cache().evictMatching('')).rejects.toThrow(/pattern must be a text/)
  })

  if (place === 'on Redis') {
    test('reaches what other processes hold, and keys that only their digest is known of', async () => {
      const other = (await its.another()).cache<unknown>('c')
      const long = `user-${'x'.repeat(300)}`
      await other.putMany([
        ['user-1', 1],
        [long, 2],
        ['admin', 3],
      ])
      expect(await cache().evictMatching('user-*')).toBe(2)
      await eventually(async () =>
        expect(await other.getMany(['user-1', long, 'admin'])).toEqual([undefined, undefined, 3]),
      )
    })

    test('rejects when it could not look at every key', async () => {
      quietly()
      await its.server.kill()
      await eventually(async () => {
        await expect(cache().evictMatching('user-*')).rejects.toMatchObject({ code: 'CW_SHARED_UNAVAILABLE' })
      })
    })
  }
})

describe('an acknowledged evict', () => {
  const its = world('on Redis', { maxStaleness: '2s' })
  const cache = () => its.caching.cache<unknown>('c')

  test('C128 is over only when no process can serve the old value any more', async () => {
    const other = (await its.another()).cache<unknown>('c')
    await cache().put('a', 'old')
    expect(await other.get('a')).toBe('old')
    let isOver = false
    const evicting = cache()
      .evict('a', { acknowledged: true })
      .then(() => {
        isOver = true
      })
    await eventually(async () => (await its.server.command('EXISTS', 'cache:c:1:{a}')) === 0)
    await its.clock.advance(1_999)
    expect(isOver).toBe(false)
    await its.clock.advance(1)
    await evicting
    expect(await other.get('a')).toBeUndefined()
  })

  test('C128 rejects when the shared tier could not be reached, and is sent again all the same', async () => {
    quietly()
    await its.server.kill()
    const evicting = cache().evict('a', { acknowledged: true })
    await expect(evicting).rejects.toMatchObject({ code: 'CW_EVICTION_DEFERRED' })
    expect(its.caching.stats().deferredEvictions).toBe(1)
  })

  test('is refused where trust never ends', async () => {
    const endless = await its.another({ maxStaleness: Number.POSITIVE_INFINITY })
    const refusal: unknown = await endless
      .cache('c')
      .evict('a', { acknowledged: true })
      .catch((error: unknown) => error)
    expect(isCacheError(refusal) && refusal.message).toMatch(/cannot be acknowledged where `maxStaleness` is Infinity/)
  })
})

test('an acknowledged evict is over at once in a process of its own', async () => {
  const { createCacheManager } = await import('cachewright')
  const manager = createCacheManager()
  await manager.cache('c').put('a', 1)
  await manager.cache('c').evict('a', { acknowledged: true })
  expect(await manager.cache('c').get('a')).toBeUndefined()
  await manager.close()
})
