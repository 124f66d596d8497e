import { Cacheable, CacheEvict } from 'cachewright'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// Answers that say there is nothing, and errors that are answers: C55, C56, C61, C63, C66.

afterEach(() => void jest.restoreAllMocks())

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
      expect(error.id).toBe('a')
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
    class Foreign extends Error {}
    const load = jest.fn(() => {
      throw new Foreign('foreign')
    })
    const cache = its.caching.cache<unknown>('c')
    for (let call = 0; call < 2; call++) {
      const error = await thrownBy(() => cache.getOrLoad('f', load, { cacheErrors: { ttl: '1s' } }))
      expect(error).toBeInstanceOf(Foreign)
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
