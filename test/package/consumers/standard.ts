import { Cacheable, CacheEvict, CachePut, configureCaching } from 'cachewright'
import { redis } from 'cachewright/redis'

interface Product {
  readonly id: string
  readonly price: number
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

export class ProductService {
  @Cacheable({ cache: 'products', ttl: '5m', key: (id: string) => id })
  async findById(id: string, _trace?: object): Promise<Product> {
    return { id, price: 1 }
  }

  @Cacheable()
  async all(): Promise<readonly Product[]> {
    return []
  }

  @Cacheable({ cache: 'by-page', key: (page: number, size: number) => [page, size] })
  async page(page: number, size: number): Promise<readonly Product[]> {
    return [{ id: `${page}`, price: size }]
  }

  @CachePut({ cache: 'products', key: (product: Product) => product.id })
  async update(product: Product): Promise<Product> {
    return product
  }

  @CacheEvict({ cache: 'products' })
  async remove(_id: string): Promise<void> {}

  // @ts-expect-error a synchronous method would have to become asynchronous
  @Cacheable({ cache: 'counts' })
  count(): number {
    return 1
  }

  // @ts-expect-error the key is made of the method's own parameters
  @Cacheable({ cache: 'mistaken', key: (id: number) => id })
  async mistaken(id: string): Promise<string> {
    return id
  }

  // @ts-expect-error a duration is a number or a number with its unit
  @Cacheable({ cache: 'someday', ttl: 'five minutes' })
  async someday(id: string): Promise<string> {
    return id
  }
}

export const methodTypeIsKept: Same<ProductService['findById'], (id: string, trace?: object) => Promise<Product>> = true

export async function bootstrap(): Promise<void> {
  const caching = configureCaching({
    prefix: 'shop',
    local: { maxEntries: 10_000, ttl: '1m' },
    shared: redis({ url: 'redis://127.0.0.1' }),
    defaults: { ttl: '5m', ttlJitter: 0.1 },
    caches: { products: { ttl: '10m' } },
  })
  await caching.ready()
  await caching.close()
}
