import { Cacheable, CachePut, cacheContext } from 'cachewright'
import { settle } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// What a method says of its value while it runs: C70, C72, C78, C79.

afterEach(() => void jest.restoreAllMocks())

/** A loader that says something and answers. */
const saying =
  <Value>(say: () => void, value: Value) =>
  (): Value => {
    say()
    return value
  }

describe.each(places)('what a method says of its value, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s' }, maxStaleness: '1h' })
  const { manager } = its
  const cache = () => its.caching.cache<unknown>('c')
  const context = () => cacheContext()!

  test('C78 how long it lives', async () => {
    const options = Object.freeze({ ttl: '10s' as const })
    await cache().getOrLoad(
      'a',
      saying(() => context().setTtl('1s'), 'value'),
      options,
    )
    its.clock.jump(900)
    expect(await cache().get('a')).toBe('value')
    its.clock.jump(101)
    expect(await cache().get('a')).toBeUndefined()
    expect(options).toEqual({ ttl: '10s' })
    await cache().getOrLoad(
      'b',
      saying(() => context().setTtl(0), 'value'),
    )
    expect(await cache().lookup('b')).toEqual({ found: false })
  })

  test('how long it may be served past its life', async () => {
    let calls = 0
    const load = (): number => {
      context().setTtl('1s')
      if (++calls === 1) context().setStaleWhileRevalidate('5s')
      return calls
    }
    const read = (): Promise<unknown> => cache().getOrLoad('a', load, { staleWhileRevalidate: '1h' })
    expect(await read()).toBe(1)
    its.clock.jump(5_999)
    expect(await read()).toBe(1)
    await eventually(async () => (await read()) === 2)
    // What says nothing has the window of whoever loaded it.
    its.clock.jump(3_000)
    expect(await read()).toBe(2)
  })

  test('that it may not, although the read would take it', async () => {
    let calls = 0
    const load = (): number => {
      context().setTtl('1s')
      context().setStaleWhileRevalidate(0)
      return ++calls
    }
    const read = (): Promise<unknown> => cache().getOrLoad('a', load, { staleWhileRevalidate: '1h' })
    expect(await read()).toBe(1)
    its.clock.jump(1_000)
    expect(await read()).toBe(2)
  })

  test('C78 that it is not to be kept', async () => {
    const load = jest.fn(saying(() => context().skipStoring(), 'value'))
    for (let call = 0; call < 2; call++) expect(await cache().getOrLoad('a', load)).toBe('value')
    expect(load).toHaveBeenCalledTimes(2)
  })

  test('C78 its tags, beside those the operation names', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c', tags: ['named'] })
      async find(id: string): Promise<unknown> {
        this.calls++
        cacheContext()?.addTags(`id:${id}`)
        return id
      }
    }
    const service = new Service()
    for (const tag of ['named', 'id:a']) {
      await service.find('a')
      await service.find('a')
      await its.caching.evictTags([tag])
    }
    await service.find('a')
    expect(service.calls).toBe(3)
  })

  test('G1 a tag that is added is held against evicts since the load began, also for those who joined it', async () => {
    const slow = gate<string>()
    const load = async () => {
      const value = await slow.pass()
      context().addTags('x')
      return value
    }
    const first = cache().getOrLoad('a', load)
    await slow.entered
    await its.caching.evictTags(['x'])
    const joined = cache().getOrLoad('a', () => 'new')
    slow.open('old')
    expect(await first).toBe('old')
    expect(await joined).toBe('new')
    expect(await cache().getOrLoad('a', () => 'new')).toBe('new')
  })

  test('what is no ttl or no tag is refused where it is said', async () => {
    await expect(cache().getOrLoad('a', () => context().setTtl(-1))).rejects.toThrow(/cacheContext\(\).setTtl: -1/)
    await expect(cache().getOrLoad('a', () => context().addTags(''))).rejects.toThrow(/cacheContext\(\).addTags/)
    await expect(cache().getOrLoad('a', () => context().notModified())).rejects.toThrow(/no previous value/)
    await expect(cache().getOrLoad('a', () => context().setValidator(1 as never))).rejects.toThrow(
      /a validator is a text/,
    )
  })

  test('there is none outside of a load', async () => {
    expect(cacheContext()).toBeUndefined()
    class Service {
      @CachePut({ manager, cache: 'c', key: () => 'a' })
      async put(): Promise<unknown> {
        return cacheContext() === undefined
      }
    }
    expect(await new Service().put()).toBe(true)
    await its.caching.close()
    expect(await cache().getOrLoad('a', () => cacheContext() === undefined)).toBe(true)
  })

  test('C78 a method that is called past the cache says nothing of the load it is called in', async () => {
    const contexts: unknown[] = []
    class Service {
      @Cacheable({ manager, cache: 'other', condition: () => false })
      async conditional(): Promise<void> {
        contexts.push(cacheContext())
      }
      @CachePut({ manager, cache: 'other', key: () => 'k' })
      async put(): Promise<void> {
        contexts.push(cacheContext())
      }
      @Cacheable({ manager, cache: 'other' })
      async read(): Promise<void> {
        contexts.push(typeof cacheContext())
      }
      @Cacheable({ manager, cache: 'c' })
      async find(): Promise<void> {
        await this.conditional()
        await this.put()
        await this.read()
        contexts.push(typeof cacheContext())
      }
    }
    await new Service().find()
    expect(contexts).toEqual([undefined, undefined, 'object', 'object'])
  })

  test('C78 nor is it of any load what a method has left running', async () => {
    const later = gate()
    let context: unknown = 'not asked'
    await cache().getOrLoad('a', async () => {
      void later.pass().then(() => {
        context = cacheContext()
      })
      return 1
    })
    later.open()
    await settle()
    expect(context).toBeUndefined()
  })

  test('each load has its own, also one within another', async () => {
    await cache().getOrLoad('outer', async () => {
      await cache().getOrLoad(
        'inner',
        saying(() => context().setTtl('1s'), 'inner'),
      )
      context().addTags('outer')
      return 'outer'
    })
    its.clock.jump(1_001)
    expect(await cache().getMany(['outer', 'inner'])).toEqual(['outer', undefined])
    await its.caching.evictTags(['outer'])
    expect(await cache().get('outer')).toBeUndefined()
  })

  test('a method with two caches speaks to both', async () => {
    class Service {
      @Cacheable({ manager, cache: ['one', 'two'], key: () => 'a' })
      async find(): Promise<unknown> {
        cacheContext()?.setTtl('1s')
        return 'value'
      }
    }
    await new Service().find()
    for (const name of ['one', 'two']) expect(await its.caching.cache(name).get('a')).toBe('value')
    its.clock.jump(1_001)
    for (const name of ['one', 'two']) expect(await its.caching.cache(name).get('a')).toBeUndefined()
  })
})

describe.each(places)('a load on a condition, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s', staleIfError: '15s' }, maxStaleness: '1h' })
  const cache = () => its.caching.cache<{ readonly at: number }>('c')

  class Source {
    etag = 'v1'
    value = { at: 1 }
    readonly asked: (string | undefined)[] = []

    readonly load = async (): Promise<{ readonly at: number }> => {
      const context = cacheContext<{ readonly at: number }>()!
      this.asked.push(context.previous?.validator)
      if (context.previous?.validator === this.etag) return context.notModified()
      context.setValidator(this.etag)
      context.addTags(`etag:${this.etag}`)
      return this.value
    }
  }

  test('C79 not modified: value, tags and validator stay, and a new life begins', async () => {
    const source = new Source()
    await cache().getOrLoad('a', source.load)
    for (let round = 0; round < 2; round++) {
      its.clock.jump(10_000)
      expect(await cache().getOrLoad('a', source.load)).toEqual({ at: 1 })
      expect(await cache().getOrLoad('a', unexpected)).toEqual({ at: 1 })
    }
    expect(source.asked).toEqual([undefined, 'v1', 'v1'])
    await its.caching.evictTags(['etag:v1'])
    expect(await cache().lookup('a')).toEqual({ found: false })
  })

  test('C79 modified: the new value and its validator', async () => {
    const source = new Source()
    await cache().getOrLoad('a', source.load)
    its.clock.jump(10_000)
    source.etag = 'v2'
    source.value = { at: 2 }
    expect(await cache().getOrLoad('a', source.load)).toEqual({ at: 2 })
    its.clock.jump(10_000)
    expect(await cache().getOrLoad('a', source.load)).toEqual({ at: 2 })
    expect(source.asked).toEqual([undefined, 'v1', 'v2'])
  })

  test('C79 whatever the method returns after it has said so', async () => {
    const source = new Source()
    await cache().getOrLoad('a', source.load)
    its.clock.jump(10_000)
    const load = () => {
      cacheContext()!.notModified()
      return undefined as never
    }
    expect(await cache().getOrLoad('a', load)).toEqual({ at: 1 })
    expect(await cache().get('a')).toEqual({ at: 1 })
  })

  test('C84 what was evicted is no previous value', async () => {
    const source = new Source()
    await cache().getOrLoad('a', source.load)
    its.clock.jump(10_000)
    await cache().evict('a')
    expect(await cache().getOrLoad('a', source.load)).toEqual({ at: 1 })
    expect(source.asked).toEqual([undefined, undefined])
  })

  test('in a refresh ahead of its end too', async () => {
    const source = new Source()
    const options = { refreshAhead: 0.5 } as const
    await cache().getOrLoad('a', source.load, options)
    its.clock.jump(5_000)
    await cache().getOrLoad('a', source.load, options)
    await eventually(() => source.asked.length === 2)
    expect(source.asked).toEqual([undefined, 'v1'])
    await eventually(() => cache().parts.tiers.loading === 0)
    its.clock.jump(6_000)
    expect(await cache().get('a')).toEqual({ at: 1 })
  })

  if (place === 'on Redis') {
    test('C79 by another process', async () => {
      const other = await its.another()
      const source = new Source()
      await cache().getOrLoad('a', source.load)
      its.clock.jump(10_000)
      expect(await other.cache('c').getOrLoad('a', source.load)).toEqual({ at: 1 })
      expect(source.asked).toEqual([undefined, 'v1'])
      await eventually(async () => expect(await cache().get('a')).toEqual({ at: 1 }))
    })

    test('a validator that is too long is refused, and the call is answered', async () => {
      quietly()
      const load = saying(() => cacheContext()!.setValidator('x'.repeat(70_000)), { at: 1 })
      expect(await cache().getOrLoad('a', load)).toEqual({ at: 1 })
      expect(cache().stats().refused).toBe(1)
    })
  }
})

describe.each(places)('what a method says of a value past its life, in one cache or two, cached %s', (place) => {
  const policies = { ttl: '10s', staleIfError: '15s', softTimeout: '1s' } as const
  const its = world(place, { defaults: policies, maxStaleness: '1h' })
  const { manager } = its
  const cache = () => its.caching.cache<unknown>('c')

  test('C79 G1 who joins a load after an evict of a tag that its unchanged value carries has a new one', async () => {
    const tagged = (): string => {
      cacheContext()!.addTags('x')
      return 'old'
    }
    await cache().getOrLoad('a', tagged)
    await its.clock.advance(10_000)
    const slow = gate()
    const first = cache().getOrLoad('a', async () => {
      await slow.pass()
      return cacheContext()!.notModified()
    })
    await slow.entered
    await cache().evictTags(['x'])
    const joined = cache().getOrLoad('a', async () => 'new')
    await settle()
    slow.open()
    expect(await first).toBe('old')
    expect(await joined).toBe('new')
  })

  test('C79 G1 a value that has not changed keeps its tags in each cache of the method', async () => {
    class Service {
      answer = 'old'
      @Cacheable({ manager, cache: ['outer', 'c'], key: () => 'k' })
      async find(): Promise<unknown> {
        const context = cacheContext()!
        if (context.previous !== undefined) return context.notModified()
        context.addTags('x')
        return this.answer
      }
    }
    const service = new Service()
    await service.find()
    await its.caching.cache('outer').evict('k')
    await its.clock.advance(10_000)
    expect(await service.find()).toBe('old')
    await its.caching.evictTags(['x'])
    service.answer = 'new'
    expect(await service.find()).toBe('new')
  })

  test('C79 it is the value that the source was asked about, also where another cache has an older one', async () => {
    class Service {
      @Cacheable({ manager, cache: ['outer', 'c'], key: () => 'k' })
      async find(): Promise<unknown> {
        const context = cacheContext()!
        return context.previous === undefined ? 'older' : context.notModified()
      }
    }
    const service = new Service()
    await service.find()
    await cache().put('k', 'newer')
    await its.clock.advance(10_000)
    expect(await service.find()).toBe('newer')
    expect(await service.find()).toBe('newer')
  })

  test('C70 a failure that is signalled in one cache of the method is answered by its stale value', async () => {
    class Service {
      fails = false
      @Cacheable({ manager, cache: ['outer', 'c'], key: () => 'k' })
      async find(): Promise<unknown> {
        if (this.fails) cacheContext()!.fail(new Error('source'))
        return 'old'
      }
    }
    const service = new Service()
    await service.find()
    await its.caching.cache('outer').evict('k')
    await its.clock.advance(10_000)
    service.fails = true
    expect(await service.find()).toBe('old')
    expect(await its.caching.cache('outer').lookup('k')).toEqual({ found: false })
  })

  test('C72 what a slow load brings is kept, also where another cache has taken the stale value meanwhile', async () => {
    const slow = gate<string>()
    class Service {
      isSlow = false
      @Cacheable({ manager, cache: ['outer', 'c'], key: () => 'k' })
      async find(): Promise<unknown> {
        return this.isSlow ? slow.pass() : 'old'
      }
    }
    const service = new Service()
    await service.find()
    await its.caching.cache('outer').evict('k')
    await its.clock.advance(10_000)
    service.isSlow = true
    const found = service.find()
    await slow.entered
    await its.clock.advance(1_000)
    expect(await found).toBe('old')
    slow.open('new')
    await eventually(async () => expect(await cache().get('k')).toBe('new'))
    expect(await its.caching.cache('outer').lookup('k')).toEqual({ found: false })
  })
})

function unexpected(): never {
  throw new Error('not expected')
}
