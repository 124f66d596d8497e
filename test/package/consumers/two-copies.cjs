const first = require('cachewright')
const second = require('cachewright-second')
const { errorOf, productService, readReadEvictRead } = require('./program.cjs')

async function main() {
  const different = first.Cacheable !== second.Cacheable
  const service = productService(second)
  const known = first.isCacheError(await errorOf(() => service.findById('1')))

  const caching = first.configureCaching({ prefix: 'two', local: { maxEntries: 100 } })
  await caching.ready()
  const loads = await readReadEvictRead(service)
  // An evict of the first copy's class empties what the second one's has cached: it is one cache.
  await productService(first).remove('1')
  loads.push((await service.findById('1')).load)
  await caching.close()
  console.log(JSON.stringify({ different, known, loads }))
}

main()
