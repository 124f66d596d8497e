import { Cacheable, CacheableMany, CacheEvict, CachePut, cached, cacheFunction, detect } from 'cachewright'
import { withoutCaching } from 'cachewright/testing'
import { places, world } from '../../flow/behaviours/world'
import { gate } from '../../support/gate'

describe.each(places)('%s: without caching', (place) => {
  const its = world(place, { defaults: { staleWhileRevalidate: '1h' } })

  class Products {
    loads = 0

    @Cacheable({ cache: 'products' })
    async find(_id: string): Promise<number> {
      return ++this.loads
    }

    @CacheableMany({ cache: 'products' })
    async list(ids: readonly string[]): Promise<number[]> {
      return ids.map(() => ++this.loads)
    }

    @CachePut({ cache: 'products', key: (id) => id })
    async save(_id: string, value: number): Promise<number> {
      return value
    }

    @CacheEvict({ cache: 'products' })
    async remove(_id: string): Promise<void> {}
  }

  let products: Products
  beforeEach(() => {
    products = its.caching.bind(new Products())
  })

  test('a method is called each time, and nothing of it is kept', async () => {
    expect(await withoutCaching(() => products.find('a'))).toBe(1)
    expect(await products.find('a')).toBe(2)
    const results = await withoutCaching(() => Promise.all([products.find('a'), products.find('a')]))
    expect(results).toEqual([3, 4])
    expect(await products.find('a')).toBe(2)
  })

  test('a list is asked for whole, and nothing of it is kept', async () => {
    expect(await products.list(['a', 'b'])).toEqual([1, 2])
    expect(await withoutCaching(() => products.list(['a', 'b']))).toEqual([3, 4])
    expect(await products.list(['a', 'b'])).toEqual([1, 2])
  })

  test('a value past its life is not served, nor loaded anew', async () => {
    await products.find('a')
    await its.clock.advance('10m')
    expect(await withoutCaching(() => products.find('a'))).toBe(2)
    expect(products.loads).toBe(2)
  })

  test('who only looks finds nothing', async () => {
    const cache = its.caching.cache<number>('products')
    await products.find('a')
    await withoutCaching(async () => {
      expect(await cache.get('a')).toBeUndefined()
      expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
      expect(await cached(products).find.peek('a')).toEqual({ found: false })
      expect(await cache.getOrLoad('a', async () => 9)).toBe(9)
    })
    expect(await cache.get('a')).toBe(1)
  })

  test('a load of others is not joined', async () => {
    const slow = gate<string>()
    const find = cacheFunction(() => slow.pass(), { cache: 'slow', manager: its.manager })
    const outside = find()
    await slow.entered
    const within = withoutCaching(() => find())
    expect(slow.entries).toBe(2)
    slow.open('value')
    expect(await Promise.all([outside, within])).toEqual(['value', 'value'])
  })

  test('what is put and evicted there, others see', async () => {
    await products.find('a')
    await withoutCaching(() => products.save('a', 40))
    expect(await products.find('a')).toBe(40)
    await withoutCaching(() => products.remove('a'))
    expect(await products.find('a')).toBe(2)
  })

  test('it holds for the work, not for others at the same time, nor for what is left running', async () => {
    await products.find('a')
    const [inside, later] = [gate(), gate()]
    let left: Promise<number> | undefined
    const work = withoutCaching(async () => {
      left = later.pass().then(() => products.find('a'))
      await inside.pass()
      return products.find('a')
    })
    expect(await products.find('a')).toBe(1)
    inside.open()
    expect(await work).toBe(2)
    // Somebody else's work keeps the question alive.
    const another = gate()
    const other = withoutCaching(() => another.pass())
    later.open()
    expect(await left).toBe(1)
    another.open()
    await other
  })

  test('no cache is seen to take part', async () => {
    await products.find('a')
    expect((await detect(() => withoutCaching(() => products.find('a')))).reads).toEqual([])
  })

  test('what the work throws is thrown, and caching is back', async () => {
    await products.find('a')
    const failure = new Error('no')
    await expect(withoutCaching(() => Promise.reject(failure))).rejects.toBe(failure)
    await expect(
      withoutCaching(() => {
        throw failure
      }),
    ).rejects.toBe(failure)
    expect(await products.find('a')).toBe(1)
  })
})
