import { Cacheable, CacheEvict, CacheKey, type CacheManager, configureCaching } from 'cachewright'
import { redis } from 'cachewright/redis'

interface Product {
  readonly id: string
  readonly load: number
}

class ProductService {
  loads = 0

  @Cacheable({ cache: 'products', ttl: '5m' })
  async findById(@CacheKey() id: string, _trace?: object): Promise<Product> {
    this.loads += 1
    return { id, load: this.loads }
  }

  @CacheEvict({ cache: 'products' })
  async remove(_id: string): Promise<void> {}
}

let caching: CacheManager

beforeAll(async () => {
  caching = configureCaching({ prefix: 'jest', local: { maxEntries: 100 } })
  await caching.ready()
})

afterAll(async () => {
  await caching.close()
})

test('a decorated class caches and evicts', async () => {
  const products = new ProductService()
  expect(await products.findById('1', { trace: 1 })).toEqual({ id: '1', load: 1 })
  expect(await products.findById('1', { trace: 2 })).toEqual({ id: '1', load: 1 })
  await products.remove('1')
  expect(await products.findById('1')).toEqual({ id: '1', load: 2 })
})

test('the door to Redis is there', () => {
  expect(typeof redis).toBe('function')
})
