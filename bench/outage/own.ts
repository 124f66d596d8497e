import type * as Root from '../../src/index'
import type * as Door from '../../src/redis/index'
import type { MakeContender } from './contender'
import type { Product } from './source'
import { terms } from './terms'

// Built by the command that runs this: what users run is measured.
const { Cacheable, createCacheManager } = require('../../dist/index.js') as typeof Root
const { redis } = require('../../dist/redis/index.js') as typeof Door

// What is not left to the defaults: how long a value lives, and what may be served when the source cannot answer.
const keeping = {
  ttl: terms.ttl,
  staleIfError: terms.staleFor,
  softTimeout: terms.softTimeout,
}

/** cachewright as it comes. */
export const own: MakeContender = async (port, source) => {
  const manager = createCacheManager({ prefix: 'shop', shared: redis({ url: `redis://127.0.0.1:${port}` }) })

  class Products {
    @Cacheable({ cache: 'products', manager, ...keeping })
    async byId(id: string): Promise<Product> {
      return source.load(id)
    }
  }

  await manager.ready()
  const products = new Products()
  return {
    ask: (key) => products.byId(key),
    answersOfRedis: () => {
      const { shared } = manager.cache('products').stats()
      return shared === undefined ? undefined : shared.hits + shared.misses
    },
    close: () => manager.close(),
  }
}
