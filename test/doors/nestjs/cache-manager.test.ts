import { CACHE_MANAGER, CacheInterceptor, CacheModule, CacheTTL, Cache as NestCache } from '@nestjs/cache-manager'
import { Controller, Get, Inject, Injectable, Param, UseInterceptors } from '@nestjs/common'
import { type Cache, createCache } from 'cache-manager'
import { Cacheable, CacheManager, createCacheManager } from 'cachewright'
import { CachingModule, cacheManagerFacade } from 'cachewright/nestjs'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { nestApps } from './apps'

const apps = nestApps()

/** Both, one after the other, by the type of the real one. */
const both: [string, () => { cache: Cache; close: () => Promise<unknown> }][] = [
  ['cache-manager', () => ({ cache: createCache(), close: async () => {} })],
  [
    'the facade',
    () => {
      const manager = createCacheManager()
      return { cache: cacheManagerFacade(manager.cache('old')), close: () => manager.close() }
    },
  ],
]

describe.each(both)('code for cache-manager, with %s', (_, open) => {
  let cache: Cache
  let close: () => Promise<unknown>
  beforeEach(() => {
    ;({ cache, close } = open())
  })
  afterEach(() => close())

  test('gets what it has set, and undefined where there is nothing', async () => {
    expect(await cache.get('a')).toBeUndefined()
    expect(await cache.set('a', { n: 1 })).toEqual({ n: 1 })
    expect(await cache.get('a')).toEqual({ n: 1 })
    for (const value of [null, 0, '', false]) {
      await cache.set('empty', value)
      expect(await cache.get('empty')).toBe(value)
    }
    await cache.set('a', undefined)
    expect(await cache.get('a')).toBeUndefined()
  })

  test('deletes, one, many and all', async () => {
    await cache.mset([
      { key: 'a', value: 1 },
      { key: 'b', value: 2, ttl: 10_000 },
      { key: 'c', value: 3 },
    ])
    expect(await cache.mget(['a', 'b', 'nothing', 'c'])).toEqual([1, 2, undefined, 3])
    expect(await cache.del('a')).toBe(true)
    expect(await cache.del('nothing')).toBe(true)
    expect(await cache.mdel(['b', 'nothing'])).toBe(true)
    expect(await cache.mget(['a', 'b', 'c'])).toEqual([undefined, undefined, 3])
    expect(await cache.clear()).toBe(true)
    expect(await cache.get('c')).toBeUndefined()
  })

  test('answers mset with its list', async () => {
    const list = [{ key: 'a', value: 1 }]
    expect(await cache.mset(list)).toMatchObject(list)
  })

  test('counts times in milliseconds, and takes 0 for endless', async () => {
    const before = Date.now()
    await cache.set('a', 1, 60_000)
    const expires = await cache.ttl('a')
    expect(expires).toBeGreaterThanOrEqual(before + 59_900)
    expect(expires).toBeLessThanOrEqual(Date.now() + 60_100)
    await cache.set('endless', 1, 0)
    expect(await cache.get('endless')).toBe(1)
    expect(await cache.ttl('endless')).toBeUndefined()
    expect(await cache.ttl('nothing')).toBeUndefined()
  })

  test('forgets when the time is up', async () => {
    await cache.set('a', 1, 5)
    await cache.mset([{ key: 'b', value: 1, ttl: 5 }])
    await eventually(async () => (await cache.mget(['a', 'b'])).every((value) => value === undefined), {
      what: 'both have expired',
    })
  })

  test('wraps a function: called once for all who ask meanwhile, and not for who asks later', async () => {
    const through = gate()
    let calls = 0
    const load = async (): Promise<object> => {
      calls++
      await through.pass()
      return { n: calls }
    }
    const asked = [cache.wrap('a', load), cache.wrap('a', load, 1_000), cache.wrap('a', load, { ttl: 1_000 })]
    through.open()
    expect(await Promise.all(asked)).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }])
    expect(await cache.wrap('a', load)).toEqual({ n: 1 })
    expect(await cache.get('a')).toEqual({ n: 1 })
    expect(calls).toBe(1)
  })

  test('wraps with a life that is read off the value', async () => {
    const before = Date.now()
    await cache.wrap(
      'a',
      () => 30,
      (value) => value * 1_000,
    )
    expect(await cache.ttl('a')).toBeGreaterThanOrEqual(before + 29_900)
    expect(await cache.ttl('a')).toBeLessThanOrEqual(Date.now() + 30_100)
    const raw = await cache.wrap('b', () => 20, { ttl: (value) => value * 1_000, raw: true })
    expect(raw).toEqual({ value: 20, expires: expect.any(Number) })
    expect(raw?.expires).toBeGreaterThanOrEqual(before + 19_900)
    expect(await cache.wrap('b', () => 21, { raw: true })).toEqual({ value: 20, expires: expect.any(Number) })
  })

  test('is told of an error by whoever waits, and nothing is kept', async () => {
    const fail = (): Promise<number> => Promise.reject(new Error('no'))
    await expect(cache.wrap('a', fail)).rejects.toThrow('no')
    expect(await cache.wrap('a', () => 1)).toBe(1)
  })

  test('does not keep undefined', async () => {
    let calls = 0
    const load = () => void calls++
    await cache.wrap('a', load)
    await cache.wrap('a', load)
    expect(calls).toBe(2)
    await cache.wrap('null', () => null)
    expect(await cache.wrap('null', () => 1)).toBeNull()
  })

  test('has a value that is about to end loaded anew in the background', async () => {
    const refreshed: unknown[] = []
    cache.on('refresh', (data) => refreshed.push(data))
    let calls = 0
    const load = async () => ++calls
    expect(await cache.wrap('a', load, { ttl: 60_000, refreshThreshold: 1_000 })).toBe(1)
    expect(await cache.wrap('a', load, { ttl: 60_000, refreshThreshold: 1_000 })).toBe(1)
    expect(calls).toBe(1)
    // A threshold that is as long as the life: due at once.
    expect(await cache.wrap('b', load, 60_000, 60_001)).toBe(2)
    await eventually(async () => (await cache.wrap('b', load, 60_000, 60_001)) > 2, { what: 'the newer value' })
    await eventually(async () => refreshed.length > 0, { what: 'the event' })
    expect(refreshed[0]).toMatchObject({ key: 'b', value: 3 })
  })

  test('hears of what happens', async () => {
    // The real one says some things twice: of each store, and of them all.
    const heard = new Set<string>()
    const listener = ({ key }: { key: string }): void => void heard.add(`set ${key}`)
    cache.on('set', listener)
    cache.on('del', ({ key }) => heard.add(`del ${key}`))
    cache.on('clear', () => heard.add('clear'))
    await cache.set('a', 1)
    await cache.del('a')
    await cache.clear()
    cache.off('set', listener)
    await cache.set('b', 1)
    expect([...heard]).toEqual(['set a', 'del a', 'clear'])
  })

  test('may take the functions off the object, ask for its name, and end it', async () => {
    const { set, get, wrap, disconnect, cacheId } = cache
    await set('a', 1)
    expect(await get('a')).toBe(1)
    expect(await wrap('a', () => 2)).toBe(1)
    expect(typeof cacheId()).toBe('string')
    expect(await disconnect()).toBeUndefined()
  })
})

describe('what is different with the facade', () => {
  const open = (options = {}) => {
    const manager = createCacheManager({ caches: { old: options } })
    return { manager, cache: manager.cache('old'), facade: cacheManagerFacade(manager.cache('old')) }
  }

  test('an entry without a ttl has that of the cache', async () => {
    const { facade, manager } = open({ ttl: '1m' })
    const before = Date.now()
    await facade.set('a', 1)
    await facade.wrap('b', () => 1)
    for (const key of ['a', 'b']) expect(await facade.ttl(key)).toBeLessThanOrEqual(before + 60_100)
    await manager.close()
  })

  test('values are frozen copies', async () => {
    const { facade, manager } = open()
    const value = { n: 1 }
    await facade.set('a', value)
    value.n = 2
    const kept = (await facade.get<{ n: number }>('a'))!
    expect(kept.n).toBe(1)
    expect(() => {
      kept.n = 3
    }).toThrow(TypeError)
    await manager.close()
  })

  test('a value that was deleted while it was loaded anew does not come back', async () => {
    const { facade, manager } = open()
    const loading = gate()
    await facade.wrap('a', async () => 'old', 60_000, 60_001)
    const again = async (): Promise<string> => {
      await loading.pass()
      return 'late'
    }
    await eventually(async () => (await facade.wrap('a', again, 60_000, 60_001)) === 'old' && loading.entries > 0, {
      what: 'it is loaded anew',
    })
    await facade.del('a')
    loading.open()
    await new Promise(setImmediate)
    expect(await facade.get('a')).toBeUndefined()
    await manager.close()
  })

  test('a threshold without a ttl in numbers is refused, with the other way', async () => {
    const { facade, manager } = open()
    await expect(facade.wrap('a', () => 1, { refreshThreshold: 5 })).rejects.toMatchObject({
      code: 'CW_OPTIONS_CONTRADICT',
      message: expect.stringContaining('refreshAhead'),
    })
    await manager.close()
  })

  test('annotations and the manager see the same entries', async () => {
    const { facade, manager } = open()
    class Rows {
      @Cacheable({ cache: 'old' })
      async find(id: string): Promise<string> {
        return `loaded ${id}`
      }
    }
    await facade.set('1', 'set')
    expect(await manager.bind(new Rows()).find('1')).toBe('set')
    await manager.bind(new Rows()).find('2')
    expect(await facade.get('2')).toBe('loaded 2')
    await manager.close()
  })
})

describe.each(['the real module', 'the facade'])('an application for @nestjs/cache-manager, with %s', (which) => {
  const module = () =>
    which === 'the facade'
      ? [CachingModule.forRoot(), CachingModule.forCacheManager('old', [CACHE_MANAGER, NestCache])]
      : [CacheModule.register({ isGlobal: true })]

  let calls = 0

  @Injectable()
  class Rows {
    constructor(
      @Inject(CACHE_MANAGER) readonly byToken: Cache,
      @Inject(NestCache) readonly byClass: NestCache,
    ) {}

    find(id: string): Promise<object> {
      return this.byToken.wrap(`row:${id}`, async () => ({ id, call: ++calls }), 1_000)
    }
  }

  @Controller()
  class RowsController {
    constructor(@Inject(Rows) readonly rows: Rows) {}

    @Get('rows/:id')
    find(@Param('id') id: string): Promise<object> {
      return this.rows.find(id)
    }

    @UseInterceptors(CacheInterceptor)
    @CacheTTL(60_000)
    @Get('slow/:id')
    async slow(@Param('id') id: string): Promise<object> {
      return { id, call: ++calls }
    }
  }

  beforeEach(() => {
    calls = 0
  })

  test('injects it by both tokens, and caches', async () => {
    const { app, url } = await apps.listen({ imports: module(), controllers: [RowsController], providers: [Rows] })
    const ask = async (path: string) => {
      const response = await fetch(`${url}/${path}`, { headers: { connection: 'close' } })
      return [response.headers.get('x-cache'), await response.json()]
    }
    expect(await ask('rows/1')).toEqual([null, { id: '1', call: 1 }])
    expect(await ask('rows/1')).toEqual([null, { id: '1', call: 1 }])
    // The interceptor does not wait for what it has set.
    expect(await ask('slow/1')).toEqual(['MISS', { id: '1', call: 2 }])
    await eventually(async () => (await app.get(Rows).byToken.get('/slow/1')) !== undefined, { what: 'it is kept' })
    expect(await ask('slow/1')).toEqual(['HIT', { id: '1', call: 2 }])
    expect(app.get(Rows).byClass).toBe(app.get(Rows).byToken)
    expect(await app.get(Rows).byToken.ttl('/slow/1')).toBeGreaterThan(Date.now() + 50_000)
    if (which === 'the facade') expect(app.get(CacheManager).cache('old').stats().hits).toBeGreaterThan(0)
  })
})
