import { types } from 'node:util'
import { Cacheable, CachePut } from 'cachewright'
import { places, world } from './world'

// Errors that are answers: C55, C56.

describe.each(places)('an error that is kept, cached %s', (place) => {
  const its = world(place, { defaults: { cacheErrors: { ttl: '1m' } } })
  const { manager } = its
  const cache = () => its.caching.cache<unknown>('c')
  const read = (manager = its.caching) =>
    manager.cache<unknown>('c').getOrLoad('a', () => {
      throw new RangeError('not found')
    })

  test('C55 is an error of the language each time it is thrown', async () => {
    for (let time = 0; time < 3; time++) {
      const error = await read().catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(RangeError)
      expect(types.isNativeError(error)).toBe(true)
      expect(Object.prototype.toString.call(error)).toBe('[object Error]')
    }
    expect(cache().stats().loadFailures).toBe(1)
  })

  test('C55 G10 is no value to who only looks', async () => {
    await expect(read()).rejects.toThrow('not found')
    expect(await cache().lookup('a')).toEqual({ found: false })
    expect(await cache().getMany(['a', 'b'])).toEqual([undefined, undefined])
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

  if (place === 'on Redis') {
    test('C55 is the answer in other processes too', async () => {
      await expect(read()).rejects.toThrow('not found')
      const other = await its.another()
      await expect(other.cache('c').getOrLoad('a', () => 'not asked')).rejects.toThrow(RangeError)
    })
  }
})
