import { type CacheManager, createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'
import { eventually } from '../../support/eventually'
import { type RedisServer, startRedis } from '../../support/redis-server'
import { startProxy, type TcpProxy } from '../../support/tcp-proxy'

// G5: an eviction that could not reach Redis is not lost.

let server: RedisServer
let proxy: TcpProxy
let near: CacheManager
let far: CacheManager

beforeEach(async () => {
  server = await startRedis()
  proxy = await startProxy(server.port)
  near = createCacheManager({ shared: redis({ url: proxy.url, commandTimeout: '100ms' }), maxStaleness: 0 })
  far = createCacheManager({ shared: redis({ url: server.url }), maxStaleness: 0 })
  await Promise.all([near.ready(), far.ready()])
})
afterEach(async () => {
  await Promise.all([near.close(), far.close()])
  await proxy.close()
  await server.stop()
})

const tags = ['t']
const read = (manager: CacheManager, value: string) => manager.cache('c').getOrLoad('k', () => value, { tags })

test.each(['held', 'cut'])('G5 an evict while the way to Redis is %s arrives when it is open again', async (how) => {
  await read(near, 'old')
  if (how === 'held') proxy.hold()
  else {
    proxy.refuse()
    proxy.cut()
  }
  await near.cache('c').evict('k')
  expect(near.stats().deferredEvictions).toBe(1)
  expect(await read(near, 'new')).toBe('new')
  expect(await read(far, 'newer')).toBe('old')

  if (how === 'held') proxy.release()
  else await proxy.accept()
  await eventually(async () => expect(near.stats().deferredEvictions).toBe(0))
  expect(await read(far, 'newer')).toBe('newer')
  expect(await read(near, 'newest')).toBe('newer')
})

test.each([
  ['tags', () => near.evictTags(tags)],
  ['tags of a cache', () => near.cache('c').evictTags(tags)],
  ['a clear of a cache', () => near.cache('c').clear()],
  ['a clear', () => near.clear()],
])('G5 %s evicted while Redis is frozen are evicted when it answers', async (_, evict) => {
  await read(near, 'old')
  server.freeze()
  await evict()
  expect(near.stats().deferredEvictions).toBe(1)
  expect(await read(near, 'new')).toBe('new')
  server.resume()
  await eventually(async () => expect(near.stats().deferredEvictions).toBe(0))
  await eventually(async () => expect(await read(far, 'newer')).toBe('newer'))
})

test('G5 evictions that a restarted server has lost are sent again', async () => {
  await read(near, 'old')
  await read(far, 'x')
  await server.command('SAVE')
  await near.cache('c').evict('k')
  await server.restart()
  await eventually(async () => expect(await server.command('EXISTS', 'cache:c:1:{k}')).toBe(0))
  await eventually(async () => expect(await read(far, 'new')).toBe('new'))
})

test('G5 what is pending is sent before the manager closes', async () => {
  await read(near, 'old')
  server.freeze()
  await near.cache('c').evict('k')
  const closed = near.close()
  server.resume()
  await closed
  expect(await server.command('EXISTS', 'cache:c:1:{k}')).toBe(0)
})
