import { Cacheable, CacheEvict } from 'cachewright'

export interface Product {
  readonly id: string
  readonly price: number
}

/** Where products come from: a database, as a rule. */
export interface Source {
  find(id: string): Promise<Product>
  save(product: Product): Promise<void>
}

/** The service that is tested: nothing in it knows of tests. */
export class Shop {
  constructor(private readonly source: Source) {}

  @Cacheable({ cache: 'products', ttl: '10m', staleIfError: '1h', tags: () => ['prices'] })
  async product(id: string): Promise<Product> {
    return this.source.find(id)
  }

  @CacheEvict({ cache: 'products', key: ({ id }: Product) => id })
  async change(product: Product): Promise<void> {
    await this.source.save(product)
  }
}
