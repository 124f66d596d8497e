import { type CacheManager, type CachingOptions, createCacheManager, type SharedStoreFactory } from 'cachewright'
import { redis } from 'cachewright/redis'
import { eventually } from '../../support/eventually'
import { type RedisCluster, slotOf, startRedisCluster } from '../../support/redis-cluster'
import { type RedisSentinel, startSentinel } from '../../support/redis-sentinel'
import { type DataHook, startProxies } from '../../support/tcp-proxy'
import { expectWarnings, keyOf } from './processes'

const managers: CacheManager[] = []
beforeEach(expectWarnings)
afterEach(async () => {
  await Promise.all(managers.splice(0).map((manager) => manager.close()))
})

async function open(shared: SharedStoreFactory, options: CachingOptions = {}): Promise<CacheManager> {
  const manager = createCacheManager({ prefix: 't', shared, ...options })
  managers.push(manager)
  expect(await manager.ready()).toMatchObject({ shared: 'connected' })
  return manager
}

const key = keyOf('c', 'k')
const within = { within: 15_000 }

/** Both processes share a value, and hear of each other's evictions. */
async function expectCoherent(a: CacheManager, b: CacheManager): Promise<void> {
  await eventually(async () => {
    const value = Math.random()
    await a.cache('c').evict('k')
    await a.cache('c').getOrLoad('k', () => value)
    expect(await b.cache('c').getOrLoad('k', () => 'own')).toBe(value)
  }, within)
  await b.cache('c').evict('k')
  await eventually(async () => expect(await a.cache('c').get('k')).toBeUndefined(), { within: 2_000 })
}

describe('a cluster that loses a primary', () => {
  let cluster: RedisCluster
  beforeEach(async () => {
    cluster = await startRedisCluster({ replicas: 1 })
  }, 30_000)
  afterEach(() => cluster.stop())

  test('goes on with the replica that took over; evictions meanwhile are sent to it', async () => {
    const shared = redis({ cluster: cluster.seeds })
    const [a, b] = [await open(shared), await open(shared)]
    await a.cache('c').put('k', 'old')
    await eventually(async () => expect(await b.cache('c').get('k')).toBe('old'), within)
    const primary = await cluster.ownerOf(slotOf(key))
    await eventually(async () => {
      const [replica] = cluster.replicasOf(primary)
      expect(await replica!.command('DBSIZE')).toBe(await primary.command('DBSIZE'))
    })
    await primary.kill()
    // Told to nobody, and the replica still has the value.
    await a.cache('c').evict('k')
    expect(a.stats().deferredEvictions).toBe(1)
    expect(await a.cache('c').getOrLoad('k', () => 'new')).toBe('new')
    await eventually(() => a.stats().deferredEvictions === 0, within)
    await eventually(async () => expect(await b.cache('c').getOrLoad('k', () => 'new')).toBe('new'), within)
    await expectCoherent(a, b)
  }, 40_000)

  test('what the lost primary had acknowledged and not passed on is evicted again', async () => {
    const shared = redis({ cluster: cluster.seeds })
    const [a, b] = [await open(shared), await open(shared, { local: false })]
    await a.cache('c').put('k', 'old')
    const primary = await cluster.ownerOf(slotOf(key))
    const [replica] = cluster.replicasOf(primary)
    await eventually(async () => expect(await replica!.command('DBSIZE')).toBe(await primary.command('DBSIZE')))
    replica!.freeze()
    // What is written to a connection that stands is read from it even after its other end has died.
    await primary.command('CLIENT', 'KILL', 'TYPE', 'replica')
    await a.cache('c').evict('k')
    expect(a.stats().deferredEvictions).toBe(0)
    await primary.kill()
    replica!.resume()
    await eventually(async () => {
      const owner = await cluster.ownerOf(slotOf(key))
      expect(owner).toBe(replica)
    }, within)
    // Asked of the server: a process that does not reach it yet would call its method.
    await eventually(async () => expect(await replica!.command('EXISTS', key)).toBe(0), within)
    await eventually(async () => expect(await b.cache('c').getOrLoad('k', () => 'new')).toBe('new'), within)
  }, 40_000)

  test('G5 what it had acknowledged is evicted again also when a redirection told of its successor first', async () => {
    const shared = redis({ cluster: cluster.seeds, commandTimeout: '3s' })
    const [a, b] = [await open(shared), await open(shared)]
    await b.cache('c').put('k', 'old', { ttl: '1h' })
    await cluster.settled()
    const primary = await cluster.ownerOf(slotOf(key))
    const [replica] = cluster.replicasOf(primary)
    // Its own journal would evict the key again as well.
    await b.close()
    await replica!.command('CONFIG', 'SET', 'masterauth', 'wrong')
    await primary.command('CONFIG', 'SET', 'requirepass', 'secret')
    await eventually(async () => {
      await replica!.command('CLIENT', 'KILL', 'TYPE', 'master').catch(() => {})
      expect(String(await replica!.command('INFO', 'replication'))).toContain('master_link_status:down')
    }, within)
    await a.cache('c').evict('k')
    expect(a.stats().deferredEvictions).toBe(0)
    await replica!.command('CLUSTER', 'FAILOVER', 'TAKEOVER')
    await eventually(async () => {
      await a.cache('c').get('k')
      expect(await replica!.command('EXISTS', key)).toBe(0)
    }, within)
    expect(await a.cache('c').get('k')).toBeUndefined()
  }, 40_000)

  test('a planned takeover is followed, and copies read before are not believed for longer than maxStaleness', async () => {
    const shared = redis({ cluster: cluster.seeds })
    const [a, b] = [await open(shared), await open(shared)]
    await a.cache('c').put('k', 'old')
    await eventually(async () => expect(await b.cache('c').get('k')).toBe('old'), within)
    const [replica] = cluster.replicasOf(await cluster.ownerOf(slotOf(key)))
    await cluster.takeOver(replica!)
    await a.cache('c').evict('k')
    await eventually(async () => expect(await b.cache('c').getOrLoad('k', () => 'new')).toBe('new'), { within: 3_000 })
    await expectCoherent(a, b)
  }, 40_000)
})

test('a cluster that is down answers nothing: methods answer, evictions wait, and it is used again when it is back', async () => {
  const cluster = await startRedisCluster()
  try {
    const a = await open(redis({ cluster: cluster.seeds }))
    await a.cache('c').put('k', 'old')
    const owner = await cluster.ownerOf(slotOf(key))
    const other = cluster.masters.find((node) => node !== owner)!
    await other.kill()
    // The others refuse everything once they have noticed.
    await eventually(async () => {
      await expect(owner.command('GET', key)).rejects.toThrow('CLUSTERDOWN')
    }, within)
    await a.cache('c').evict('k')
    expect(a.stats().deferredEvictions).toBe(1)
    expect(await a.cache('c').getOrLoad('k', () => 'new')).toBe('new')
    await cluster.start(other)
    await cluster.settled()
    await eventually(() => a.stats().deferredEvictions === 0, within)
    await expectCoherent(a, await open(redis({ cluster: cluster.seeds })))
  } finally {
    await Promise.all(managers.splice(0).map((manager) => manager.close()))
    await cluster.stop()
  }
}, 40_000)

describe('sentinels', () => {
  let sentinel: RedisSentinel
  beforeAll(async () => {
    sentinel = await startSentinel()
  }, 40_000)
  afterAll(() => sentinel.stop())
  const shared = (): SharedStoreFactory => redis({ sentinels: sentinel.sentinels, name: sentinel.name })

  test('lead to the primary', async () => {
    const [a, b] = [await open(shared()), await open(shared())]
    await a.cache('c').put('k', 1)
    expect(await b.cache('c').get('k')).toBe(1)
    expect(await (await sentinel.primary()).command('EXISTS', key)).toBe(1)
    await expectCoherent(a, b)
  })

  test.each(['command', 'kill'] as const)(
    'lead to the one that took its place (%s); evictions meanwhile are sent to it',
    async (by) => {
      const [a, b] = [await open(shared()), await open(shared())]
      await a.cache('c').put('k', 'old')
      await eventually(async () => expect(await b.cache('c').get('k')).toBe('old'), within)
      const before = await sentinel.primary()
      const failing = sentinel.failover({ by })
      await a.cache('c').evict('k')
      await failing
      await eventually(() => a.stats().deferredEvictions === 0, within)
      await eventually(async () => expect(await b.cache('c').getOrLoad('k', () => 'new')).toBe('new'), within)
      await expectCoherent(a, b)
      if (by === 'kill') await sentinel.start(before)
      await sentinel.settled()
    },
    60_000,
  )

  test('are heard also by who is asking them for the primary just then', async () => {
    const proxies = await startProxies(sentinel.watchers)
    // The connection by which a process asks, and the one by which it is told, listen to each of them.
    const listeners = 2 * proxies.size
    const heard = { subscribed: 0, asked: 0, switched: 0 }
    let answer = (): void => {}
    const isOver = new Promise<void>((resolve) => {
      answer = resolve
    })
    const hook: DataHook = async (chunk, { direction }) => {
      if (direction === 'toClient') {
        if (chunk.includes('$9\r\nsubscribe')) heard.subscribed++
        if (chunk.includes('$7\r\nmessage')) heard.switched++
      } else if (heard.subscribed >= listeners && chunk.includes('get-master-addr-by-name')) {
        heard.asked++
        await isOver
      }
    }
    try {
      for (const proxy of proxies.values()) proxy.onData(hook)
      const sentinels = [...proxies.values()].map(({ port }) => ({ host: '127.0.0.1', port }))
      const behind = redis({ sentinels, name: sentinel.name, updateSentinels: false })
      const [a, b] = [await open(shared()), await open(behind, { maxStaleness: '30s' })]
      await eventually(() => heard.subscribed >= listeners)
      const before = await sentinel.primary()
      await sentinel.failover({ by: 'kill' })
      expect(heard.asked).toBeGreaterThanOrEqual(2)
      await eventually(() => heard.switched >= 2)
      answer()
      await expectCoherent(b, a)
      await sentinel.start(before)
    } finally {
      answer()
      await Promise.all(managers.splice(0).map((manager) => manager.close()))
      await Promise.all([...proxies.values()].map((proxy) => proxy.close()))
    }
  }, 60_000)
})
