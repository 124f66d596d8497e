import { type Cache, type CacheManager, createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { type RedisServer, startRedis } from '../../support/redis-server'
import { startProxy } from '../../support/tcp-proxy'
import { told } from './processes'

let server: RedisServer
const managers: CacheManager[] = []

async function node(options: object = {}): Promise<CacheManager> {
  const manager = createCacheManager({ shared: redis({ url: server.url, ...told }), maxStaleness: '30s', ...options })
  managers.push(manager)
  await manager.ready()
  return manager
}

beforeAll(async () => {
  server = await startRedis()
})
afterEach(async () => {
  await Promise.all(managers.splice(0).map((manager) => manager.close()))
  await server.command('FLUSHALL')
})
afterAll(() => server.stop())

test('a watched copy is served without asking, until another process evicts it', async () => {
  const [a, b] = [await node(), await node()]
  await a.cache('c').getOrLoad('k', () => 'old')
  await eventually(async () => {
    await server.resetStats()
    for (let i = 0; i < 10; i++) expect(await a.cache('c').getOrLoad('k', () => 'none')).toBe('old')
    expect(Object.keys(await server.commandStats()).filter((name) => name !== 'ping')).toEqual([])
  })
  await b.cache('c').evict('k')
  await eventually(async () => expect(await a.cache('c').getOrLoad('k', () => 'new')).toBe('new'), { within: 1_000 })
  expect(await b.cache('c').get('k')).toBe('new')
})

test('two processes load a cold key once; the waiter is woken by the fill', async () => {
  const [a, b] = [await node(), await node()]
  const loader = gate<string>()
  let loads = 0
  const load = (): Promise<string> => {
    loads++
    return loader.pass()
  }
  const first = a.cache('c').getOrLoad('k', load)
  await loader.entered
  const second = b.cache('c').getOrLoad('k', load)
  loader.open('value')
  expect(await Promise.all([first, second])).toEqual(['value', 'value'])
  expect(loads).toBe(1)
})

test('a waiter becomes the loader when the holder fails', async () => {
  const [a, b] = [await node(), await node()]
  const loader = gate<string>()
  const first = a.cache('c').getOrLoad('k', () => loader.pass())
  await loader.entered
  const second = b.cache('c').getOrLoad('k', () => 'mine')
  loader.fail(new Error('no'))
  await expect(first).rejects.toThrow('no')
  expect(await second).toBe('mine')
})

// A broadcast comes from the processes of the prefix alone.
if (told.feed === 'tracking') {
  test.each([
    ['DEL', ['DEL', 'cache:c:1:{k}']],
    ['SET', ['SET', 'cache:c:1:{k}', 'foreign']],
    ['FLUSHALL', ['FLUSHALL']],
    ['PEXPIRE', ['PEXPIRE', 'cache:c:1:{k}', '1']],
  ])('a foreign %s is seen', async (_, command) => {
    const a = await node()
    await a.cache('c').getOrLoad('k', () => 'old')
    await server.command(...command)
    await eventually(async () => expect(await a.cache('c').getOrLoad('k', () => 'new')).toBe('new'), { within: 3_000 })
  })
}

test('tags and clear of another process reach watched copies', async () => {
  const [a, b] = [await node(), await node()]
  const read = (value: string) => a.cache('c').getOrLoad('k', () => value, { tags: ['t'] })
  await read('1')
  await b.evictTags(['t'])
  await eventually(async () => expect(await read('2')).toBe('2'), { within: 1_000 })
  await b.cache('c').evictTags(['t'])
  await eventually(async () => expect(await read('3')).toBe('3'), { within: 1_000 })
  await b.cache('c').clear()
  await eventually(async () => expect(await read('4')).toBe('4'), { within: 1_000 })
  await b.clear()
  await eventually(async () => expect(await read('5')).toBe('5'), { within: 1_000 })
})

test.each(['listening', 'data'])('the %s connection killed: copies go, and the feed is armed again', async (which) => {
  const [a, b] = [await node(), await node()]
  await a.cache('c').getOrLoad('k', () => 'old')
  const clients = String(await server.command('CLIENT', 'LIST'))
    .split('\n')
    .filter((line) => line.includes('id='))
  for (const line of clients) {
    const isListener = / sub=1 /.test(line)
    if (isListener === (which === 'listening'))
      await server.command('CLIENT', 'KILL', 'ID', /id=(\d+)/.exec(line)![1]!).catch(() => {})
  }
  await eventually(async () => expect(await b.cache('c').evict('k')).toBeUndefined())
  if (told.feed === 'tracking') await server.command('DEL', 'cache:c:1:{k}')
  await eventually(async () => expect(await a.cache('c').getOrLoad('k', () => 'new')).toBe('new'), { within: 5_000 })
  await eventually(async () => {
    await server.resetStats()
    for (let i = 0; i < 3; i++) await a.cache('c').getOrLoad('k', () => 'x')
    expect(Object.keys(await server.commandStats()).filter((name) => name !== 'ping')).toEqual([])
  })
})

test('connections that fall silent are given up and made anew', async () => {
  const proxy = await startProxy(server.port)
  const a = createCacheManager({ shared: redis({ url: proxy.url, commandTimeout: '50ms', ...told }) })
  managers.push(a)
  await a.ready()
  const before = proxy.accepted
  // What is held stays held; what is connected afterwards passes.
  for (const connection of proxy.connections) connection.hold()
  expect(await a.cache('c').getOrLoad('k', () => 'value')).toBe('value')
  await eventually(() => proxy.accepted >= before + 2, { within: 20_000 })
  await eventually(async () => {
    await a.cache('c').getOrLoad('again', () => 'value')
    expect(await server.command('EXISTS', 'cache:c:1:{again}')).toBe(1)
  })
  await a.close()
  await proxy.close()
}, 40_000)

test('a prefix that the client puts in front of keys does not hide them from the feed', async () => {
  const shared = redis({ url: server.url, keyPrefix: 'mine:', ...told })
  const [a, b] = [await node({ shared }), await node({ shared })]
  const changes: readonly ((cache: Cache) => Promise<void>)[] = [
    (cache) => cache.evict('k'),
    (cache) => cache.put('k', 'put'),
    (cache) => cache.evictTags(['t']),
    (cache) => cache.clear(),
    () => a.clear(),
  ]
  for (const change of changes) {
    for (const manager of [a, b]) await manager.cache('c').getOrLoad('k', () => 'old', { tags: ['t'] })
    await change(a.cache('c'))
    await eventually(async () => expect(await b.cache('c').get('k')).not.toBe('old'), { within: 1_000 })
    await a.cache('c').evict('k')
    await eventually(async () => expect(await b.cache('c').get('k')).toBeUndefined(), { within: 1_000 })
  }
})

test('K8 of a batch with some cached, the others alone are loaded, and the order is kept', async () => {
  const cache = (await node()).cache<string>('c')
  await cache.putMany([
    [2, 'two'],
    [4, 'four'],
  ])
  const ids = [1, 2, 3, 4]
  await server.resetStats()
  const cached = await cache.getMany(ids)
  expect(cached).toEqual([undefined, 'two', undefined, 'four'])
  expect((await server.commandStats()).mget ?? 0).toBeLessThanOrEqual(1)
  const missing = ids.filter((_, index) => cached[index] === undefined)
  await cache.putMany(missing.map((id) => [id, `loaded ${id}`] as const))
  expect(await cache.getMany(ids)).toEqual(['loaded 1', 'two', 'loaded 3', 'four'])
})
