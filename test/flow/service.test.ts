import { Cacheable, CacheEvict, CacheKey, type CacheManager, CachePut, Caching, createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'
import { type RedisServer, startRedis } from '../support/redis-server'

let caching: CacheManager
class Products {
  loads = 0
  rows = new Map<string, { id: string; name: string; at: Date }>()
  @Cacheable({ cache: 'products', manager: () => caching, tags: (p) => [`c:${p.name}`] })
  async find(@CacheKey() id: string, _trace?: object) {
    this.loads++
    return this.rows.get(id) ?? { id, name: 'none', at: new Date(5) }
  }
  @CachePut({ cache: 'products', key: (p: { id: string }) => p.id, manager: () => caching })
  async save(p: { id: string; name: string; at: Date }) {
    this.rows.set(p.id, p)
    return p
  }
  @CacheEvict({ cache: 'products', manager: () => caching })
  async remove(id: string) {
    this.rows.delete(id)
  }
  @Caching({ evict: [{ cache: 'products', tags: (name: string) => [`c:${name}`], manager: () => caching }] })
  async tag(_name: string) {}
}
async function scenario() {
  const s = new Products()
  const a = await s.find('1')
  expect(await s.find('1', {})).toEqual(a)
  expect(s.loads).toBe(1)
  await s.save({ id: '1', name: 'x', at: new Date(7) })
  expect((await s.find('1')).name).toBe('x')
  expect(s.loads).toBe(1)
  await s.remove('1')
  expect((await s.find('1')).name).toBe('none')
  expect(s.loads).toBe(2)
  await s.find('1')
  await s.tag('none')
  await s.find('1')
  expect(s.loads).toBe(3)
  await caching.clear()
  await s.find('1')
  expect(s.loads).toBe(4)
  return s
}
test('local', async () => {
  caching = createCacheManager({})
  caching.on('superseded', (e) => console.log(e))
  await scenario()
  await caching.close()
})
describe('redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  test.each([true, false])('two tiers, ready %s', async (ready) => {
    caching = createCacheManager({ prefix: `p${ready}`, shared: redis({ url: server.url }) })
    for (const e of ['sharedFailure', 'superseded', 'unreadable', 'refused', 'skipped'] as const)
      caching.on(e, (x) => console.log(e, x))
    if (ready) expect(await caching.ready()).toEqual({ shared: 'connected', warnings: [] })
    const s = await scenario()
    const other = caching
    caching = createCacheManager({ prefix: `p${ready}`, shared: redis({ url: server.url }) })
    await s.find('1')
    expect(s.loads).toBe(4)
    console.log(JSON.stringify(caching.stats().caches.products), await server.command('KEYS', '*'))
    await caching.close()
    await other.close()
  })
})
