import {
  Cacheable,
  CacheEvict,
  CacheKey,
  type CacheManager,
  CachePut,
  Caching,
  createCacheManager,
  type SharedStoreFactory,
} from 'cachewright'
import { redis } from 'cachewright/redis'
import { type RedisServer, startRedis } from '../support/redis-server'

interface Product {
  readonly id: string
  readonly category: string
  readonly updatedAt: Date
}

/** A service as users write it, over a table that counts its queries. */
function createService(caching: CacheManager) {
  const rows = new Map<string, Product>()
  const manager = (): CacheManager => caching

  class Products {
    queries = 0

    @Cacheable({ cache: 'products', manager, tags: (product: Product) => [`category:${product.category}`] })
    async find(@CacheKey() id: string, _trace?: object): Promise<Product> {
      this.queries++
      return rows.get(id) ?? { id, category: 'none', updatedAt: new Date(0) }
    }

    @CachePut({ cache: 'products', manager, key: (product: Product) => product.id })
    async save(product: Product): Promise<Product> {
      rows.set(product.id, product)
      return product
    }

    @CacheEvict({ cache: 'products', manager })
    async remove(id: string): Promise<void> {
      rows.delete(id)
    }

    @Caching({ evict: [{ cache: 'products', manager, tags: (category: string) => [`category:${category}`] }] })
    async recategorise(_category: string): Promise<void> {}
  }
  return new Products()
}

describe.each(['in process', 'on Redis'])('a service, cached %s', (where) => {
  let server: RedisServer | undefined
  let shared: SharedStoreFactory | undefined
  let caching: CacheManager

  beforeAll(async () => {
    if (where === 'in process') return
    server = await startRedis()
    shared = redis({ url: server.url })
  })
  afterAll(() => server?.stop())

  beforeEach(() => {
    caching = createCacheManager(shared === undefined ? {} : { shared })
  })
  afterEach(async () => {
    await caching.clear()
    await caching.close()
  })

  test('reads its own writes from the cache, and queries only for what is not there', async () => {
    const service = createService(caching)
    const lamp: Product = { id: 'lamp', category: 'light', updatedAt: new Date(7) }

    expect((await service.find('lamp')).category).toBe('none')
    expect((await service.find('lamp', {})).category).toBe('none')
    expect(service.queries).toBe(1)

    await service.save(lamp)
    expect(await service.find('lamp')).toStrictEqual(lamp)
    expect(service.queries).toBe(1)

    await service.remove('lamp')
    expect((await service.find('lamp')).category).toBe('none')
    expect(service.queries).toBe(2)
  })

  test('evicts by tag what carries the tag, and by clear everything', async () => {
    const service = createService(caching)
    await service.save({ id: 'lamp', category: 'light', updatedAt: new Date(7) })
    await service.remove('lamp')
    await Promise.all([service.find('a'), service.find('b')])
    await service.recategorise('light')
    await Promise.all([service.find('a'), service.find('b')])
    expect(service.queries).toBe(2)

    await service.recategorise('none')
    await Promise.all([service.find('a'), service.find('b')])
    expect(service.queries).toBe(4)

    await caching.clear()
    await service.find('a')
    expect(service.queries).toBe(5)
  })
})
