import { AsyncLocalStorage } from 'node:async_hooks'
import { runInThisContext } from 'node:vm'
import { Cacheable, CacheableMany, CachePut, cacheContext } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// What lists must withstand: K8, C111, C112.

const tenants = new AsyncLocalStorage<string>()
const late = Symbol('late')

/** What a call answers, or `late` if it has not within many turns. */
async function soon<T>(call: Promise<T>): Promise<T | typeof late> {
  let answer: T | typeof late = late
  const settled = call.then((its) => {
    answer = its
  })
  settled.catch(() => {})
  const pause = new Promise((resolve) => setTimeout(resolve, 500))
  await Promise.race([settled, pause])
  return answer
}

afterEach(() => void jest.restoreAllMocks())

describe.each(places)('a list, cached %s', (place) => {
  const its = world(place, {
    defaults: { ttl: '10s' },
    maxStaleness: '1h',
    caches: {
      narrow: { maxConcurrentLoads: 2, maxQueuedLoads: 1 },
      tenants: { partition: () => tenants.getStore() },
      two: { maxConcurrentLoads: 2 },
      one: { maxConcurrentLoads: 1 },
    },
  } as never)
  const { manager } = its

  test('a value that is left out of a put of many leaves its entry alone, as it does in a put of one', async () => {
    class Service {
      @CachePut({ manager, cache: 'puts', keys: (ids: readonly number[]) => ids, unless: (value) => value < 0 })
      async many(ids: readonly number[]): Promise<number[]> {
        return ids.map((id) => -id)
      }
      @CachePut({ manager, cache: 'puts', unless: (value) => value < 0 })
      async one(id: number): Promise<number> {
        return -id
      }
    }
    const cache = its.caching.cache<number>('puts')
    await cache.put(1, 1)
    await cache.put(2, 2)
    await new Service().one(1)
    await new Service().many([2])
    expect(await cache.getMany([1, 2])).toEqual([1, 2])
  })
})
