import { AsyncLocalStorage } from 'node:async_hooks'
import { runInThisContext } from 'node:vm'
import { Cacheable, CacheableMany, CachePut, cacheContext } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// What lists must withstand: K8, C111, C112.

const tenants = new AsyncLocalStorage<string>()
const late = Symbol('late')

/** What a call answers, or `late` if it has not within half a second: for what would hang. */
async function soon<T>(call: Promise<T>): Promise<T | typeof late> {
  let answer: T | typeof late = late
  const settled = call.then((its) => {
    answer = its
  })
  settled.catch(() => {})
  await Promise.race([settled, eventually(() => answer !== late, { within: 500 }).catch(() => {})])
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

  test('a list of more elements than loads may run at once is one load', async () => {
    const asked: number[][] = []
    class Service {
      @CacheableMany({ manager, cache: 'narrow' })
      async find(ids: readonly number[]): Promise<number[]> {
        asked.push([...ids])
        return [...ids]
      }
    }
    expect(await soon(new Service().find([1, 2, 3, 4, 5]))).toEqual([1, 2, 3, 4, 5])
    expect(asked).toEqual([[1, 2, 3, 4, 5]])
  })

  test('calls of lists are held to how many loads may run at once', async () => {
    const door = gate()
    let running = 0
    let most = 0
    class Service {
      @CacheableMany({ manager, cache: 'two', maxBatch: 1 })
      async find(ids: readonly number[]): Promise<number[]> {
        most = Math.max(most, ++running)
        await door.pass()
        running--
        return [...ids]
      }
    }
    const all = new Service().find([1, 2, 3, 4])
    await door.entered
    await eventually(() => running === 2)
    door.open()
    expect(await soon(all)).toEqual([1, 2, 3, 4])
    expect(most).toBe(2)
  })

  test('a method for a list may read what it is asked for, one by one', async () => {
    class Service {
      @Cacheable({ manager, cache: 'nested' })
      async one(id: number): Promise<number> {
        return id
      }
      @CacheableMany({ manager, cache: 'nested' })
      async many(ids: readonly number[]): Promise<number[]> {
        return Promise.all(ids.map((id) => this.one(id)))
      }
    }
    expect(await soon(new Service().many([1, 2, 3]))).toEqual([1, 2, 3])
  })

  test('an override may call what it overrides, of the same cache', async () => {
    class Base {
      @CacheableMany({ manager, cache: 'inherited' })
      async many(ids: readonly number[]): Promise<number[]> {
        return [...ids]
      }
    }
    class Derived extends Base {
      @CacheableMany({ manager, cache: 'inherited' })
      override async many(ids: readonly number[]): Promise<number[]> {
        return super.many(ids)
      }
    }
    expect(await soon(new Derived().many([1, 2, 3]))).toEqual([1, 2, 3])
  })

  test('what a method for a list reads besides does not wait for the list', async () => {
    class Service {
      @Cacheable({ manager, cache: 'one' })
      async one(id: number): Promise<number> {
        return id
      }
      @CacheableMany({ manager, cache: 'one' })
      async many(ids: readonly number[]): Promise<number[]> {
        return Promise.all(ids.map((id) => this.one(100 + id)))
      }
    }
    expect(await soon(new Service().many([1, 2]))).toEqual([101, 102])
  })

  test('what a method for a list says of its value is not said of the load around it', async () => {
    let inside: unknown = 'not asked'
    class Service {
      asked = 0
      @CacheableMany({ manager, cache: 'inner' })
      async many(ids: readonly number[]): Promise<number[]> {
        inside = cacheContext()
        cacheContext()?.skipStoring()
        return [...ids]
      }
      @Cacheable({ manager, cache: 'outer' })
      async outer(id: number): Promise<number[]> {
        this.asked++
        return this.many([id, id + 1])
      }
    }
    const service = new Service()
    await service.outer(1)
    expect(inside).toBeUndefined()
    await service.outer(1)
    expect(service.asked).toBe(1)
  })

  test('values of one tenant are not loaded with those of another', async () => {
    const asked: (readonly [string | undefined, number[]])[] = []
    class Service {
      @CacheableMany({ manager, cache: 'tenants', map: true })
      async many(ids: readonly number[]): Promise<Map<number, string>> {
        asked.push([tenants.getStore(), [...ids]])
        return new Map(ids.map((id) => [id, `${tenants.getStore()} ${id}`]))
      }
      @Cacheable({ manager, cache: 'tenants', loadMany: 'many' })
      async one(_id: number): Promise<string | undefined> {
        throw new Error('not called')
      }
    }
    const service = new Service()
    const both = await Promise.all(['a', 'b'].map((tenant) => tenants.run(tenant, () => service.one(1))))
    expect(both).toEqual(['a 1', 'b 1'])
    expect(asked).toEqual([
      ['a', [1]],
      ['b', [1]],
    ])
    expect(await tenants.run('b', () => service.one(1))).toBe('b 1')
  })

  test('methods of two caches that name one method for many are not mixed', async () => {
    const asked: number[][] = []
    class Service {
      @CacheableMany({ manager, cache: 'c1' })
      async many(ids: readonly number[]): Promise<number[]> {
        asked.push([...ids])
        return [...ids]
      }
      @Cacheable({ manager, cache: 'c1', loadMany: 'many' })
      async one(id: number): Promise<number> {
        return id
      }
      @Cacheable({ manager, cache: 'c2', loadMany: 'many' })
      async two(id: number): Promise<number> {
        return id
      }
    }
    const service = new Service()
    expect(await Promise.all([service.one(1), service.two(1)])).toEqual([1, 1])
    for (const ids of asked) expect(new Set(ids).size).toBe(ids.length)
  })

  test('a refresh of elements runs in nobody’s context', async () => {
    const seen: unknown[] = []
    class Service {
      @CacheableMany({ manager, cache: 'ahead', refreshAhead: 0.5 })
      async find(ids: readonly number[]): Promise<number[]> {
        seen.push(tenants.getStore())
        return [...ids]
      }
    }
    const service = new Service()
    await tenants.run('first', () => service.find([1, 2]))
    its.clock.jump(6_000)
    await tenants.run('second', () => service.find([1, 2, 3]))
    await eventually(() => seen.length >= 3)
    expect(seen.toSorted()).toEqual(['first', 'second', undefined])
  })

  test('an error that is kept for one element is no unhandled rejection while others are fetched', async () => {
    const unhandled = jest.fn()
    // The sandbox's own `process` is told of none.
    const real = runInThisContext('process') as NodeJS.Process
    real.on('unhandledRejection', unhandled)
    class Service {
      @CacheableMany({ manager, cache: 'errors', cacheErrors: { ttl: '5s' } } as never)
      async find(ids: readonly number[]): Promise<(number | Error)[]> {
        return ids.map((id) => (id < 0 ? new RangeError(`${id}`) : id))
      }
    }
    const service = new Service()
    await expect(service.find([-1])).rejects.toThrow('-1')
    await expect(service.find([-1, 2, 3])).rejects.toThrow('-1')
    await new Promise((resolve) => setTimeout(resolve, 20))
    real.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('a method may use up the list it is given', async () => {
    class Service {
      @CacheableMany({ manager, cache: 'used', map: true })
      async find(ids: readonly number[]): Promise<Map<number, string>> {
        const own = ids as number[]
        own.sort((one, other) => one - other)
        return new Map(own.map((id) => [id, `value ${id}`]))
      }
      @CacheableMany({ manager, cache: 'used', idOf: (value: string) => Number(value.slice(6)) })
      async spliced(ids: readonly number[]): Promise<string[]> {
        const found: string[] = []
        while (ids.length > 0) for (const id of (ids as number[]).splice(0, 2)) found.push(`value ${id}`)
        return found
      }
      @Cacheable({ manager, cache: 'used', loadMany: 'find' })
      async one(id: number): Promise<string | undefined> {
        return `${id}`
      }
    }
    const service = new Service()
    expect([...(await service.find([3, 1, 2]))]).toEqual([
      [3, 'value 3'],
      [1, 'value 1'],
      [2, 'value 2'],
    ])
    expect(await service.spliced([6, 5, 4])).toEqual(['value 6', 'value 5', 'value 4'])
    expect(await Promise.all([9, 8, 7].map((id) => service.one(id)))).toEqual(['value 9', 'value 8', 'value 7'])
  })

  test('a caller may change its list while it waits', async () => {
    const door = gate()
    class Service {
      @CacheableMany({ manager, cache: 'changed', map: true })
      async find(ids: readonly number[]): Promise<Map<number, string>> {
        await door.pass()
        return new Map(ids.map((id) => [id, `value ${id}`]))
      }
    }
    const ids = [1, 2, 3]
    const found = new Service().find(ids)
    await door.entered
    ids.reverse()
    ids.pop()
    door.open()
    expect([...(await found)]).toEqual([
      [1, 'value 1'],
      [2, 'value 2'],
      [3, 'value 3'],
    ])
  })

  test('a hole in what the method returns is an element that is not there', async () => {
    class Service {
      @CacheableMany({ manager, cache: 'holes' })
      async find(ids: readonly number[]): Promise<(number | undefined)[]> {
        const found = new Array<number | undefined>(ids.length)
        for (const [index, id] of ids.entries()) if (id !== 2) found[index] = id
        return found
      }
    }
    expect(await new Service().find([1, 2, 3])).toEqual([1, undefined, 3])
  })

  test('elements need not be keys where a function makes the key', async () => {
    class Ref {
      constructor(readonly id: number) {}
    }
    class Service {
      @CacheableMany({ manager, cache: 'refs', key: (ref: Ref) => ref.id })
      async find(refs: readonly Ref[]): Promise<number[]> {
        return refs.map(({ id }) => id)
      }
    }
    expect(await new Service().find([new Ref(1), new Ref(2)])).toEqual([1, 2])
  })

  test('an id and a list of that one id are two', async () => {
    class Service {
      @CacheableMany({ manager, cache: 'ids', map: true })
      async find(ids: readonly unknown[]): Promise<Map<unknown, string>> {
        return new Map(ids.map((id) => [id, JSON.stringify(id)]))
      }
    }
    const one = [1]
    const found = await new Service().find([1, one, '1'])
    expect([found.get(1), found.get(one), found.get('1')]).toEqual(['1', '[1]', '"1"'])
  })

  test('an object around the list stays of its class', async () => {
    class Query {
      constructor(
        readonly ids: readonly number[],
        readonly locale: string,
      ) {}
      text(id: number): string {
        return `${this.locale} ${id}`
      }
    }
    class Service {
      @CacheableMany({ manager, cache: 'queries', list: 'ids', key: (id: number, query: Query) => [id, query.locale] })
      async find(query: Query): Promise<string[]> {
        return query.ids.map((id) => query.text(id))
      }
    }
    expect(await new Service().find(new Query([1, 2], 'de'))).toEqual(['de 1', 'de 2'])
  })

  test('who reads one value is told by its own method that there is none, also beside a list', async () => {
    const door = gate()
    class Service {
      @CacheableMany({ manager, cache: 'absent', idOf: (id: number) => id })
      async many(ids: readonly number[]): Promise<number[]> {
        await door.pass()
        return ids.filter((id) => id !== 2)
      }
      @Cacheable({ manager, cache: 'absent' })
      async one(id: number): Promise<number | null> {
        return id === 2 ? null : id
      }
    }
    const service = new Service()
    const many = service.many([1, 2])
    await door.entered
    const one = service.one(2)
    const others = service.many([2, 1])
    door.open()
    expect(await many).toEqual([1])
    expect(await others).toEqual([1])
    expect(await one).toBeNull()
  })

  test('what nobody waits for any more is not loaded', async () => {
    const asked: number[][] = []
    class Service {
      @CacheableMany({ manager, cache: 'left' })
      async find(ids: readonly number[], _signal?: AbortSignal): Promise<number[]> {
        asked.push([...ids])
        return [...ids]
      }
    }
    const leaving = new AbortController()
    const call = new Service().find([1, 2], leaving.signal)
    await Promise.resolve()
    leaving.abort(new Error('left'))
    await expect(call).rejects.toThrow('left')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(asked).toEqual([])
  })

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

  test('loadMany: calls with further arguments are cached each by itself; without an object the method is on its own', async () => {
    quietly()
    const asked: unknown[] = []
    class Service {
      @CacheableMany({ manager, cache: 'more' })
      async many(ids: readonly number[]): Promise<number[]> {
        return [...ids]
      }
      @Cacheable({ manager, cache: 'more', loadMany: 'many' })
      async one(id: number, ...more: unknown[]): Promise<number> {
        asked.push([id, ...more])
        return id
      }
    }
    const service = new Service()
    expect(await service.one(1, 'x')).toBe(1)
    expect(await service.one(1, 'x')).toBe(1)
    expect(asked).toEqual([[1, 'x']])
    const { one } = service
    expect(await one(7)).toBe(7)
  })
})
