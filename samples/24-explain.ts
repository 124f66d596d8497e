import { assertNoFindings, Cacheable, CacheEvict, CachePut, configureCaching } from 'cachewright'

interface Product {
  readonly id: string
  readonly category: string
}

class Products {
  @Cacheable({ cache: 'products', staleIfError: '1h', tags: (found) => [found.category] })
  async find(id: string): Promise<Product> {
    return { id, category: 'desks' }
  }

  @CachePut({ cache: 'products', key: (product: Product) => product.id, tags: (saved) => [saved.category] })
  @CacheEvict({ cache: 'lists', allEntries: true })
  async save(product: Product): Promise<Product> {
    return product
  }

  @CacheEvict({ cache: 'prodcuts' })
  async remove(_id: string): Promise<void> {}

  @Cacheable({ cache: 'lists', ttl: '1h' })
  async list(): Promise<Product[]> {
    return []
  }
}

/** What a call does, who evicts what it keeps, and what looks wrong: data to test, and text to read. */
export async function main(): Promise<void> {
  const caching = configureCaching({ caches: { products: { ttl: '10m', local: { ttl: '1m' } } } })

  console.log(caching.explain(Products, 'find'))
  console.log()
  console.log(caching.explain(Products, 'save'))
  console.log()

  const audit = caching.audit()
  console.log(audit.methods.map(({ method, evictedBy }) => `${method}: ${evictedBy.length}`))
  try {
    // In a test of the service.
    assertNoFindings(audit, ['low-hit-ratio'])
  } catch (error) {
    console.log((error as Error).message)
  }

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

Products.find
  1. read by all parameters, tags by `tags`
     products: local; ttl 10m, local 1m
       staleIfError 1h
  2. call the method, if no cache had the answer
  evicted by: Products.save (put)

Products.save
  1. call the method
  2. put by `key`, tags by `tags`
     products: local; ttl 10m, local 1m
  3. evict everything from lists
  evicted by: nobody

[
  'Products.find: 1',
  'Products.list: 1',
  'Products.remove: 0',
  'Products.save: 0'
]
The audit of caching has 1 finding
  evicts-nothing (warning): Products.remove evicts from cache 'prodcuts', which no decorated method reads. Is the name right?
*/
