import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import {
  Cacheable,
  CacheEvict,
  type CacheManager,
  CachePut,
  type CachingOptions,
  type Clock,
  createCacheManager,
} from 'cachewright'
import { redis } from 'cachewright/redis'
import { ManualClock } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { slotOf, startRedisCluster } from '../../support/redis-cluster'
import type { RedisServer } from '../../support/redis-server'
import { expectWarnings, keyOf, redisHouse, timeOf, told } from './processes'

// What close() leaves behind: every call answered, and nothing else.

const house = redisHouse()
const opened: CacheManager[] = []
afterEach(async () => {
  jest.restoreAllMocks()
  // Of a test that failed; else it is closed by now.
  await Promise.all(opened.splice(0).map((manager) => manager.close()))
})

const closeDeadlineMs = 5_000
// A busy machine is slow, but not slower than this.
const slack = 500

/** The machine's time, with a count of the timers that wait. */
class CountingClock implements Clock {
  readonly #pending = new Set<object>()

  now(): number {
    return performance.now()
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    const timer = setTimeout(() => {
      this.#pending.delete(timer)
      callback()
    }, delayMs)
    this.#pending.add(timer)
    return () => {
      this.#pending.delete(timer)
      clearTimeout(timer)
    }
  }

  get pending(): number {
    return this.#pending.size
  }
}

/** The timers of everything that runs in the sandbox of the test, the client of Redis included, whether they keep the process or not. */
function timersOfAll(): ReadonlySet<unknown> {
  const waiting = new Set<unknown>()
  const { setTimeout: set, clearTimeout: clear } = globalThis
  const counted = (callback: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]): NodeJS.Timeout => {
    const timer = set(() => {
      waiting.delete(timer)
      callback(...args)
    }, delayMs)
    waiting.add(timer)
    return timer
  }
  jest.spyOn(globalThis, 'setTimeout').mockImplementation(counted as typeof setTimeout)
  jest.spyOn(globalThis, 'clearTimeout').mockImplementation((timer) => {
    waiting.delete(timer)
    clear(timer)
  })
  return waiting
}

const connections = (): number =>
  process.getActiveResourcesInfo().filter((name) => /^(?:TCP|GetAddrInfo)/.test(name)).length

const listeners = (): Record<string, number> =>
  Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]))

async function clientsOf(server: RedisServer): Promise<number> {
  return String(await server.command('CLIENT', 'LIST'))
    .trim()
    .split('\n').length
}

/** Callers that go on calling, before, while and after the manager is closed, each of whom must get the right answer. */
class Callers {
  readonly #manager: CacheManager
  readonly #find: (id: number) => Promise<string>
  #calls: Promise<void>[] = []
  #isOver = false
  /** How often the method ran. */
  loads = 0
  settled = 0

  constructor(manager: CacheManager) {
    this.#manager = manager
    const callers = this
    class Service {
      @Cacheable({ manager, cache: 'd', key: (id: number) => id, tags: ['x'] })
      async find(id: number): Promise<string> {
        callers.loads++
        await pause(id % 7)
        return `found ${id}`
      }

      @CachePut({ manager, cache: 'd', key: (id: number) => id, tags: ['x'] })
      async save(id: number): Promise<string> {
        return `found ${id}`
      }

      @CacheEvict({ manager, cache: 'd', key: (id: number) => id })
      async remove(id: number): Promise<string> {
        return `removed ${id}`
      }
    }
    const service = new Service()
    this.#find = (id) => service.find(id)
    this.#acts = [
      async (id) => expect(await service.find(id)).toBe(`found ${id}`),
      async (id) => expect(await service.save(id)).toBe(`found ${id}`),
      async (id) => expect(await service.remove(id)).toBe(`removed ${id}`),
      async (id) => {
        const loaded = Promise.all([1, 2, 3].map(() => this.#cache.getOrLoad(id, async () => id, { tags: ['y'] })))
        expect(await loaded).toEqual([id, id, id])
      },
      async (id) => {
        const { signal } = new AbortController()
        expect(await this.#cache.getOrLoad(['signal', id], async () => id, { signal })).toBe(id)
      },
      async (id) => expect(await this.#cache.put(id, id, { tags: ['y'] })).toBeUndefined(),
      async (id) => expect(await this.#cache.evict(id)).toBeUndefined(),
      async (id) => expect(await this.#cache.evictMany([id, id + 1])).toBeUndefined(),
      async (id) => expect([id, undefined]).toContain((await this.#cache.getMany([id, 'absent']))[0]),
      async () => expect(await this.#manager.evictTags(['x'])).toBeUndefined(),
      async () => expect(await this.#cache.clear()).toBeUndefined(),
    ]
  }

  get #cache() {
    return this.#manager.cache<number>('c')
  }

  readonly #acts: readonly ((id: number) => Promise<void>)[]

  /** Makes many calls at once. */
  burst(count: number): void {
    for (let id = 0; id < count; id++) this.#note(this.#acts[id % this.#acts.length]!(id))
  }

  /** Lets some call on, one call after the other, until {@link end}. */
  goOn(callers: number): void {
    for (let caller = 0; caller < callers; caller++) {
      const work = async (): Promise<void> => {
        for (let id = caller; !this.#isOver; id += callers) {
          await this.#acts[id % this.#acts.length]!(id)
          this.settled++
          // Calls after close() are over in the same turn.
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      this.#calls.push(work())
    }
  }

  find(id: number): Promise<string> {
    return this.#find(id)
  }

  /** Resolves when each call was answered as it should; rejects if one was not. */
  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#calls)
  }

  #note(call: Promise<void>): void {
    // Who fails is seen by `end`.
    call.catch(() => {})
    this.#calls.push(call.then(() => void this.settled++))
  }
}

function open(server: RedisServer, options: CachingOptions, commandTimeout = 250): CacheManager {
  const shared = redis({ url: server.url, commandTimeout, ...told })
  const manager = createCacheManager({ prefix: 't', shared, ...options })
  opened.push(manager)
  return manager
}

describe('close() under load', () => {
  test.each<[string, (server: RedisServer) => void, (server: RedisServer) => void]>([
    ['answers', () => {}, () => {}],
    ['was frozen before', (server) => server.freeze(), () => {}],
    ['freezes at that moment', () => {}, (server) => server.freeze()],
  ])(
    'while Redis %s: it ends in time, every call is answered, and nothing is left',
    async (_what, before, meanwhile) => {
      expectWarnings()
      const server = await house.another()
      const [connectionsBefore, listenersBefore] = [connections(), listeners()]
      const timers = timersOfAll()
      const clock = new CountingClock()
      const one = open(server, { clock })
      await one.ready()
      const callers = new Callers(one)
      try {
        callers.goOn(20)
        await eventually(() => callers.settled > 500)
        before(server)
        callers.burst(400)
        meanwhile(server)
        expect(await timeOf(() => one.close())).toBeLessThan(closeDeadlineMs + slack)
        expect(clock.pending).toBe(0)
        const atClose = callers.settled
        await eventually(() => callers.settled > atClose + 1_000)
      } finally {
        await callers.end()
      }
      expect(clock.pending).toBe(0)
      await eventually(() => expect(connections()).toBeLessThanOrEqual(connectionsBefore), { within: 1_000 })
      await eventually(() => expect(timers.size).toBe(0), { within: 1_000 })
      expect(listeners()).toEqual(listenersBefore)
      server.resume()
      // The one who asks.
      await eventually(
        async () =>
          String(await server.command('CLIENT', 'LIST'))
            .trim()
            .split('\n').length === 1,
      )
      callers.loads = 0
      await Promise.all([callers.find(1), callers.find(1)])
      expect(callers.loads).toBe(2)
    },
    30_000,
  )

  test.each(['answers', 'is frozen'])(
    'while Redis %s: a load that hangs is waited for five seconds, and is answered when it ends',
    async (what) => {
      const server = await house.another()
      const clock = new ManualClock()
      const one = open(server, { clock })
      await one.ready()
      const slow = gate<number>()
      const first = one.cache('c').getOrLoad('k', () => slow.pass())
      await slow.entered
      const tagged = one.cache('c').getOrLoad('tagged', () => slow.pass(), { tags: ['x'] })
      await eventually(() => slow.entries === 2)
      if (what === 'is frozen') server.freeze()
      const closed = jest.fn()
      const closing = one.close().then(closed)
      await clock.advance(closeDeadlineMs - 100)
      expect(closed).not.toHaveBeenCalled()
      await clock.advance(100)
      await closing
      // What was on its way to the server ends with the connection.
      await eventually(() => expect(clock.pending).toBe(0), { within: 1_000 })
      slow.open(7)
      expect(await Promise.all([first, tagged])).toEqual([7, 7])
      expect(clock.pending).toBe(0)
    },
  )

  test('answers who joined a load that hangs, and who waits for the load of another process', async () => {
    const clock = new ManualClock()
    const one = open(house.server, { clock })
    const two = house.open()
    await one.ready()
    const [slow, elsewhere] = [gate<string>(), gate<string>()]
    void one.cache('c').getOrLoad('k', () => slow.pass())
    await slow.entered
    void two.cache('c').getOrLoad('l', () => elsewhere.pass())
    await elsewhere.entered
    const joined = one.cache('c').getOrLoad('k', async () => 'own')
    const waiting = one.cache('c').getOrLoad('l', async () => 'own')
    await eventually(() => one.cache('c').stats().shared!.misses >= 1)
    const closing = one.close()
    await clock.advance(closeDeadlineMs)
    await closing
    await clock.advance(30_000)
    expect(await Promise.all([joined, waiting])).toEqual(['own', 'own'])
    expect(clock.pending).toBe(0)
    slow.open('late')
    elsewhere.open('late')
  })

  test('finishes an evict that is to be acknowledged', async () => {
    const clock = new ManualClock()
    const one = open(house.server, { clock }, 60_000)
    await one.ready()
    const evicted = jest.fn()
    void one.cache('c').evict('k', { acknowledged: true }).then(evicted)
    const closed = jest.fn()
    void one.close().then(closed)
    await eventually(async () => {
      await clock.advance(100)
      expect(closed).toHaveBeenCalled()
    })
    expect(evicted).toHaveBeenCalled()
    expect(clock.pending).toBe(0)
  })

  test('sends the evicts that had to wait, as soon as Redis takes them', async () => {
    expectWarnings()
    const server = await house.another()
    // Stands still: only close() sends them again.
    const one = open(server, { clock: new ManualClock() })
    await one.ready()
    await one.cache('c').put('k', 'old')
    await server.command('ACL', 'SETUSER', 'default', '-evalsha')
    await one.cache('c').evict('k')
    await server.command('ACL', 'SETUSER', 'default', '+evalsha')
    expect(one.stats().deferredEvictions).toBe(1)
    expect(await house.open({}, { url: server.url }).cache('c').get('k')).toBe('old')
    await one.close()
    expect(await house.open({}, { url: server.url }).cache('c').get('k')).toBeUndefined()
  })
})

test('close() of a cluster: what is redirected at that moment makes no connection that would stay', async () => {
  const cluster = await startRedisCluster()
  const slot = slotOf(keyOf('c', 'k'))
  const owner = await cluster.ownerOf(slot)
  const proxy = await house.proxy(owner)
  try {
    const natMap = { [`127.0.0.1:${owner.port}`]: { host: '127.0.0.1', port: proxy.port } }
    const shared = redis({ cluster: [proxy.url], natMap, ...told })
    const one = createCacheManager({ prefix: 't', shared, local: false })
    opened.push(one)
    expect((await one.ready()).shared).toBe('connected')
    // Unknown to this process until it is redirected.
    const stranger = await cluster.addMaster()
    await cluster.moveSlot(slot, stranger)
    const asked = new Promise<void>((resolve) => {
      proxy.onData((chunk, { direction }) => {
        if (direction === 'toServer' && chunk.includes(keyOf('c', 'k'))) resolve()
      })
    })
    proxy.hold('toClient')
    const reading = one.cache('c').get('k')
    await asked
    await one.close()
    proxy.release()
    expect(await reading).toBeUndefined()
    // The one who asks.
    await eventually(async () => (await clientsOf(stranger)) === 1, { within: 1_000 })
  } finally {
    await proxy.close()
    await cluster.stop()
  }
}, 60_000)

describe('the process', () => {
  interface Program {
    readonly child: ChildProcessWithoutNullStreams
    readonly ended: Promise<unknown>
    said(): string
  }

  const children: ChildProcessWithoutNullStreams[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  function run(...args: readonly string[]): Program {
    const child = spawn(process.execPath, ['-r', 'esbuild-register', `${__dirname}/keeps.program.ts`, ...args])
    children.push(child)
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
    }
    return { child, ended: once(child, 'close'), said: () => text }
  }

  test('ends by itself where caching is in memory, also when it is never closed', async () => {
    const { child, ended, said } = run()
    await ended
    expect(said()).toBe('kept by: \n')
    expect(child.exitCode).toBe(0)
  }, 20_000)

  test('is kept by the two connections to Redis, and by nothing else, until close()', async () => {
    const { child, ended, said } = run(house.server.url)
    await eventually(() => said() !== '', { within: 15_000 })
    expect(said()).toBe('kept by: TCPSocketWrap TCPSocketWrap\n')
    child.stdin.end()
    expect(await timeOf(() => ended)).toBeLessThan(closeDeadlineMs + 2_000)
    expect(said()).toBe('kept by: TCPSocketWrap TCPSocketWrap\nclosed\n')
    expect(child.exitCode).toBe(0)
  }, 30_000)
})
