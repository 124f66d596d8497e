import { type CacheManager, type CachingOptions, createCacheManager } from 'cachewright'
import {
  cacheMatchers,
  ManualClock,
  partitioned,
  recordEvents,
  type SharedMemory,
  settle,
  sharedMemory,
  withoutCaching,
} from 'cachewright/testing'
import { type Product, Shop, type Source } from './shop'

// The same file runs under Jest and under Vitest: see jest.config.cjs and vitest.config.mjs beside it.

expect.extend(cacheMatchers)

class Database implements Source {
  readonly rows = new Map([['lamp', { id: 'lamp', price: 40 }]])
  isDown = false

  async find(id: string): Promise<Product> {
    if (this.isDown) throw new Error('the database is down')
    return this.rows.get(id) ?? { id, price: 0 }
  }

  async save(product: Product): Promise<void> {
    this.rows.set(product.id, product)
  }
}

let clock: ManualClock
let memory: SharedMemory
let database: Database
let managers: CacheManager[]

beforeEach(() => {
  clock = new ManualClock()
  memory = sharedMemory({ clock })
  database = new Database()
  managers = []
})
afterEach(async () => {
  await Promise.all(managers.map((manager) => manager.close()))
})

/** A process of the service, on the shared tier that all of them have. */
async function startShop(options: CachingOptions = {}): Promise<{ shop: Shop; caching: CacheManager }> {
  const caching = createCacheManager({ clock, shared: memory, ...options })
  managers.push(caching)
  await caching.ready()
  return { shop: caching.bind(new Shop(database)), caching }
}

test('a product is loaded once for all who ask', async () => {
  const { shop, caching } = await startShop()
  await Promise.all([shop.product('lamp'), shop.product('lamp'), shop.product('lamp')])
  expect(caching.cache('products')).toHaveLoadedTimes(1)
  await expect(() => shop.product('lamp')).toBeServedFromCache('local')
  await expect(() => shop.product('desk')).not.toBeServedFromCache()
})

test('another process is served what the first one loaded, and sees its changes', async () => {
  const [one, two] = [await startShop(), await startShop()]
  await one.shop.product('lamp')
  await expect(() => two.shop.product('lamp')).toBeServedFromCache('shared')
  await one.shop.change({ id: 'lamp', price: 35 })
  expect(await two.shop.product('lamp')).toEqual({ id: 'lamp', price: 35 })
})

test('a product lives ten minutes', async () => {
  const { shop } = await startShop()
  await shop.product('lamp')
  await clock.advance('9m')
  await expect(() => shop.product('lamp')).toBeServedFromCache()
  await clock.advance('1m')
  await expect(() => shop.product('lamp')).not.toBeServedFromCache()
})

test('when the database is down, an old price is better than none', async () => {
  const { shop, caching } = await startShop()
  await shop.product('lamp')
  await clock.advance('20m')
  const trace = recordEvents(caching)
  database.isDown = true
  expect(await shop.product('lamp')).toEqual({ id: 'lamp', price: 40 })
  expect(trace.lines).toEqual([
    'miss products lamp',
    'loadFailure products lamp: the database is down',
    'stale products lamp (error)',
  ])
})

test('who is cut off from the shared tier sees a change a second late at the most', async () => {
  const cable = partitioned(memory)
  const [here, there] = [await startShop({ shared: cable }), await startShop()]
  await here.shop.product('lamp')
  cable.begin()
  await there.shop.change({ id: 'lamp', price: 35 })
  await clock.advance(1_001)
  expect(await here.shop.product('lamp')).toEqual({ id: 'lamp', price: 35 })
  cable.end()
  await settle()
})

test('cached answers are those of the database', async () => {
  const { shop } = await startShop()
  await shop.product('lamp')
  expect(await shop.product('lamp')).toEqual(await withoutCaching(() => shop.product('lamp')))
})

test('caching is in order', async () => {
  const { shop, caching } = await startShop()
  await shop.product('lamp')
  expect(caching.audit()).toHaveNoFindings()
})
