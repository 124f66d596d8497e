// Plain JavaScript has no decorators yet: this is what a compiler makes of legacy ones.
function decorate(Class, name, decorator) {
  const descriptor = Object.getOwnPropertyDescriptor(Class.prototype, name)
  Object.defineProperty(Class.prototype, name, decorator(Class.prototype, name, descriptor) ?? descriptor)
}

/** A service class, made with the decorators of one copy of the package. */
function productService({ Cacheable, CacheEvict }) {
  class ProductService {
    loads = 0
    async findById(id) {
      this.loads += 1
      return { id, load: this.loads }
    }
    async remove() {}
  }
  decorate(ProductService, 'findById', Cacheable({ cache: 'products', ttl: '5m' }))
  decorate(ProductService, 'remove', CacheEvict({ cache: 'products' }))
  return new ProductService()
}

/** Which load each of three reads came from: the first, the same again, and after an evict a new one. */
async function readReadEvictRead(service) {
  const loads = []
  loads.push((await service.findById('1')).load)
  loads.push((await service.findById('1')).load)
  await service.remove('1')
  loads.push((await service.findById('1')).load)
  return loads
}

/** The error a call ends with. */
async function errorOf(call) {
  try {
    await call()
    return undefined
  } catch (error) {
    return error
  }
}

/** What both module systems must be able to do. */
async function story(cachewright, { redis }) {
  const { configureCaching, isCacheError } = cachewright
  const service = productService(cachewright)
  const error = await errorOf(() => service.findById('1'))
  const unconfigured = isCacheError(error) ? error.code : String(error)

  const inMemory = configureCaching({ prefix: 'memory', local: { maxEntries: 100 } })
  await inMemory.ready()
  const memory = { unconfigured, loads: await readReadEvictRead(productService(cachewright)) }
  await inMemory.close()

  const prefix = `shared-${process.pid}`
  const withRedis = configureCaching({ prefix, shared: redis({ url: process.env.REDIS_URL }) })
  await withRedis.ready()
  const shared = { loads: await readReadEvictRead(productService(cachewright)) }
  await withRedis.close()
  return { memory, redis: shared }
}

module.exports = { errorOf, productService, readReadEvictRead, story }
