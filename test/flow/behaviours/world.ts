import { type CacheManager, type CachingOptions, createCacheManager, type SharedStoreFactory } from 'cachewright'
import { redis } from 'cachewright/redis'
import { ManualClock } from 'cachewright/testing'
import { type RedisServer, startRedis } from '../../support/redis-server'

/** Where the entries of a behaviour's test are kept: most behaviours must hold in both places. */
export const places = ['in process', 'on Redis'] as const
export type Place = (typeof places)[number]

/** What a test has: fresh for each, except the server, which is emptied. */
export interface World {
  readonly clock: ManualClock
  readonly caching: CacheManager
  readonly server: RedisServer
  /** For the `manager` option of an operation. */
  readonly manager: () => CacheManager
  /** Another manager of the same caches: another process, where they are shared. Closed after the test. */
  another(options?: CachingOptions): Promise<CacheManager>
}

/** Makes a world by the hooks of the runner. Time stands still in it; only the test moves the clock. */
export function world(place: Place, options: CachingOptions = {}): World {
  let server: RedisServer | undefined
  let shared: SharedStoreFactory | undefined
  let clock: ManualClock
  let caching: CacheManager
  let managers: CacheManager[] = []

  const open = async (its: CachingOptions = {}): Promise<CacheManager> => {
    const manager = createCacheManager({ clock, ...(shared === undefined ? {} : { shared }), ...options, ...its })
    managers.push(manager)
    // What does not answer is a test's own business; no method uses the manager yet.
    await manager.ready()
    return manager
  }

  beforeAll(async () => {
    if (place === 'in process') return
    server = await startRedis()
    shared = redis({ url: server.url })
  })
  afterAll(() => server?.stop())
  beforeEach(async () => {
    if (server !== undefined && !server.running) await server.start()
    await server?.command('FLUSHALL')
    clock = new ManualClock()
    caching = await open()
  })
  afterEach(async () => {
    await Promise.all(managers.map((manager) => manager.close()))
    managers = []
  })
  return {
    get clock() {
      return clock
    },
    get caching() {
      return caching
    },
    get server() {
      if (server === undefined) throw new Error('there is no server in process')
      return server
    },
    manager: () => caching,
    another: open,
  }
}

/** Runs what is expected to make the toolkit warn, and says nothing of it. */
export function quietly(): void {
  jest.spyOn(process, 'emitWarning').mockImplementation()
}
