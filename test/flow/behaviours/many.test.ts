import { Cacheable, CacheableMany, CacheEvict, CachePut } from 'cachewright'
import { eventually } from '../../support/eventually'
import { type Gate, gate } from '../../support/gate'
import { places, quietly, world } from './world'

// Lists: K8, C104, C111, C112.

interface Product {
  readonly id: number
  readonly name: string
}

afterEach(() => void jest.restoreAllMocks())

describe.each(places)('a method that takes a list, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s' }, maxStaleness: '1h' })
  const { manager } = its

  class Products {
    readonly asked: number[][] = []
    unknown = new Set<number>()
    slow: Gate<void> | undefined
    failure: Error | undefined

    product(id: number): Product {
      return { id, name: `product ${id}` }
    }

    async #load(ids: readonly number[]): Promise<Product[]> {
      this.asked.push([...ids])
      await this.slow?.pass()
      if (this.failure) throw this.failure
      // As a database does: no order, nothing for what there is not.
      return ids
        .filter((id) => !this.unknown.has(id))
        .map((id) => this.product(id))
        .reverse()
    }

    @CacheableMany({
      manager,
      cache: 'products',
      idOf: (product: Product) => product.id,
      tags: (_, id) => [`id:${id}`],
    })
    async findByIds(ids: readonly number[]): Promise<Product[]> {
      return this.#load(ids)
    }

    @CacheableMany({ manager, cache: 'products', map: true, cacheAbsent: null })
    async findMap(ids: readonly number[]): Promise<Map<number, Product>> {
      return new Map((await this.#load(ids)).map((product) => [product.id, product]))
    }

    @CacheableMany({ manager, cache: 'products', list: 'ids', key: (id, query) => [id, query.locale] })
    async localized(query: { readonly ids: readonly number[]; readonly locale: string }): Promise<string[]> {
      this.asked.push([...query.ids])
      return query.ids.map((id) => `${query.locale} ${id}`)
    }

    @Cacheable({ manager, cache: 'products' })
    async findById(id: number): Promise<Product | null> {
      this.asked.push([id])
      await this.slow?.pass()
      return this.unknown.has(id) ? null : this.product(id)
    }

    @Cacheable({ manager, cache: 'products', loadMany: 'findByIds' })
    async find(id: number): Promise<Product | undefined> {
      throw new Error(`called for ${id}`)
    }
  }

  const ids = (products: readonly Product[]): number[] => products.map(({ id }) => id)

  test('K8 C111 one call with what is missing; order and duplicates as asked', async () => {
    const products = new Products()
    await products.findByIds([2])
    expect(ids(await products.findByIds([1, 2, 3, 1]))).toEqual([1, 2, 3, 1])
    expect(products.asked).toEqual([[2], [1, 3]])
    expect(ids(await products.findByIds([3, 2, 1]))).toEqual([3, 2, 1])
    expect(products.asked).toHaveLength(2)
  })

  test('an element and a single value are one entry', async () => {
    const products = new Products()
    await products.findByIds([1, 2])
    expect(await products.findById(1)).toEqual(products.product(1))
    await products.findById(3)
    expect(ids(await products.findByIds([3, 1]))).toEqual([3, 1])
    expect(await its.caching.cache('products').get(2)).toEqual(products.product(2))
    expect(products.asked).toEqual([[1, 2], [3]])
  })

  test('what the source does not know is left out and kept nowhere, unless that is wanted', async () => {
    const products = new Products()
    products.unknown.add(2)
    expect(ids(await products.findByIds([1, 2]))).toEqual([1])
    await products.findByIds([1, 2])
    expect(products.asked).toEqual([[1, 2], [2]])
    expect([...(await products.findMap([2, 1])).keys()]).toEqual([1])
    expect([...(await products.findMap([1, 2])).keys()]).toEqual([1])
    expect(products.asked).toEqual([[1, 2], [2], [2]])
    expect(await products.findById(2)).toBeNull()
    expect(products.asked).toHaveLength(3)
  })

  test('a list in a field, with what else makes the key', async () => {
    const products = new Products()
    expect(await products.localized({ ids: [1, 2], locale: 'de' })).toEqual(['de 1', 'de 2'])
    expect(await products.localized({ ids: [2, 3, 2], locale: 'de' })).toEqual(['de 2', 'de 3', 'de 2'])
    expect(await products.localized({ ids: [1], locale: 'fr' })).toEqual(['fr 1'])
    expect(products.asked).toEqual([[1, 2], [3], [1]])
  })

  test('C112 a single read joins a list under way, and a list a single read', async () => {
    const products = new Products()
    products.slow = gate()
    const many = products.findByIds([1, 2])
    await products.slow.entered
    const single = products.findById(2)
    const first = products.slow
    products.slow = gate()
    const other = products.findById(3)
    await products.slow.entered
    const both = products.findByIds([3, 1, 2])
    products.slow.open()
    first.open()
    expect(ids(await many)).toEqual([1, 2])
    expect((await single)?.id).toBe(2)
    expect((await other)?.id).toBe(3)
    expect(ids(await both)).toEqual([3, 1, 2])
    expect(products.asked).toEqual([[1, 2], [3]])
  })

  test('a failure reaches the caller and is kept nowhere; what was cached stays', async () => {
    const products = new Products()
    await products.findByIds([1])
    products.failure = new Error('source')
    await expect(products.findByIds([1, 2])).rejects.toBe(products.failure)
    products.failure = undefined
    expect(ids(await products.findByIds([1, 2]))).toEqual([1, 2])
    expect(products.asked).toEqual([[1], [2], [2]])
  })

  test('an error in the place of an element is the failure of that one alone', async () => {
    const asked: number[][] = []
    class Service {
      @CacheableMany({ manager, cache: 'some' })
      async squares(numbers: readonly number[]): Promise<(number | Error)[]> {
        asked.push([...numbers])
        return numbers.map((its) => (its < 0 ? new RangeError(`${its}`) : its * its))
      }
    }
    const service = new Service()
    await expect(service.squares([1, -2, 3])).rejects.toThrow('-2')
    expect(await service.squares([1, 3])).toEqual([1, 9])
    expect(asked).toEqual([[1, -2, 3]])
  })

  test('G1 what is evicted during the call is not kept, the others are', async () => {
    const products = new Products()
    products.slow = gate()
    const many = products.findByIds([1, 2, 3])
    await products.slow.entered
    await its.caching.cache('products').evict(1)
    products.slow.open()
    expect(ids(await many)).toEqual([1, 2, 3])
    await products.findByIds([1, 2, 3])
    expect(products.asked).toEqual([[1, 2, 3], [1]])
  })

  test('G1 nor what carries a tag that is evicted during the call', async () => {
    const products = new Products()
    products.slow = gate()
    const many = products.findByIds([1, 2])
    await products.slow.entered
    await its.caching.evictTags(['id:2'])
    products.slow.open()
    await many
    await products.findByIds([2])
    expect(products.asked).toEqual([[1, 2], [2]])
  })

  test('an empty list is answered by the method', async () => {
    const products = new Products()
    expect(await products.findByIds([])).toEqual([])
    expect(await products.findMap([])).toEqual(new Map())
  })

  test('C104 what does not fit the list is refused by name, and nothing is kept', async () => {
    const answer: { of: unknown } = { of: undefined }
    class Service {
      @CacheableMany({ manager, cache: 'wrong' })
      async byPlace(_ids: readonly number[]): Promise<number[]> {
        return answer.of as number[]
      }

      @CacheableMany({ manager, cache: 'wrong', map: true })
      async byMap(_ids: readonly number[]): Promise<Map<number, number>> {
        return answer.of as Map<number, number>
      }
    }
    const service = new Service()
    for (const [of, call, message] of [
      [[1], () => service.byPlace([1, 2]), /for 2 elements the method returned 1.*`idOf`.*`map: true`/],
      [[1, 2, 3], () => service.byPlace([1, 2]), /for 2 elements the method returned 3/],
      [new Map(), () => service.byPlace([1, 2]), /must return an array .*, and returned a Map/],
      [null, () => service.byPlace([1, 2]), /and returned null/],
      [[1, 2], () => service.byMap([1, 2]), /must return a Map, since it says `map: true`, and returned an array/],
    ] as const) {
      answer.of = of
      await expect(call()).rejects.toMatchObject({ code: 'CW_BATCH_MISMATCH', message: expect.stringMatching(message) })
    }
    expect(await its.caching.cache('wrong').getMany([1, 2])).toEqual([undefined, undefined])
    await expect(service.byPlace('no list' as never)).rejects.toThrow(/its first argument must be an array, got string/)
  })

  test('at most so many elements a call', async () => {
    const asked: number[] = []
    class Service {
      @CacheableMany({ manager, cache: 'sized', maxBatch: 3 })
      async find(numbers: readonly number[]): Promise<number[]> {
        asked.push(numbers.length)
        return [...numbers]
      }
    }
    expect(await new Service().find([1, 2, 3, 4, 5, 6, 7])).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(asked).toEqual([3, 3, 1])
  })

  test('what is due for its refresh is loaded in one call', async () => {
    const asked: number[][] = []
    class Service {
      @CacheableMany({ manager, cache: 'ahead', refreshAhead: 0.5 })
      async find(numbers: readonly number[]): Promise<number[]> {
        asked.push([...numbers])
        return [...numbers]
      }
    }
    const service = new Service()
    await service.find([1, 2, 3])
    its.clock.jump(5_000)
    expect(await service.find([1, 2, 3])).toEqual([1, 2, 3])
    await eventually(() => asked.length === 2)
    expect(asked[1]!.toSorted()).toEqual([1, 2, 3])
  })

  test('an old value stands in for each element', async () => {
    class Service {
      failure: Error | undefined
      @CacheableMany({ manager, cache: 'stale', staleIfError: '15s' })
      async find(numbers: readonly number[]): Promise<number[]> {
        if (this.failure) throw this.failure
        return [...numbers]
      }
    }
    const service = new Service()
    await service.find([1, 2])
    its.clock.jump(10_000)
    service.failure = new Error('source')
    expect(await service.find([2, 1])).toEqual([2, 1])
    await expect(service.find([1, 3])).rejects.toBe(service.failure)
  })

  test('single reads of one turn are loaded by one call', async () => {
    const products = new Products()
    products.unknown.add(4)
    await products.find(1)
    const found = await Promise.all([1, 2, 3, 2, 4].map((id) => products.find(id)))
    expect(found.map((product) => product?.id)).toEqual([1, 2, 3, 2, undefined])
    expect(products.asked).toEqual([[1], [2, 3, 4]])
    class Broken {
      @Cacheable({ manager, cache: 'broken', loadMany: 'none' })
      async find(id: number): Promise<number> {
        return id
      }
    }
    await expect(new Broken().find(1)).rejects.toThrow(/`loadMany` must name a method .* 'none' does not/)
  })

  test('C104 many keys of one evict and one put; nothing is written for lists of unequal length', async () => {
    quietly()
    const skipped = jest.fn()
    its.caching.on('skipped', skipped)
    class Service {
      @CachePut({
        manager,
        cache: 'products',
        keys: (list: readonly Product[]) => list.map(({ id }) => id),
        unless: (one) => one.id === 3,
      })
      async save(list: readonly Product[], _times = 1): Promise<Product[]> {
        return list.flatMap((one) => Array.from({ length: _times }, () => one))
      }

      @CacheEvict({ manager, cache: 'products', keys: (list: readonly number[]) => list })
      async remove(_list: readonly number[]): Promise<void> {}
    }
    const service = new Service()
    const cache = its.caching.cache<Product>('products')
    const list = [1, 2, 3].map((id) => ({ id, name: 'saved' }))
    await service.save(list)
    expect(await cache.getMany([1, 2, 3])).toEqual([list[0], list[1], undefined])
    await service.remove([1, 2])
    expect(await cache.getMany([1, 2])).toEqual([undefined, undefined])
    await service.save(list, 2)
    expect(await cache.getMany([1, 2])).toEqual([undefined, undefined])
    expect(skipped.mock.calls[0][0].error.message).toMatch(/for 3 keys the method returned 6 values/)
  })

  if (place === 'on Redis') {
    test('C111 one MGET for what is cached, in one round trip; each missing key has its lease', async () => {
      const products = new Products()
      await products.findMap([1, 2, 3, 4])
      const other = (await its.another()).bind(new Products())
      await other.findMap([9])
      await its.server.resetStats()
      expect([...(await other.findMap([1, 2, 3, 4])).keys()]).toEqual([1, 2, 3, 4])
      const stats = await its.server.commandStats()
      expect(stats.mget).toBe(1)
      expect(stats.evalsha ?? 0).toBe(0)
      expect(other.asked).toEqual([[9]])
    })

    test('C112 G3 a list waits for what another process is loading, and loads the rest at once', async () => {
      const [one, two] = [new Products(), (await its.another()).bind(new Products())]
      one.slow = gate()
      const first = one.findByIds([1, 2])
      await one.slow.entered
      const second = two.findByIds([1, 2, 3])
      await eventually(() => two.asked.length === 1)
      expect(two.asked).toEqual([[3]])
      one.slow.open()
      expect(ids(await first)).toEqual([1, 2])
      expect(ids(await second)).toEqual([1, 2, 3])
      expect(two.asked).toEqual([[3]])
    })
  }
})
