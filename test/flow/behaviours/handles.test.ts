import { Cacheable, CacheableMany, cacheContext, cached, cacheFunction, Memoize } from 'cachewright'
import { places, quietly, world } from './world'

// A decorated method as something that can be looked at and steered, and functions without a class.

afterEach(() => void jest.restoreAllMocks())

describe.each(places)('a handle, cached %s', (place) => {
  const its = world(place, {
    defaults: { ttl: '10s' },
    caches: { small: { local: { maxEntries: 7 } } },
    maxStaleness: '1h',
  })
  const { manager } = its

  class Service {
    calls = 0

    @Cacheable({ manager, cache: 'small', tags: ['x'] })
    async find(id: string, locale = 'en'): Promise<string> {
      this.calls++
      return `${id} ${locale} ${this.calls}`
    }

    @Cacheable({ manager, cache: ['one', 'two'], key: (id) => id, staleIfError: '15s' })
    async twice(id: string): Promise<number> {
      if (id === 'broken' || this.calls > 1) throw new Error('source')
      return ++this.calls
    }

    @CacheableMany({ manager, cache: 'small' })
    async many(ids: readonly string[]): Promise<string[]> {
      return [...ids]
    }

    @Memoize()
    square(number: number): number {
      this.calls++
      return number * number
    }

    async plain(): Promise<void> {}
  }

  test('whatever is wrong with the arguments is a rejection, and says what', async () => {
    const { find } = cached(new Service())
    for (const args of [undefined, null, 'a', { 0: 'a' }]) {
      await expect(find.put(args as never, 'value')).rejects.toMatchObject({
        code: 'CW_OPTION_INVALID',
        message: expect.stringMatching(/^put of Service\.find: give the arguments as an array, got /) as string,
      })
    }
    for (const its of [find.peek, find.evict, find.expire, find.refresh, find.get] as ((id: never) => unknown)[]) {
      await expect(its.call(find, (() => {}) as never)).rejects.toMatchObject({ code: 'CW_KEY_UNSUPPORTED' })
    }
  })

  test('get, peek, keyOf, evict: of the entry that the arguments make', async () => {
    const service = new Service()
    const { find } = cached(service)
    expect(await find.peek('a')).toEqual({ found: false })
    expect(await find.get('a')).toBe('a en 1')
    expect(await service.find('a')).toBe('a en 1')
    expect(await find.peek('a')).toEqual({ found: true, value: 'a en 1' })
    expect(await find.peek('a', 'de')).toEqual({ found: false })
    expect(find.keyOf('a')).toBe('a')
    expect(find.keyOf('a', 'de')).toBe('a,de')
    await find.evict('a')
    expect(await find.peek('a')).toEqual({ found: false })
    expect(service.calls).toBe(1)
  })

  test('peek counts nothing and loads nothing', async () => {
    const service = new Service()
    const { find } = cached(service)
    await find.get('a')
    const before = find.info()
    await find.peek('a')
    await find.peek('b')
    expect(find.info()).toEqual(before)
    expect(before).toEqual({ hits: 0, misses: 1, ratio: 0, size: 1, max: 7 })
  })

  test('put and refresh go through every rule of the method', async () => {
    const service = new Service()
    const { find } = cached(service)
    await find.put(['a'], 'put')
    expect(await service.find('a')).toBe('put')
    await its.caching.evictTags(['x'])
    expect(await find.peek('a')).toEqual({ found: false })
    await find.put(['a'], 'put')
    expect(await find.refresh('a')).toBe('a en 1')
    expect(await service.find('a')).toBe('a en 1')
    if (place === 'on Redis') expect(await (await its.another()).cache('small').get('a')).toBe('a en 1')
  })

  test('all caches of the method; expire lets it stand in, original goes past it, clear empties', async () => {
    const service = new Service()
    const { twice } = cached(service)
    expect(await twice.get('a')).toBe(1)
    await twice.expire('a')
    service.calls = 2
    expect(await twice.get('a')).toBe(1)
    await expect(twice.original('a')).rejects.toThrow('source')
    await twice.clear()
    for (const name of ['one', 'two']) expect(await its.caching.cache(name).lookup('a')).toEqual({ found: false })
  })

  test('of a memoised method', async () => {
    const service = new Service()
    service.square(3)
    const { square } = cached(service)
    expect(square.peek(3)).toEqual({ found: true, value: 9 })
    expect(square.evict(3)).toBe(true)
    expect(square.info()).toMatchObject({ hits: 0, misses: 1, size: 0 })
  })

  test('handles can be awaited and printed, and a refresh within a load has no say in that', async () => {
    const service = new Service()
    expect(await cached(service)).toBeDefined()
    expect(JSON.stringify({ handles: cached({ a: 1 }) })).toBeDefined()
    const tell = (): void => cacheContext()?.skipStoring()
    class Telling {
      @Cacheable({ manager, cache: 'telling' })
      async find(): Promise<string> {
        tell()
        return 'told'
      }
    }
    const { find } = cached(new Telling())
    await its.caching.cache('around').getOrLoad('a', () => find.refresh())
    expect(await its.caching.cache('around').lookup('a')).toMatchObject({ found: true })
  })

  test('what is not decorated, not there, or takes a list is refused by name', async () => {
    const service = new Service()
    expect(() => cached(service).plain).toThrow(
      /cached\(Service\).plain: the method stands under neither @Cacheable nor/,
    )
    expect(() => (cached(service) as unknown as { none: unknown }).none).toThrow(/there is no such method/)
    expect(() => cached(service).many.info()).toThrow(/Service.many takes a list/)
    expect(() => cached(null as never)).toThrow(/give an object with decorated methods, got null/)
  })
})

describe.each(places)('a function without a class, cached %s', (place) => {
  const its = world(place)

  test('is what @Cacheable is for methods', async () => {
    const calls: string[] = []
    async function greet(name: string, loud = false): Promise<string> {
      calls.push(name)
      return loud ? name.toUpperCase() : name
    }
    const greeting = cacheFunction(greet, { manager: () => its.caching, cache: 'greetings', tags: (text) => [text] })
    expect(await greeting('Ada')).toBe('Ada')
    expect(await greeting('Ada')).toBe('Ada')
    expect(await greeting('Ada', true)).toBe('ADA')
    await its.caching.evictTags(['ADA'])
    await greeting('Ada', true)
    await greeting('Ada')
    expect(calls).toEqual(['Ada', 'Ada', 'Ada'])
  })

  test('has the name and the parameters of the function', () => {
    async function greet(name: string, _loud: boolean): Promise<string> {
      return name
    }
    const greeting = cacheFunction(greet, { manager: () => its.caching, cache: 'greetings' })
    expect([greeting.name, greeting.length]).toEqual(['greet', 2])
  })

  test('is refused without the name of a cache, and with what is no option', () => {
    const none = async (): Promise<void> => {}
    expect(() => cacheFunction(none, {} as never)).toThrow(/function 'none': option `cache` is missing/)
    expect(() => cacheFunction(none, { cache: 'c', tll: 1 } as never)).toThrow(/there is no option `tll`/)
    expect(() => cacheFunction('none' as never, { cache: 'c' })).toThrow(/give a function/)
  })

  test('one that fails its options’ functions is answered all the same', async () => {
    quietly()
    const find = cacheFunction(async (id: number) => id, {
      manager: () => its.caching,
      cache: 'failing',
      tags: () => {
        throw new Error('tags')
      },
    })
    expect(await find(1)).toBe(1)
  })
})
