import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CacheManager, createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'
import { ManualClock } from 'cachewright/testing'
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster'
import { type RedisServer, startRedis } from '../../support/redis-server'
import { startProxy, type TcpProxy } from '../../support/tcp-proxy'

// What an operation costs, by the servers' own statistics and by a proxy before them; docs/costs.md says the same.

interface Cost {
  /** Sent by the process. */
  readonly commands: number
  /** Called by scripts. */
  readonly inScripts: number
  /** Flushes that had to wait for the answer to an earlier one. */
  readonly roundTrips: number
}

interface Operation {
  readonly name: string
  /** What is there before; `two` is another process. */
  readonly before?: (one: CacheManager, two: CacheManager) => Promise<unknown>
  readonly act: (one: CacheManager) => Promise<unknown>
  readonly isLocal?: boolean
}

const tagged = { tags: ['x'] }
const many = Array.from({ length: 50 }, (_, id) => `k${id}`)
const load = async (): Promise<string> => 'value'
const unexpected = async (): Promise<string> => {
  throw new Error('this is no hit')
}
const read = (one: CacheManager, options = {}) => one.cache('c').getOrLoad('k', unexpected, options)

const operations: readonly Operation[] = [
  {
    name: 'hit in memory',
    before: (one) => one.cache('c').getOrLoad('k', load),
    act: (one) => read(one),
    isLocal: true,
  },
  {
    name: 'hit in memory, with a tag',
    before: (one) => one.cache('c').getOrLoad('k', load, tagged),
    act: (one) => read(one, tagged),
    isLocal: true,
  },
  { name: 'hit in Redis', before: (_, two) => two.cache('c').put('k', 'value'), act: (one) => read(one) },
  {
    name: 'hit in Redis, with a tag',
    before: async (one, two) => {
      await one.cache('c').getOrLoad('known', load, tagged)
      await two.cache('c').put('k', 'value', tagged)
    },
    act: (one) => read(one, tagged),
  },
  {
    name: 'hit in Redis, with a tag this process has not met',
    before: (_, two) => two.cache('c').put('k', 'value', tagged),
    act: (one) => read(one),
  },
  { name: 'miss and fill', act: (one) => one.cache('c').getOrLoad('k', load) },
  {
    name: 'miss and fill, with a tag',
    before: (one) => one.cache('c').getOrLoad('known', load, tagged),
    act: (one) => one.cache('c').getOrLoad('k', load, tagged),
  },
  { name: 'miss and fill, with a new tag', act: (one) => one.cache('c').getOrLoad('k', load, tagged) },
  { name: 'put', act: (one) => one.cache('c').put('k', 'value') },
  {
    name: 'put, with a tag',
    before: (one) => one.cache('c').put('known', 'value', tagged),
    act: (one) => one.cache('c').put('k', 'value', tagged),
  },
  { name: 'evict', before: (one) => one.cache('c').put('k', 'value'), act: (one) => one.cache('c').evict('k') },
  {
    name: 'evict of a tag',
    before: (one) => one.cache('c').put('k', 'value', tagged),
    act: (one) => one.evictTags(['x']),
  },
  {
    name: 'evict by prefix',
    before: (one) => one.cache('tree').put(['k', 1], 'value'),
    act: (one) => one.cache('tree').evictPrefix('k'),
  },
  { name: 'clear', before: (one) => one.cache('c').put('k', 'value'), act: (one) => one.cache('c').clear() },
  {
    name: 'getMany of 50',
    before: (_, two) => two.cache('c').putMany(many.map((key) => [key, 1] as const)),
    act: async (one) => expect(await one.cache('c').getMany(many)).toEqual(many.map(() => 1)),
  },
  { name: 'putMany of 50', act: (one) => one.cache('c').putMany(many.map((key) => [key, 1] as const)) },
  { name: 'evictMany of 50', act: (one) => one.cache('c').evictMany(many) },
]

// Never called by a script; all else never by the process, except when a connection opens.
const sent = ['evalsha', 'mget', 'getrange', 'scan']

const places = ['one server', 'a cluster of three'] as const

describe.each(places)('on %s', (place) => {
  let server: RedisServer | undefined
  let cluster: RedisCluster | undefined
  const proxies = new Map<number, TcpProxy>()
  const managers: CacheManager[] = []
  let roundTrips = 0
  let isAnswered = true

  const stats = () => (cluster ?? server!).commandStats()

  beforeAll(async () => {
    if (place === 'one server') server = await startRedis()
    else cluster = await startRedisCluster()
    for (const { port } of cluster?.masters ?? [server!]) {
      const proxy = await startProxy(port)
      proxies.set(port, proxy)
      proxy.onData((_, { direction }) => {
        if (direction === 'toServer' && isAnswered) roundTrips++
        isAnswered = direction === 'toClient'
      })
    }
  }, 40_000)
  afterEach(async () => {
    await Promise.all(managers.splice(0).map((manager) => manager.close()))
    if (cluster === undefined) await server!.command('FLUSHALL')
    else await cluster.flushAll()
  })
  afterAll(async () => {
    await Promise.all([...proxies.values()].map((proxy) => proxy.close()))
    await (cluster ?? server!).stop()
  })

  async function open(near: boolean, isLocal = true): Promise<CacheManager> {
    const natMap = (node: string) => {
      const proxy = proxies.get(Number(node.split(':')[1]))
      return proxy === undefined ? null : { host: '127.0.0.1', port: proxy.port }
    }
    const [proxy] = proxies.values()
    const limits = { commandTimeout: '20s' } as const
    const shared = cluster
      ? redis({ cluster: cluster.seeds, ...limits, ...(near ? { natMap } : {}) })
      : redis({ url: near ? proxy!.url : server!.url, ...limits })
    const manager = createCacheManager({
      prefix: 't',
      shared,
      // It stands still: no heartbeat, and nothing is asked for again because it has grown old.
      clock: new ManualClock(),
      caches: { tree: { hierarchical: true } },
      ...(isLocal ? {} : { local: false }),
    })
    managers.push(manager)
    expect(await manager.ready()).toMatchObject({ shared: 'connected' })
    return manager
  }

  async function costOf({ before, act, isLocal = false }: Operation): Promise<Cost> {
    const [one, two] = [await open(true, isLocal), await open(false)]
    // What a process learns once.
    for (const manager of [one, two])
      for (const name of ['c', 'tree']) await manager.cache(name).getOrLoad('warm', load)
    await before?.(one, two)
    // Answers come in order: behind this one nothing is under way.
    await one.cache('c').lookup('nothing')
    await (cluster ?? server!).resetStats()
    roundTrips = 0
    isAnswered = true
    await act(one)
    const cost = { roundTrips }
    const calls = Object.entries(await stats())
    const sum = (isSent: boolean): number =>
      calls.filter(([name]) => sent.includes(name) === isSent).reduce((total, [, count]) => total + count, 0)
    return { ...cost, commands: sum(true), inScripts: sum(false) }
  }

  test.each(operations)('$name costs what docs/costs.md says', async (operation) => {
    const { commands, inScripts, roundTrips } = await costOf(operation)
    expect([commands, inScripts, roundTrips].join(' / ')).toBe(documented(operation.name, places.indexOf(place)))
  })

  test.each<[string, (one: CacheManager) => Promise<unknown>]>([
    ['an evict of a tag', (one) => one.evictTags(['x'])],
    ['a clear of the cache', (one) => one.cache('c').clear()],
    ['a clear', (one) => one.clear()],
  ])(
    '%s costs the same over 10, 1,000 and 20,000 entries',
    async (_what, act) => {
      const costs: Cost[] = []
      for (const count of [10, 1_000, 20_000]) {
        const before = async (one: CacheManager): Promise<void> => {
          for (let from = 0; from < count; from += 2_000) {
            const ids = Array.from({ length: Math.min(2_000, count - from) }, (_, id) => from + id)
            await one.cache('c').putMany(
              ids.map((id) => [id, id] as const),
              tagged,
            )
          }
          expect(await one.cache('c').get(count - 1)).toBe(count - 1)
        }
        const cost = await costOf({ name: '', before, act })
        costs.push(cost)
        expect(
          await managers
            .at(-2)!
            .cache('c')
            .get(count - 1),
        ).toBeUndefined()
      }
      expect(costs).toEqual([costs[0], costs[0], costs[0]])
      expect(costs[0]!.commands).toBeLessThanOrEqual(8)
    },
    60_000,
  )
})

const page = readFileSync(join(__dirname, '../../../docs/costs.md'), 'utf8')
const rows = new Map(
  [...page.matchAll(/^\| (.+?) \| (\d.*?) \| (\d.*?) \|$/gm)].map(([, name, ...cells]) => [name, cells]),
)

function documented(name: string, column: number): string | undefined {
  return rows.get(name)?.[column]
}

test('docs/costs.md has a row for each operation, and no other', () => {
  expect([...rows.keys()]).toEqual(operations.map(({ name }) => name))
})
