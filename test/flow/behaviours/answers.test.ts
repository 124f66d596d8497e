import { types } from 'node:util'
import { Cacheable, CacheEvict, CachePut, cacheContext, type LoadOptions } from 'cachewright'
import { settle } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// Answers that say there is nothing, and errors that are answers: C55, C56, C61, C63, C66.

afterEach(() => void jest.restoreAllMocks())

const unexpected = (): never => {
  throw new Error('not expected')
}
const throwing = (error: unknown) => (): never => {
  throw error
}

class NotFound extends Error {
  constructor(readonly id: string) {
    super(`no ${id}`)
    this.name = 'NotFound'
  }
}

describe.each(places)('a result that says there is nothing, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s', negativeTtl: '2s' }, maxStaleness: '1h' })
  const cache = () => its.caching.cache<unknown>('c')

  test.each([null, undefined])('%p lives for negativeTtl', async (nothing) => {
    const load = jest.fn(() => nothing)
    await cache().getOrLoad('a', load)
    its.clock.jump(1_900)
    expect(await cache().getOrLoad('a', load)).toBe(nothing)
    expect(load).toHaveBeenCalledTimes(1)
    its.clock.jump(101)
    await cache().getOrLoad('a', load)
    expect(load).toHaveBeenCalledTimes(2)
  })

  test.each([0, '', false, Number.NaN])('K6 %p is a value and lives for ttl', async (value) => {
    await cache().getOrLoad('a', () => value)
    its.clock.jump(9_000)
    expect(await cache().lookup('a')).toEqual({ found: true, value })
  })

  test('what is nothing, a function may say, by result and arguments', async () => {
    const { manager } = its
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c', negative: (found, id) => found.length === 0 && id !== 'kept' })
      async find(id: string): Promise<string[]> {
        this.calls++
        return id === 'some' ? ['one'] : []
      }
    }
    const service = new Service()
    for (const id of ['none', 'kept', 'some']) await service.find(id)
    its.clock.jump(2_001)
    for (const id of ['none', 'kept', 'some']) await service.find(id)
    expect(service.calls).toBe(4)
  })

  test('a put of nothing too', async () => {
    await cache().put('a', null)
    its.clock.jump(2_001)
    expect(await cache().lookup('a')).toEqual({ found: false })
  })

  test('0 keeps no such result', async () => {
    await cache().getOrLoad('a', () => null, { negativeTtl: 0 })
    expect(await cache().lookup('a')).toEqual({ found: false })
  })

  test('C103 a function that throws leaves the value out and is reported; the call is answered', async () => {
    quietly()
    const skipped = jest.fn()
    its.caching.on('skipped', skipped)
    const negative = () => {
      throw new Error('negative')
    }
    expect(await cache().getOrLoad('a', () => 'value', { negative })).toBe('value')
    expect(await cache().lookup('a')).toEqual({ found: false })
    expect(skipped.mock.calls[0][0].error.message).toContain('`negative` threw: negative')
  })
})

describe.each(places)('an error that is an answer, cached %s', (place) => {
  const its = world(place, { types: [NotFound], maxStaleness: '1h' })
  const { manager } = its

  class Service {
    calls = 0
    failure: () => unknown = () => undefined

    @Cacheable({ manager, cache: 'c', tags: ['x'], cacheErrors: { ttl: '5s', include: [NotFound] } })
    async find(_id: string): Promise<unknown> {
      this.calls++
      const failure = this.failure()
      if (failure !== undefined) throw failure
      return 'found'
    }
  }

  async function thrownBy(call: () => Promise<unknown>): Promise<Error & { id?: string }> {
    try {
      await call()
    } catch (error) {
      return error as Error
    }
    throw new Error('nothing was thrown')
  }

  test('C55 is thrown again without the method being called, as its own class, from the second caller’s stack', async () => {
    const service = new Service()
    const original = new NotFound('a')
    service.failure = () => original
    expect(await thrownBy(() => service.find('a'))).toBe(original)
    async function theSecondCaller(): Promise<unknown> {
      return await service.find('a')
    }
    const second = await thrownBy(theSecondCaller)
    expect(service.calls).toBe(1)
    expect(second).not.toBe(original)
    expect(second).toBeInstanceOf(NotFound)
    expect([second.message, second.id, second.name]).toEqual(['no a', 'a', 'NotFound'])
    const [here, first] = second.stack!.split('kept from: ')
    for (const stack of [here, first]) expect(stack).toMatch(/^NotFound: no a\n(.*\n)*.*answers\.test\.ts/)
    expect(its.caching.cache('c').stats().hits).toBe(1)
  })

  if (place === 'on Redis') {
    test('C55 in another process too', async () => {
      const service = new Service()
      service.failure = () => new NotFound('a')
      await thrownBy(() => service.find('a'))
      const other = (await its.another()).bind(new Service())
      async function theOther(): Promise<unknown> {
        return await other.find('a')
      }
      const error = await thrownBy(theOther)
      expect(other.calls).toBe(0)
      expect(error).toBeInstanceOf(NotFound)
      expect([error.message, error.id, error.name]).toEqual(['no a', 'a', 'NotFound'])
      expect(error.stack).toContain('theOther')
    })
  }

  test('C56 C66 one that is not included is not kept', async () => {
    const service = new Service()
    service.failure = () => new Error('broken')
    for (let call = 0; call < 2; call++) expect((await thrownBy(() => service.find('a'))).message).toBe('broken')
    expect(service.calls).toBe(2)
  })

  test('it lives for its own time', async () => {
    const service = new Service()
    service.failure = () => new NotFound('a')
    await thrownBy(() => service.find('a'))
    service.failure = () => undefined
    its.clock.jump(4_900)
    await thrownBy(() => service.find('a'))
    its.clock.jump(101)
    expect(await service.find('a')).toBe('found')
  })

  test.each<[string, () => Promise<unknown>]>([
    ['an evict', () => its.caching.cache('c').evict('a')],
    ['a clear', () => its.caching.cache('c').clear()],
    ['a put', () => its.caching.cache('c').put('a', 'found')],
    ['an evict of its tag', () => its.caching.evictTags(['x'])],
  ])('G1 goes with %s', async (_, change) => {
    const service = new Service()
    service.failure = () => new NotFound('a')
    await thrownBy(() => service.find('a'))
    await change()
    service.failure = () => undefined
    expect(await service.find('a')).toBe('found')
  })

  test('K10 what one caller does to his error, no other sees', async () => {
    const service = new Service()
    service.failure = () => new NotFound('a')
    const first = await thrownBy(() => service.find('a'))
    first.message = 'changed'
    first.id = 'changed'
    const second = await thrownBy(() => service.find('a'))
    expect([second.message, second.id]).toEqual(['no a', 'a'])
    second.message = 'changed'
    expect((await thrownBy(() => service.find('a'))).message).toBe('no a')
  })

  test('K9 who waits for the load has the very error', async () => {
    const service = new Service()
    const slow = gate<unknown>()
    const cache = its.caching.cache<unknown>('c')
    const error = new NotFound('b')
    const reads = [1, 2, 3].map(() =>
      thrownBy(() => cache.getOrLoad('b', () => slow.pass(), { cacheErrors: { ttl: '1s' } })),
    )
    await slow.entered
    slow.fail(error)
    expect((await Promise.all(reads)).every((its) => its === error)).toBe(true)
    expect(service.calls).toBe(0)
  })

  test('one that cannot be carried is kept in the process, and the shared tier says so once', async () => {
    quietly()
    class Foreign extends Error {
      readonly id = '7'
    }
    const load = jest.fn(() => {
      throw new Foreign('foreign')
    })
    const cache = its.caching.cache<unknown>('c')
    for (let call = 0; call < 2; call++) {
      const error = await thrownBy(() => cache.getOrLoad('f', load, { cacheErrors: { ttl: '1s' } }))
      expect(error).toBeInstanceOf(Foreign)
      expect(error.id).toBe('7')
    }
    expect(load).toHaveBeenCalledTimes(1)
    expect(cache.stats().refused).toBe(place === 'on Redis' ? 1 : 0)
  })

  test('C103 a filter that throws keeps nothing and is reported once; the error reaches the caller', async () => {
    quietly()
    const skipped = jest.fn()
    its.caching.on('skipped', skipped)
    const cacheErrors = {
      ttl: '1s',
      include: [
        () => {
          throw new Error('filter')
        },
      ],
    } as const
    const cache = its.caching.cache<unknown>('c')
    const load = () => {
      throw new Error('source')
    }
    expect((await thrownBy(() => cache.getOrLoad('a', load, { cacheErrors }))).message).toBe('source')
    expect(await cache.lookup('a')).toEqual({ found: false })
    expect(skipped).toHaveBeenCalledTimes(1)
  })
})

describe.each(places)('an error that is kept, cached %s', (place) => {
  const its = world(place, { defaults: { cacheErrors: { ttl: '1m' } }, maxStaleness: '1h' })
  const { manager } = its
  const cache = () => its.caching.cache<unknown>('c')
  const fail = (error: unknown, options: LoadOptions<unknown> = {}) =>
    cache()
      .getOrLoad('a', throwing(error), options)
      .then(unexpected, (it: unknown) => it)
  const again = () =>
    cache()
      .getOrLoad('a', unexpected)
      .then(unexpected, (it: unknown) => it)

  test('C55 is an error of the language each time it is thrown', async () => {
    const thrown = [await fail(new RangeError('no row')), await again(), await again()]
    for (const error of thrown) {
      expect(error).toBeInstanceOf(RangeError)
      expect(types.isNativeError(error)).toBe(true)
      expect(Object.prototype.toString.call(error)).toBe('[object Error]')
    }
    expect(cache().stats().loadFailures).toBe(1)
  })

  test('C55 G10 is no value to who only looks', async () => {
    await fail(new Error('source'))
    expect(await cache().lookup('a')).toEqual({ found: false })
    expect(await cache().getMany(['a', 'b'])).toEqual([undefined, undefined])
    if (place === 'on Redis') {
      expect(await (await its.another()).cache('c').lookup('a')).toEqual({ found: false })
    }
  })

  test('C55 gives way to what a put of the same method brings', async () => {
    class Service {
      @Cacheable({ manager, cache: 'c', key: () => 'a' })
      async find(): Promise<unknown> {
        throw new Error('not found')
      }
      @Cacheable({ manager, cache: 'c', key: () => 'a' })
      @CachePut({ manager, cache: 'other', key: () => 'a' })
      async renew(): Promise<unknown> {
        return 'found'
      }
    }
    const service = new Service()
    await expect(service.find()).rejects.toThrow('not found')
    await service.renew()
    expect(await service.find()).toBe('found')
  })

  test('may be frozen', async () => {
    await fail(Object.freeze(new RangeError('no row')))
    const error = await again()
    expect(error).toBeInstanceOf(RangeError)
    expect(error).toHaveProperty('message', 'no row')
  })

  test('cannot be changed for others, however deep', async () => {
    await fail(Object.assign(new RangeError('no row'), { details: { n: 1 } }))
    const first = (await again()) as { details: { n: number } }
    try {
      first.details.n = 2
    } catch {}
    expect(await again()).toHaveProperty('details', { n: 1 })
  })

  test('the first caller cannot change it either', async () => {
    const first = (await fail(Object.assign(new RangeError('no row'), { details: { n: 1 } }))) as {
      details: { n: number }
    }
    try {
      first.details.n = 2
    } catch {}
    expect(await again()).toHaveProperty('details', { n: 1 })
  })

  test('may be a plain object', async () => {
    await fail({ n: 1 })
    const first = (await again()) as { n: number }
    try {
      first.n = 2
    } catch {}
    expect(await again()).toEqual({ n: 1 })
  })

  test('may have fields that cannot be read', async () => {
    quietly()
    const error = Object.defineProperty(new RangeError('no row'), 'detail', {
      enumerable: true,
      get: () => {
        throw new Error('getter')
      },
    })
    expect(await fail(error)).toBe(error)
  })

  test('goes with the tags that its operation names', async () => {
    await fail(new Error('source'), { tags: ['x'] })
    await expect(cache().getOrLoad('a', unexpected)).rejects.toThrow('source')
    await its.caching.evictTags(['x'])
    expect(await cache().getOrLoad('a', () => 'new')).toBe('new')
  })

  test('goes with the tags that the method names', async () => {
    await cache()
      .getOrLoad(
        'a',
        () => {
          cacheContext()!.addTags('x')
          throw new Error('source')
        },
        { tags: [] },
      )
      .catch(() => {})
    await its.caching.evictTags(['x'])
    expect(await cache().getOrLoad('a', () => 'new')).toBe('new')
  })

  test('G1 from before an evict of its tag is not kept', async () => {
    const slow = gate<unknown>()
    const loading = cache().getOrLoad('a', () => slow.pass(), { tags: ['x'] })
    loading.catch(() => {})
    await slow.entered
    await its.caching.evictTags(['x'])
    slow.fail(new Error('source'))
    await expect(loading).rejects.toThrow('source')
    expect(await cache().getOrLoad('a', () => 'new')).toBe('new')
  })

  if (place === 'on Redis') {
    test('C55 is the answer in other processes too', async () => {
      await fail(new RangeError('no row'))
      const reading = (await its.another()).cache('c').getOrLoad('a', unexpected)
      await expect(reading).rejects.toThrow(RangeError)
      await expect(reading).rejects.toThrow('no row')
    })
  }
})

describe('an error that another process keeps', () => {
  const defaults = { ttl: '10s', refreshAhead: 0.8, cacheErrors: { ttl: '10s' } } as const
  const its = world('on Redis', { defaults, maxStaleness: '1h' })
  test('is no more loaded ahead of its end than one of this process', async () => {
    const other = (await its.another()).cache<unknown>('c')
    await its.caching
      .cache<unknown>('c')
      .getOrLoad('a', throwing(new Error('source')))
      .catch(() => {})
    await expect(other.getOrLoad('a', unexpected)).rejects.toThrow('source')
    its.clock.jump(8_000)
    const load = jest.fn(unexpected)
    await expect(other.getOrLoad('a', load)).rejects.toThrow('source')
    await settle()
    await eventually(() => other.parts.tiers.loading === 0)
    expect(load).not.toHaveBeenCalled()
  })
})

describe.each(places)('an evict after an error, cached %s', (place) => {
  const its = world(place)
  const { manager } = its

  class Service {
    error: Error | undefined

    @CacheEvict({ manager, cache: 'c', key: (id: string) => id, afterError: { include: [NotFound] } })
    async included(_id: string): Promise<void> {
      if (this.error) throw this.error
    }

    @CacheEvict({ manager, cache: 'c', key: (id: string) => id, afterError: { exclude: [NotFound] } })
    async excluded(_id: string): Promise<void> {
      if (this.error) throw this.error
    }

    @CacheEvict({ manager, cache: 'c', key: (id: string) => id, afterError: true })
    async any(_id: string): Promise<void> {
      if (this.error) throw this.error
    }

    @CacheEvict({ manager, cache: 'c', allEntries: true, afterError: { include: [NotFound] } })
    async everything(_id: string): Promise<void> {
      if (this.error) throw this.error
    }

    @CacheEvict({ manager, cache: 'c', key: (id: string) => id })
    async plain(_id: string): Promise<void> {
      if (this.error) throw this.error
    }
  }

  test.each<[keyof Service & string, Error | undefined, boolean]>([
    ['plain', undefined, true],
    ['plain', new NotFound('a'), false],
    ['included', undefined, true],
    ['included', new NotFound('a'), true],
    ['included', new Error('other'), false],
    ['excluded', new NotFound('a'), false],
    ['excluded', new Error('other'), true],
    ['any', new Error('other'), true],
    ['everything', undefined, true],
    ['everything', new NotFound('a'), true],
    ['everything', new Error('other'), false],
  ])('C61 C63 %s, failing with %p: gone %p', async (method, error, isGone) => {
    const cache = its.caching.cache<unknown>('c')
    await cache.put('a', 1)
    const service = new Service()
    service.error = error
    const call = (service[method as 'plain'] as (id: string) => Promise<void>).call(service, 'a')
    if (error === undefined) await call
    else await expect(call).rejects.toBe(error)
    expect((await cache.lookup('a')).found).toBe(!isGone)
  })
})
