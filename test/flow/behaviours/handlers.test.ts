import { Cacheable, CacheEvict, type CacheFailure, CachePut, strictErrors } from 'cachewright'
import { redis } from 'cachewright/redis'
import { freePort } from '../../support/redis-server'
import { quietly, world } from './world'

// Who is told of what the shared tier did not do, and what that does to the call: C45, C46, C47.

afterEach(() => void jest.restoreAllMocks())

describe('a handler of errors', () => {
  const its = world('in process')

  async function away(errorHandler: (failure: CacheFailure) => void) {
    quietly()
    const url = `redis://127.0.0.1:${await freePort()}`
    return its.another({ shared: redis({ url }), errorHandler })
  }

  const unavailable = expect.objectContaining({ code: 'CW_SHARED_UNAVAILABLE' })
  const failure = (its: Partial<CacheFailure>): CacheFailure => ({
    operation: 'get',
    cache: 'c',
    key: undefined,
    tags: undefined,
    value: undefined,
    error: unavailable as unknown,
    ...its,
  })

  test('C45 C46 C47 is told of each, with cache, key, tags and value; the call goes on', async () => {
    const failures: CacheFailure[] = []
    const manager = await away((failed) => failures.push(failed))
    const cache = manager.cache<unknown>('c')
    const told = async (call: () => Promise<unknown>): Promise<CacheFailure[]> => {
      failures.length = 0
      await call()
      return [...failures]
    }
    expect(await told(() => cache.getOrLoad('a', () => 1))).toEqual([failure({ key: 'a' })])
    expect(await told(() => cache.get('b'))).toEqual([failure({ key: 'b' })])
    expect(await told(() => cache.put('a', { x: 1 }))).toEqual([
      failure({ operation: 'put', key: 'a', value: { x: 1 } }),
    ])
    expect(await told(() => cache.evict('a'))).toEqual([failure({ operation: 'evict', key: 'a' })])
    expect(await told(() => cache.expire('a'))).toContainEqual(failure({ operation: 'evict', key: 'a' }))
    expect(await told(() => cache.evictTags(['x']))).toEqual([failure({ operation: 'evict', tags: ['x'] })])
    expect(await told(() => cache.clear())).toEqual([failure({ operation: 'clear' })])
    expect(await told(() => manager.evictTags(['x']))).toEqual([
      failure({ operation: 'evict', cache: undefined, tags: ['x'] }),
    ])
    expect(await told(() => manager.clear())).toEqual([failure({ operation: 'clear', cache: undefined })])
  })

  test('C46 C47 the strict one fails the call: a read before the method, a write after it', async () => {
    const strict = await away(strictErrors)
    const calls: string[] = []
    class Service {
      @Cacheable({ manager: strict, cache: 'c' })
      async find(_id: string): Promise<string> {
        calls.push('find')
        return 'value'
      }

      @CachePut({ manager: strict, cache: 'c' })
      async put(_id: string): Promise<string> {
        calls.push('put')
        return 'value'
      }

      @CacheEvict({ manager: strict, cache: 'c' })
      async evict(_id: string): Promise<void> {
        calls.push('evict')
      }

      @CacheEvict({ manager: strict, cache: 'c', allEntries: true })
      async clear(): Promise<void> {
        calls.push('clear')
      }

      @CacheEvict({ manager: strict, tags: ['x'] })
      async evictTags(): Promise<void> {
        calls.push('evictTags')
      }
    }
    const service = new Service()
    await expect(service.find('a')).rejects.toEqual(unavailable)
    await expect(service.put('a')).rejects.toEqual(unavailable)
    await expect(service.evict('a')).rejects.toEqual(unavailable)
    await expect(service.clear()).rejects.toEqual(unavailable)
    await expect(service.evictTags()).rejects.toEqual(unavailable)
    expect(calls).toEqual(['put', 'evict', 'clear', 'evictTags'])
    // What could not be evicted is kept all the same.
    expect(strict.stats().deferredEvictions).toBeGreaterThan(0)
  })

  test('it is no failure of the shared tier when the method fails', async () => {
    const told = jest.fn()
    const manager = await its.another({ errorHandler: told })
    await expect(
      manager.cache('c').getOrLoad('a', () => {
        throw new Error('source')
      }),
    ).rejects.toThrow('source')
    expect(told).not.toHaveBeenCalled()
  })

  test('what is no function is refused', async () => {
    await expect(its.another({ errorHandler: 'strict' as never })).rejects.toThrow(
      /option `errorHandler` must be a function, got 'strict'/,
    )
  })
})
