import { Cacheable, CachePut, cacheContext } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { settle } from '../../support/manual-clock'
import { places, world } from './world'

// What a method says of its value while it runs: C70, C78, C79.

describe.each(places)('what a method says of its value, cached %s', (place) => {
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
})
