import { type CacheManager, createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'
import { Redis } from 'ioredis'
import { failFast, listenOnly } from '../../../src/redis/client-options'
import { eventually } from '../../support/eventually'
import { type RedisSentinel, startSentinel } from '../../support/redis-sentinel'
import { expectWarnings, redisHouse, timeOf, told } from './processes'

// A service that starts before its Redis does, and one whose Redis comes back: nobody has to help.

const house = redisHouse()
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  jest.restoreAllMocks()
})

// A second, and what a busy machine takes for it.
const soonMs = 1_500

/** Answers as if there were no shared tier. */
async function answersAlone(one: CacheManager, within: number): Promise<void> {
  const calls: readonly (readonly [() => Promise<unknown>, unknown])[] = [
    [() => one.cache('c').getOrLoad('alone', async () => 1), 1],
    [() => one.cache('c').getOrLoad('tagged', async () => 2, { tags: ['x'] }), 2],
    [() => one.cache('c').get('absent'), undefined],
    [() => one.cache('c').put('p', 3), undefined],
    [() => one.cache('c').evict('e'), undefined],
    [() => one.evictTags(['x']), undefined],
    [() => one.clear(), undefined],
  ]
  for (const [call, answer] of calls) {
    let given: unknown
    expect(
      await timeOf(async () => {
        given = await call()
      }),
    ).toBeLessThan(within)
    expect(given).toBe(answer)
  }
}

/** Reads what another process has put, and hears of what that one changes, though its copy is good for half a minute. */
async function agree(one: CacheManager, two: CacheManager, within: number): Promise<void> {
  const began = performance.now()
  const left = (): number => Math.max(1, within - (performance.now() - began))
  await eventually(
    async () => {
      // Each time, for the clear that had to wait for the server comes after some of them.
      await two.cache('c').put('seen', 'of two')
      return (await one.cache('c').get('seen')) === 'of two'
    },
    { within: left(), what: 'what another process has put is read' },
  )
  let change = 0
  await eventually(
    async () => {
      const name = `value ${++change}`
      await two.cache('c').put('told', name)
      if ((await one.cache('c').getOrLoad('told', async () => 'own')) !== name) return false
      await two.cache('c').put('told', `${name}, changed`)
      return eventually(async () => (await one.cache('c').get('told')) === `${name}, changed`, { within: 100 })
    },
    { within: left(), what: 'a change of another process is told' },
  )
}

const patient = { maxStaleness: '30s' } as const

describe('a manager that starts while Redis is away', () => {
  test('because it is refused: answers, says so, and is whole within a second of its coming, however long that took', async () => {
    expectWarnings()
    const proxy = await house.proxy()
    proxy.refuse()
    const stock = new Redis(proxy.url, { lazyConnect: true })
    const clients: Redis[] = []
    const duplicate = stock.duplicate.bind(stock)
    jest.spyOn(stock, 'duplicate').mockImplementation((options) => {
      const client = duplicate(options)
      clients.push(client)
      return client
    })
    const one = createCacheManager({ prefix: 't', shared: redis({ client: stock, ...told }), ...patient })
    closing.push(() => one.close())
    // At the end of the growing pauses, where the next attempt is furthest away.
    const attempts = clients.map((client) => {
      const pauses: number[] = []
      client.on('reconnecting', (pause: number) => pauses.push(pause))
      return pauses
    })
    expect(attempts).toHaveLength(2)
    expect((await one.ready()).shared).toBe('away')
    await answersAlone(one, 200)
    await eventually(() => attempts.every((pauses) => pauses.length >= 8), { within: 15_000, what: 'eight attempts' })
    expect(Math.max(...attempts.flat())).toBeLessThanOrEqual(800)
    const two = house.open(patient)
    await two.ready()
    await proxy.accept()
    await agree(one, two, soonMs)
    expect((await one.ready()).shared).toBe('connected')
  }, 30_000)

  test('because it is frozen: answers, says so, and is whole as soon as it goes on', async () => {
    expectWarnings()
    const server = await house.another()
    server.freeze()
    const one = house.open(patient, { url: server.url, commandTimeout: 100 })
    expect((await one.ready()).shared).toBe('away')
    await answersAlone(one, 300)
    server.resume()
    const two = house.open(patient, { url: server.url })
    await two.ready()
    await agree(one, two, soonMs)
    expect((await one.ready()).shared).toBe('connected')
  }, 15_000)

  test('because its machine vanishes during the greeting: connects anew', async () => {
    expectWarnings()
    for (const options of [failFast, listenOnly] as { socketTimeout: number }[]) {
      expect(options.socketTimeout).toBeLessThanOrEqual(10_000)
      jest.replaceProperty(options, 'socketTimeout', 300)
    }
    const proxy = await house.proxy()
    proxy.hold()
    const one = house.open(patient, { url: proxy.url, commandTimeout: 100 })
    await eventually(() => proxy.connections.length === 2)
    for (const connection of proxy.connections) connection.hold()
    proxy.release()
    const two = house.open(patient)
    await two.ready()
    await agree(one, two, 300 + soonMs)
  }, 15_000)
})

describe('a manager whose Redis was away for long', () => {
  test.each(['data', 'listening'])(
    'asks again at least every 0.8 s by its %s connection, and not all at once',
    (which) => {
      const { retryStrategy } = which === 'data' ? failFast : listenOnly
      const pauses = Array.from({ length: 200 }, (_, attempt) => retryStrategy(attempt + 1))
      expect(Math.max(...pauses)).toBeLessThanOrEqual(800)
      expect(Math.min(...pauses.slice(10))).toBeGreaterThanOrEqual(400)
      // Spread: a fleet does not come back in one moment.
      expect(new Set(pauses.slice(10)).size).toBeGreaterThan(100)
    },
  )
})

const connections = (): number =>
  process.getActiveResourcesInfo().filter((name) => /^(?:TCP|GetAddrInfo)/.test(name)).length

describe('with sentinels that are frozen', () => {
  let sentinel: RedisSentinel
  beforeEach(async () => {
    sentinel = await startSentinel({ replicas: 0 })
  }, 60_000)
  afterEach(() => sentinel.stop())

  function open(): CacheManager {
    const one = createCacheManager({ shared: redis({ sentinels: sentinel.sentinels, name: sentinel.name, ...told }) })
    closing.push(() => one.close())
    return one
  }

  test('the first of them: the next one leads to the primary', async () => {
    expectWarnings()
    sentinel.watchers[0]!.freeze()
    const one = open()
    await one.ready()
    await eventually(async () => (await one.ready()).shared === 'connected', { within: 5_000 })
  }, 30_000)

  test('all of them: close() leaves no connection that would keep the process', async () => {
    expectWarnings()
    const before = connections()
    for (const watcher of sentinel.watchers) watcher.freeze()
    const one = open()
    expect((await one.ready()).shared).toBe('away')
    expect(await timeOf(() => one.cache('c').getOrLoad('a', async () => 1))).toBeLessThan(600)
    expect(connections()).toBeGreaterThan(before)
    await one.close()
    await eventually(() => connections() <= before, { within: 5_000, what: 'no connection is left' })
  }, 30_000)
})
