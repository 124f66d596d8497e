import {
  assertNoFindings,
  type Cache,
  cacheContext,
  configureCaching,
  createCacheManager,
  type DetectedRead,
  type Duration,
  detect,
  type FindingKind,
  milliseconds,
} from 'cachewright'
import { redis } from 'cachewright/redis'

/* What the compiler must accept and refuse of managers and caches. Compiled, never run. */

interface Product {
  readonly id: string
}

declare const product: Product

class Products {
  async find(_id: string): Promise<Product> {
    return product
  }

  static async count(): Promise<number> {
    return 1
  }
}

export async function accepted(): Promise<void> {
  const caching = configureCaching({
    prefix: 'shop',
    local: { maxEntries: 10_000, maxBytes: 1_000_000, ttl: '1m', isolation: 'copy' },
    shared: redis({ url: process.env.REDIS_URL, commandTimeout: '100ms', tls: {} }),
    defaults: { ttl: '5m', ttlJitter: 0.1, partition: () => 'tenant' },
    caches: { products: { ttl: 600_000, local: false, version: 3 }, 'a:b': { version: 'd41d8cd9' } },
    maxStaleness: Number.POSITIVE_INFINITY,
    types: [Date, { type: Map, name: 'map' }],
    clock: { now: () => 0 },
  })
  const cache: Cache<Product> = caching.cache<Product>('products')
  const found: Product | undefined = await cache.get('1')
  await cache.getMany(['1', 2, 3n, null, undefined, ['a', new Date()]])
  await cache.put(['a', { b: 1 }], found ?? product, { ttl: '1h', tags: (its) => [its.id] })
  await cache.putMany(new Map([['1', product]]), { tags: ['t'] })
  const loaded: Product = await cache.getOrLoad('1', (signal) => (signal.aborted ? product : Promise.resolve(product)))
  const lookup = await cache.lookup(loaded.id)
  if (lookup.found) void lookup.value.id
  await cache.put('1', product, { version: (its) => BigInt(its.id) })
  await cache.evict('1', { acknowledged: true })
  await cache.evictPrefix(['user', 7])
  const evicted: number = await cache.evictMatching('user-*')
  void evicted
  redis({ sentinels: [{ host: 'a', port: 26379 }], name: 'mymaster', password: 'x' })
  redis({ cluster: ['a:6379', { host: 'b', port: 6379 }], natMap: {}, tls: {} })
  const off: () => void = caching.on('hit', ({ cache: name, key, tier }) => [name, key, tier === 'local'])
  off()
  const bound: Product = caching.bind(product)
  void bound
  const ttl: Duration = '1.5h'
  milliseconds(ttl, 'ttl')
  redis({ options: { host: 'a' } })
  const detected = await detect(async (detection) => {
    const soFar: readonly DetectedRead[] = detection.reads
    return soFar.length === 0 ? product : loaded
  })
  const result: Product = detected.result
  const ages: (number | undefined)[] = detected.reads.map(({ ageMs }) => ageMs)
  void [result, ages]
  const { steps, evictedBy } = caching.explain(Products, 'find')
  for (const step of steps) if (step.does === 'read') void step.caches.map(({ ttlMs }) => ttlMs ?? 'for ever')
  void [caching.explain(Products, 'count'), caching.explain(new Products(), 'find'), evictedBy[0]?.what === 'put']
  const kind: FindingKind | undefined = caching.audit({ minReads: 5 }).findings[0]?.kind
  assertNoFindings(caching.audit(), ['low-hit-ratio', { kind: kind ?? 'same-key', subject: 'Products.find' }])
  const atOnce: number = (await detect(() => 5)).result
  void atOnce
  await caching.ready().then(({ shared, warnings }) => [shared === 'away', warnings[0]?.severity])
}

export async function refused(): Promise<void> {
  // @ts-expect-error no such option
  configureCaching({ local: { max: 5 } })
  // @ts-expect-error not a duration
  createCacheManager({ defaults: { ttl: '5 minutes' } })
  // @ts-expect-error not a way of isolation
  createCacheManager({ local: { isolation: 'clone' } })
  // @ts-expect-error the version of a cache is a number or a text
  createCacheManager({ caches: { c: { version: new Date() } } })
  // @ts-expect-error not a shared tier
  createCacheManager({ shared: 'redis://localhost' })
  // @ts-expect-error `local` is options or false
  createCacheManager({ local: true })
  // @ts-expect-error an address is needed
  redis({ commandTimeout: '1s' })
  // @ts-expect-error the toolkit has its own
  redis({ url: 'redis://a', commandTimeout: 'soon' })

  // @ts-expect-error sentinels need the name of the primary
  redis({ sentinels: [{ host: 'a' }] })

  const caching = createCacheManager()
  // @ts-expect-error a version is a number, a bigint or a Date
  await caching.cache<Product>('c').put('1', product, { version: (its) => its.id })
  // @ts-expect-error there is no such option
  await caching.cache('c').evict('1', { strict: true })
  // @ts-expect-error there is no such method
  caching.explain(Products, 'fnid')
  // @ts-expect-error nor such an option
  caching.audit({ minRatio: 1 })
  // @ts-expect-error nor such a kind of finding
  assertNoFindings(caching.audit(), ['low-hit-rate'])
  // @ts-expect-error the call of the method has no caches
  void caching.explain(Products, 'find').steps[0]?.caches
  // @ts-expect-error what was read cannot be changed
  ;(await detect(() => 5)).reads.push()
  // @ts-expect-error the result is a number
  const text: string = (await detect(() => 5)).result
  void text
  // @ts-expect-error there is no such event
  caching.on('hits', () => {})
  // @ts-expect-error a hit has no error
  caching.on('hit', ({ error }) => error)
  // @ts-expect-error only objects can be bound
  caching.bind('rows')

  const cache = caching.cache<Product>('products')
  // @ts-expect-error not a product
  await cache.put('1', { name: 'x' })
  // @ts-expect-error not a product
  await cache.getOrLoad('1', async () => 'x')
  // @ts-expect-error a symbol is no key
  await cache.get(Symbol('k'))
  // @ts-expect-error tags are a list
  await cache.evictTags('t')
  // @ts-expect-error instead of an error there is a product
  await cache.getOrLoad('1', async () => product, { fallback: () => 'none' })
  // @ts-expect-error a put loads nothing
  await cache.put('1', product, { hardTimeout: '1s' })
  // @ts-expect-error the previous value may not be there
  void cacheContext<Product>()?.previous.value
  // @ts-expect-error a validator is a text
  cacheContext()?.setValidator(1)
  // @ts-expect-error it may not be there
  const found: Product = await cache.get('1')
  // @ts-expect-error counts are read only
  cache.stats().hits = 0
  void found
  const lookup = await cache.lookup('1')
  // @ts-expect-error a miss has no value
  void lookup.value
}
