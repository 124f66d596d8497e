import { type CacheManager, type CachingOptions, createCacheManager } from 'cachewright'
import { type RedisTierOptions, redis } from 'cachewright/redis'
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster'
import { type RedisServer, startRedis } from '../../support/redis-server'
import { startProxies, startProxy, type TcpProxy } from '../../support/tcp-proxy'

/** How the processes of the tests tell each other; `told-by-broadcast.ts` changes it for the files that are imported after it. */
export const told: { feed: NonNullable<RedisTierOptions['feed']> } = { feed: 'tracking' }

/** A server for all tests of a file, emptied before each, and managers that are closed after each. */
export interface House {
  readonly server: RedisServer
  /** A manager as another process would have it. */
  open(options?: CachingOptions, tier?: RedisTierOptions & { readonly url?: string }): CacheManager
  /** The network before the server, or before another one. */
  proxy(before?: RedisServer): Promise<TcpProxy>
  /** Two processes that are ready; the options are those of the one behind the proxy. */
  pairWithProxy(options?: CachingOptions, tier?: RedisTierOptions): Promise<PairWithProxy>
  /** A server for one test, which may do to it what it likes. */
  another(args?: readonly string[]): Promise<RedisServer>
}

export interface PairWithProxy {
  readonly proxy: TcpProxy
  /** Behind the proxy. */
  readonly one: CacheManager
  readonly two: CacheManager
}

/** Sets the house up with the hooks of the test runner. */
export function redisHouse(args: readonly string[] = []): House {
  let server: RedisServer | undefined
  const managers: CacheManager[] = []
  const proxies: TcpProxy[] = []
  const others: RedisServer[] = []
  beforeAll(async () => {
    server = await startRedis({ args })
  })
  afterAll(() => server?.stop())
  beforeEach(async () => {
    await server!.command('FLUSHALL')
    await server!.resetStats()
  })
  afterEach(async () => {
    await Promise.all(managers.splice(0).map((manager) => manager.close()))
    await Promise.all(proxies.splice(0).map((proxy) => proxy.close()))
    await Promise.all(others.splice(0).map((other) => other.stop()))
  })
  const house: House = {
    get server() {
      return server!
    },
    open(options = {}, tier = {}) {
      const { url = server!.url, ...beside } = tier
      const manager = createCacheManager({ prefix: 't', shared: redis({ url, ...told, ...beside }), ...options })
      managers.push(manager)
      return manager
    },
    async proxy(before = server!) {
      const proxy = await startProxy(before.port)
      proxies.push(proxy)
      return proxy
    },
    async pairWithProxy(options, tier) {
      const proxy = await house.proxy()
      const [one, two] = [house.open(options, { url: proxy.url, ...tier }), house.open()]
      await Promise.all([one.ready(), two.ready()])
      return { proxy, one, two }
    },
    async another(more = []) {
      const other = await startRedis({ args: more })
      others.push(other)
      return other
    },
  }
  return house
}

/** A cluster for all tests of a file or a `describe`, emptied after each, and managers that are closed after each. */
export interface ClusterHouse {
  readonly cluster: RedisCluster
  /** A manager as another process would have it. */
  open(options?: CachingOptions, tier?: RedisTierOptions): CacheManager
  /** The network before each node that there is now, by the node's port. */
  proxies(): Promise<ReadonlyMap<number, TcpProxy>>
}

/** Sets the cluster up with the hooks of the test runner. */
export function clusterHouse(): ClusterHouse {
  let cluster: RedisCluster | undefined
  const managers: CacheManager[] = []
  const proxies: TcpProxy[] = []
  beforeAll(async () => {
    cluster = await startRedisCluster()
  }, 30_000)
  afterAll(() => cluster?.stop())
  afterEach(async () => {
    await Promise.all(managers.splice(0).map((manager) => manager.close()))
    await Promise.all(proxies.splice(0).map((proxy) => proxy.close()))
    await cluster!.flushAll()
  })
  return {
    get cluster() {
      return cluster!
    },
    open(options = {}, tier = {}) {
      const shared = redis({ cluster: cluster!.seeds, ...told, ...tier })
      const manager = createCacheManager({ prefix: 't', shared, ...options })
      managers.push(manager)
      return manager
    },
    async proxies() {
      const all = await startProxies(cluster!.nodes)
      proxies.push(...all.values())
      return all
    },
  }
}

/** The key of `cache.get(<text>)` in Redis, for the prefix of {@link redisHouse} and a text that needs no escape. */
export function keyOf(cache: string, text: string, prefix = 't'): string {
  return `${prefix}:${cache}:1:{${text}}`
}

/** The time that a promise takes. */
export async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** What a test expects to be warned of. */
export function expectWarnings(): void {
  jest.spyOn(process, 'emitWarning').mockImplementation()
}
