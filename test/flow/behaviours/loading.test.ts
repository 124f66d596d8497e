import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Cacheable, CachePut, createCacheManager } from 'cachewright'
import { settle } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// Loads and what happens meanwhile: C77, C80, C82, C84, C94, C95, C97, C98, C100, C108, C109, K6, K9, K10, K13.

afterEach(() => void jest.restoreAllMocks())

describe.each(places)('a load, cached %s', (place) => {
  const its = world(place)
  const { manager } = its
  const cache = () => its.caching.cache<unknown>('c')

  const changes = [
    ['its key is evicted', () => cache().evict('a')],
    ['its key is put', () => cache().put('a', 'new', { tags: ['x'] })],
    ['the very value it will answer is put', () => cache().put('a', 'old', { tags: ['x'] })],
    ['a tag that its result will carry is evicted', () => cache().evictTags(['x'])],
    ['such a tag is evicted in every cache', () => its.caching.evictTags(['x'])],
    ['its cache is cleared', () => cache().clear()],
    ['everything is cleared', () => its.caching.clear()],
  ] as const

  test.each(changes)(
    'C95 C108 C109 is not kept, and answers whoever waits, when meanwhile %s',
    async (_what, change) => {
      const slow = gate<string>()
      const tags = () => ['x']
      const waiting = cache().getOrLoad('a', () => slow.pass(), { tags })
      await slow.entered
      await change()
      const before = await cache().lookup('a')
      slow.open('old')
      expect(await waiting).toBe('old')
      expect(await cache().lookup('a')).toEqual(before)
      if (place === 'on Redis') expect(await (await its.another()).cache('c').lookup('a')).toEqual(before)
    },
  )

  test.each(changes)('K13 is not joined by a caller who comes after %s', async (_what, change) => {
    const [older, younger] = [gate<string>(), gate<string>()]
    const tags = () => ['x']
    const first = cache().getOrLoad('a', () => older.pass(), { tags })
    await older.entered
    await change()
    await cache().evict('a')
    const second = cache().getOrLoad('a', () => younger.pass(), { tags })
    await younger.entered
    younger.open('new')
    expect(await second).toBe('new')
    older.open('old')
    expect(await first).toBe('old')
    expect(await cache().get('a')).toBe('new')
  })

  test.each(changes.slice(3))('K13 nor waited for: %s, and the next caller loads at once', async (_what, change) => {
    const [older, younger] = [gate<string>(), gate<string>()]
    const tags = () => ['x']
    const first = cache().getOrLoad('a', () => older.pass(), { tags })
    await older.entered
    await change()
    const second = cache().getOrLoad('a', () => younger.pass(), { tags })
    try {
      await eventually(() => younger.entries === 1, { within: 1_000, what: 'the younger load begins' })
    } finally {
      younger.open('new')
      older.open('old')
      await its.clock.advance(3_000)
    }
    expect(await first).toBe('old')
    expect(await second).toBe('new')
  })

  test('C97 whose callers all leave is cancelled once; each leaves with its own reason', async () => {
    const slow = gate<number>()
    const signals = new Set<AbortSignal>()
    let aborts = 0
    class Service {
      @Cacheable({ manager, cache: 'c' })
      async find(_id: string, signal?: AbortSignal): Promise<number> {
        signals.add(signal!)
        signal!.addEventListener('abort', () => aborts++)
        return slow.pass()
      }
    }
    const service = new Service()
    const leaving = [new AbortController(), new AbortController(), new AbortController()]
    const waiting = leaving.map(({ signal }) => service.find('a', signal).catch((reason: unknown) => reason))
    await slow.entered
    await eventually(() => cache().stats().joins === 2)
    for (const [index, controller] of leaving.entries()) controller.abort(`caller ${index} left`)
    expect(await Promise.all(waiting)).toEqual(['caller 0 left', 'caller 1 left', 'caller 2 left'])
    expect([slow.entries, signals.size, aborts]).toEqual([1, 1, 1])
    slow.open(1)
    expect(await cache().lookup('a')).toEqual({ found: false })
  })

  test('C97 and the next caller is not kept waiting for what was cancelled', async () => {
    const [former, present] = [gate<string>(), gate<string>()]
    const leaving = new AbortController()
    const left = cache().getOrLoad('a', () => former.pass(), { signal: leaving.signal })
    await former.entered
    leaving.abort('left')
    await expect(left).rejects.toBe('left')
    const next = cache().getOrLoad('a', () => present.pass())
    former.open('former')
    try {
      await eventually(() => present.entries === 1, { within: 1_000, what: 'the next load begins' })
    } finally {
      present.open('present')
      await its.clock.advance(3_000)
    }
    expect(await next).toBe('present')
  })

  test('C98 all but one of whose callers leave goes on for the last', async () => {
    const slow = gate<number>()
    const leaving = new AbortController()
    let seen: AbortSignal | undefined
    const load = (signal: AbortSignal): Promise<number> => {
      seen = signal
      return slow.pass()
    }
    const left = cache().getOrLoad('a', load, { signal: leaving.signal })
    const stays = cache().getOrLoad('a', load)
    await slow.entered
    leaving.abort('left')
    await expect(left).rejects.toBe('left')
    expect(seen?.aborted).toBe(false)
    slow.open(7)
    expect(await stays).toBe(7)
    expect(await cache().get('a')).toBe(7)
    expect(slow.entries).toBe(1)
  })

  test('K9 that fails is one execution for its twenty callers, with the same error for each, and nothing is kept', async () => {
    const slow = gate<number>()
    class Service {
      @Cacheable({ manager, cache: 'c' })
      async find(_id: string): Promise<number> {
        return slow.pass()
      }
    }
    const service = new Service()
    const waiting = Array.from({ length: 20 }, () => service.find('a').catch((error: unknown) => error))
    await slow.entered
    const error = new Error('no row')
    slow.fail(error)
    for (const caught of await Promise.all(waiting)) expect(caught).toBe(error)
    expect(slow.entries).toBe(1)
    expect(await cache().lookup('a')).toEqual({ found: false })
  })

  test('K6 C2 whose value is empty, zero or false is one load; the value comes back as itself from each tier', async () => {
    const other = place === 'on Redis' ? await its.another() : its.caching
    for (const value of [null, undefined, 0, -0, '', false, Number.NaN]) {
      const key = ['value', Object.is(value, -0) ? '-0' : String(value)]
      let loads = 0
      const load = () => {
        loads++
        return value
      }
      for (const reader of [its.caching, its.caching, other]) {
        const got = await reader.cache('c').getOrLoad(key, load)
        expect(Object.is(got, value)).toBe(true)
      }
      expect(loads).toBe(1)
    }
  })

  test('C94 K10 a caller who changes what it got changes nothing for the others', async () => {
    interface Order {
      lines: { sku: string }[]
      at: Date
    }
    const order = (): Order => ({ lines: [{ sku: 'x' }], at: new Date(0) })
    for (const isolation of ['freeze', 'copy'] as const) {
      const own = await its.another({ local: { isolation } })
      const source = order()
      const load = () => source
      const change = (got: Order): void => {
        got.lines.push({ sku: 'y' })
        got.lines[0]!.sku = 'z'
        got.at.setFullYear(1999)
      }
      const callers = await Promise.all([
        own.cache<Order>('c').getOrLoad(isolation, load),
        own.cache<Order>('c').getOrLoad(isolation, load),
      ])
      for (const got of callers) {
        if (isolation === 'copy') change(got)
        else {
          expect(() => change(got)).toThrow(TypeError)
          expect(() => got.at.setFullYear(1999)).toThrow(TypeError)
        }
      }
      source.lines.length = 0
      expect(await own.cache('c').getOrLoad(isolation, order)).toStrictEqual(order())
      expect(await own.cache('c').get(isolation)).toStrictEqual(order())
    }
  })

  test('C94 K10 also whoever puts a value may go on changing it', async () => {
    class Service {
      @CachePut({ manager, cache: 'c', key: (row: { id: string }) => row.id })
      async save(row: { id: string; n: number }): Promise<{ id: string; n: number }> {
        return row
      }
    }
    const service = new Service()
    const saved = await service.save({ id: 'a', n: 1 })
    saved.n = 2
    expect(await cache().get('a')).toEqual({ id: 'a', n: 1 })
  })

  test('C77 a ttl of 0 keeps nothing and removes what was there; a negative one is refused; Infinity is for ever', async () => {
    let loads = 0
    const load = () => ++loads
    await cache().getOrLoad('a', load, { ttl: 0 })
    await cache().getOrLoad('a', load, { ttl: 0 })
    expect(loads).toBe(2)
    await cache().put('a', 'kept')
    await cache().put('a', 'not kept', { ttl: 0 })
    expect(await cache().lookup('a')).toEqual({ found: false })
    await expect(cache().put('a', 1, { ttl: -1 })).rejects.toMatchObject({ code: 'CW_OPTION_INVALID' })
    await cache().put('b', 'for ever', { ttl: Number.POSITIVE_INFINITY })
    its.clock.jump(20 * 365 * 86_400_000)
    if (place === 'in process') expect(await cache().get('b')).toBe('for ever')
    else expect(await its.server.command('PTTL', 'cache:c:1:{b}')).toBe(-1)
  })

  test('C80 an evicted tag takes its carriers and no others; tags are those of the last load', async () => {
    let tags = ['x', 'shared']
    const load = () => cache().getOrLoad('a', () => tags.join(), { tags: () => tags })
    await load()
    await cache().getOrLoad('b', () => 'b', { tags: ['y', 'shared'] })
    await cache().evictTags(['x'])
    expect(await cache().lookup('a')).toEqual({ found: false })
    expect(await cache().get('b')).toBe('b')
    tags = ['z', 'shared']
    await load()
    await cache().evictTags(['x'])
    expect(await cache().get('a')).toBe('z,shared')
    await cache().evictTags(['z'])
    expect(await cache().lookup('a')).toEqual({ found: false })
    await load()
    await its.caching.evictTags(['shared'])
    expect(await cache().getMany(['a', 'b'])).toEqual([undefined, undefined])
  })

  test('C82 a tag can be evicted again and again: what was loaded after it is kept each time', async () => {
    for (let round = 1; round <= 3; round++) {
      for (const expected of [round, round]) {
        expect(await cache().getOrLoad('a', () => expected, { tags: ['x'] })).toBe(round)
      }
      await cache().evictTags(['x'])
    }
  })

  test('C84 a load that fails after a clear is an error: nothing evicted comes back in its place', async () => {
    await cache().getOrLoad('a', () => 'old')
    await its.caching.clear()
    const failing = cache().getOrLoad('a', () => Promise.reject(new Error('no row')))
    await expect(failing).rejects.toThrow('no row')
    expect(await cache().lookup('a')).toEqual({ found: false })
    if (place === 'on Redis') {
      // What was cleared may still stand there; nobody is served it.
      const other = await its.another()
      expect(await other.cache('c').lookup('a')).toEqual({ found: false })
    }
  })

  test('C100 a value over the limit is answered and not kept, and it is said; a long key is a key', async () => {
    quietly()
    const own = await its.another({ local: { maxBytes: 5_000 }, defaults: { maxValueBytes: 5_000 } })
    const refused: string[] = []
    own.on('refused', ({ error }) => refused.push(error.code))
    const large = 'x'.repeat(10_000)
    for (const attempt of [1, 2]) {
      expect(await own.cache('c').getOrLoad('a', () => large)).toBe(large)
      expect(refused.length).toBeGreaterThanOrEqual(attempt)
    }
    expect(new Set(refused)).toEqual(new Set(['CW_VALUE_TOO_LARGE']))
    expect(await own.cache('c').lookup('a')).toEqual({ found: false })

    await cache().put('k'.repeat(100_000), 'long')
    expect(await cache().get('k'.repeat(100_000))).toBe('long')
    expect(await cache().lookup(`${'k'.repeat(99_999)}l`)).toEqual({ found: false })
  })

  test('C42 reads of several caches: what one cache gives another dies when it would have died', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: ['one', 'two'], ttl: '10s' })
      async find(_id: string): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    await service.find('a')
    await its.clock.advance(9_000)
    await its.caching.cache('one').evict('a')
    expect(await service.find('a')).toBe(1)
    await its.clock.advance(9_000)
    expect(await service.find('a')).toBe(2)
  })
})

test('G8 a load that sets off the next one, over and over, keeps none of the former', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const manager = createCacheManager()
  const values: WeakRef<object>[] = []
  const [entered, last] = [gate(), gate()]
  const load = (round: number): void => {
    const loader = async (): Promise<object> => {
      if (round === 20) {
        await entered.pass()
        await last.pass()
      } else setImmediate(load, round + 1)
      const value = { round }
      values.push(new WeakRef(value))
      return value
    }
    void manager.cache('c').getOrLoad(round, loader, { ttl: 0 })
  }
  entered.open()
  load(0)
  await entered.entered
  // What is looked at is kept until the end of the turn, and more than one collection may be needed.
  for (let turn = 0; turn < 3; turn++) {
    await settle()
    collect()
  }
  expect(values).toHaveLength(20)
  expect(values.filter((value) => value.deref() !== undefined).length).toBeLessThan(4)
  last.open()
  await settle()
  await manager.close()
})
