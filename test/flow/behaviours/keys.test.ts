import { Cacheable, type CacheKeyParts } from 'cachewright'
import { places, world } from './world'

// Keys and values, from the caller's side: C50, C65, K1–K5, K7.

describe.each(places)('keys and values, cached %s', (place) => {
  const its = world(place)
  const { manager } = its
  const loadsOf = async (keys: readonly CacheKeyParts[]): Promise<number> => {
    let loads = 0
    for (const key of [...keys, ...keys]) await its.caching.cache('c').getOrLoad(key, () => ++loads)
    return loads
  }

  test('K1 ids that share a 32-bit hash are two keys, and thousands of short ids have an entry each', async () => {
    expect(await loadsOf(['ABA', 'AAb'])).toBe(2)
    const ids = Array.from({ length: 3_000 }, (_, n) => n.toString(36).padStart(3, '0'))
    await its.caching.cache('c').putMany(ids.map((id) => [id, id] as const))
    expect(await its.caching.cache('c').getMany(ids)).toEqual(ids)
  })

  test('K2 C65 two methods of one name, without a cache name, have a cache each, called by class and method', async () => {
    class OrderRepo {
      @Cacheable({ manager })
      async findOne(id: number): Promise<string> {
        return `order ${id}`
      }
    }
    class UserRepo {
      @Cacheable({ manager })
      async findOne(id: number): Promise<string> {
        return `user ${id}`
      }
    }
    const [orders, users] = [new OrderRepo(), new UserRepo()]
    for (const _ of [1, 2]) expect([await orders.findOne(1), await users.findOne(1)]).toEqual(['order 1', 'user 1'])
    expect(await its.caching.cache('OrderRepo.findOne').get(1)).toBe('order 1')
    expect(await its.caching.cache('UserRepo.findOne').get(1)).toBe('user 1')
  })

  test('K3 values that look alike are keys apart; what the language takes for one call is one key', async () => {
    expect(await loadsOf([1, '1', 1n, true, 'true', null, 'null', 'undefined', Number.NaN, 'NaN'])).toBe(10)
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'f' })
      async f(_a: unknown, _b?: unknown): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    expect([await service.f(1), await service.f(1, undefined), await service.f(1, null)]).toEqual([1, 1, 2])
  })

  test('K4 separators and strange characters in a key forge nothing', async () => {
    const strange = [':', '{', '}', '{}', '}{', ',', '\n', '%', '😀', '\ud800', '\udc00', '\ufffd', 'x'.repeat(10_000)]
    const keys = [
      ['a:b', 'c'],
      ['a', 'b:c'],
      ['a', ''],
      ['a'],
      ['a,b'],
      ['a', 'b'],
      ...strange,
      ...strange.map((s) => ['a', s]),
    ]
    expect(await loadsOf(keys)).toBe(keys.length)
    if (place === 'in process') return
    // All keys but the counter have one pair of braces: the part that decides the cluster slot is the toolkit's own.
    const stored = (await its.server.command('KEYS', 'cache:c:*')) as string[]
    expect(stored).toHaveLength(keys.length)
    for (const key of stored) expect(String(key)).toMatch(/^[^{}]*\{[^{}]+\}$/)
  })

  test('K5 C50 objects, maps and sets are keys by their content, dates by their time', async () => {
    const same = [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ]
    expect(await loadsOf(same)).toBe(1)
    const date = new Date(86_400_000)
    const distinct = [
      date,
      date.toISOString(),
      date.getTime(),
      new Map([['a', 1]]),
      new Map([['a', 2]]),
      new Set(['a']),
      new Set(['b']),
    ]
    expect(await loadsOf(distinct)).toBe(distinct.length)
    expect(
      await loadsOf([
        new Map([
          ['m', 1],
          ['n', 2],
        ]),
        new Map([
          ['n', 2],
          ['m', 1],
        ]),
      ]),
    ).toBe(1)
  })

  test('K7 values come back deeply equal and of the same type', async () => {
    const cyclic: Record<string, unknown> = { name: 'round' }
    cyclic.self = cyclic
    const values: readonly unknown[] = [
      new Date(5),
      new Map<unknown, unknown>([[{ k: 1 }, new Set([1, '1', 1n])]]),
      12345678901234567890n,
      Buffer.from('bytes'),
      new TypeError('wrong', { cause: 'a cause' }),
      cyclic,
      { 1: 'x' },
      '2020-01-01T00:00:00.000Z',
      [undefined, null, -0, Number.NaN, Number.NEGATIVE_INFINITY],
      /x/giu,
      new URL('https://example.org/?a=1'),
    ]
    await its.caching.cache('c').putMany(values.map((value, index) => [index, value] as const))
    const readers = place === 'on Redis' ? [its.caching, await its.another()] : [its.caching]
    for (const reader of readers) {
      for (const [index, value] of values.entries()) {
        const got = await reader.cache('c').get(index)
        expect(got).toStrictEqual(value)
        expect(Object.prototype.toString.call(got)).toBe(Object.prototype.toString.call(value))
      }
    }
  })
})
