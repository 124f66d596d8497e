import { AsyncLocalStorage } from 'node:async_hooks'
import { type CacheManager, type SharedStoreFactory, type TracedWork, WriteBehind } from 'cachewright'
import { redis } from 'cachewright/redis'
import { eventually } from '../../support/eventually'
import { clusterHouse, redisHouse } from './processes'

const house = redisHouse()
const clusters = clusterHouse()

/** What a manager's tracer is told, as texts. */
function traced(manager: CacheManager): string[] {
  const log: string[] = []
  const textOf = (work: TracedWork): string =>
    work.kind === 'load'
      ? `load ${work.cache} ${work.key}`
      : `${work.command} ${work.cache ?? '-'} ${work.keys.join(' ')}`
  manager.trace((work, run) =>
    run().then(
      () => log.push(textOf(work)),
      (error: { code?: string }) => log.push(`${textOf(work)}: ${error.code}`),
    ),
  )
  return log
}

const lag = (manager: CacheManager): number => manager.stats().shared!.invalidationLagMs!

describe('a tracer', () => {
  test('is told of commands by cache and keys', async () => {
    const manager = house.open()
    await manager.ready()
    const log = traced(manager)
    const cache = manager.cache('c')
    await cache.getOrLoad('a', async () => 1, { tags: () => ['red'] })
    await cache.putMany([
      ['d', 1],
      ['e', 2],
    ])
    await cache.getMany(['x', 'y'])
    await cache.evictTags(['red'])
    await cache.evict('a')
    expect(log).toEqual(
      expect.arrayContaining([
        'lease c t:c:1:{a}',
        'load c a',
        'fill c t:c:1:{a}',
        'putMany c t:c:1:{d} t:c:1:{e}',
        'getMany c t:c:1:{x} t:c:1:{y}',
        'delete c t:c:1:{a}',
        expect.stringMatching(/^raiseMarkers - ./),
      ]),
    )
  })

  test('is told of a command that is not answered in time when the call goes on', async () => {
    const proxy = await house.proxy()
    const manager = house.open({}, { url: proxy.url, commandTimeout: '100ms' })
    await manager.ready()
    const log = traced(manager)
    proxy.hold()
    await expect(manager.cache('c').getOrLoad('a', async () => 'value')).resolves.toBe('value')
    expect(log).toContainEqual(expect.stringMatching(/^lease c t:c:1:\{a\}: CW_SHARED_/))
    expect(log).toContain('load c a')
  })

  test('is told of a command that the store never answers when it is given up', async () => {
    const tier = redis({ url: house.server.url, commandTimeout: '100ms' })
    const shared: SharedStoreFactory = {
      ...tier,
      open: (context) => {
        const store = tier.open(context)
        store.getMany = () => new Promise(() => {})
        return store
      },
    }
    const manager = house.open({ shared })
    const log = traced(manager)
    await expect(manager.cache('c').get('a')).resolves.toBeUndefined()
    expect(log).toContain('getMany c t:c:1:{a}: CW_SHARED_TIMEOUT')
  })

  test('is told of what a call asks of a queue of writes, and not of what its worker does', async () => {
    const manager = house.open()
    await manager.ready()
    const log = traced(manager)
    const written: string[] = []
    class Rows {
      @WriteBehind({ cache: 'rows', key: (row: string) => row, maxDelay: '1ms' })
      async save(rows: readonly string[]): Promise<void> {
        written.push(...rows)
      }
    }
    await manager.bind(new Rows()).save(['a'])
    await manager.writes('rows').flush()
    expect(written).toEqual(['a'])
    expect(log).toContain('offer - a')
    expect(log.filter((text) => /^(?:take|hold|settle|leave)/.test(text))).toEqual([])
  })

  test('is called in the context of the call', async () => {
    const manager = house.open()
    await manager.ready()
    const context = new AsyncLocalStorage<string>()
    const seen = new Set<string>()
    manager.trace((work) => seen.add(`${context.getStore()} ${work.kind === 'load' ? 'load' : work.command}`))
    await context.run('request', () => manager.cache('c').getOrLoad('a', async () => 1))
    expect([...seen].toSorted()).toEqual(['request ensureMarkers', 'request fill', 'request lease', 'request load'])
  })
})

describe('what a manager says of its shared tier', () => {
  test('is nothing where it has none, and an open circuit by its server', async () => {
    const proxy = await house.proxy()
    const manager = house.open({}, { url: proxy.url, commandTimeout: '100ms' })
    await manager.ready()
    expect(manager.stats().shared!.openCircuits).toEqual([])
    const servers = new Set<string>()
    manager.on('circuit', ({ server }) => void servers.add(server))
    proxy.hold()
    await manager.cache('c').get('a')
    await eventually(() => manager.stats().shared!.openCircuits.length === 1)
    expect(manager.stats().shared!.openCircuits).toEqual([...servers])
    proxy.release()
    await eventually(() => manager.stats().shared!.openCircuits.length === 0)
    expect(house.open({ shared: undefined }).stats().shared).toBeUndefined()
  })

  test('is a lag that each heartbeat renews, and that grows while nobody tells', async () => {
    const proxy = await house.proxy()
    const manager = house.open({ maxStaleness: '400ms' }, { url: proxy.url })
    await manager.ready()
    await eventually(() => lag(manager) < 400)
    // The server hears, and is not heard.
    proxy.hold('toClient')
    await eventually(() => lag(manager) > 1_200)
    proxy.release()
    await eventually(() => lag(manager) < 400)
  })

  test('grows from the beginning where nobody has ever told', async () => {
    const another = await house.another()
    const { url } = another
    await another.stop()
    const manager = house.open({}, { url })
    await eventually(() => lag(manager) > 50)
    expect(lag(manager)).toBeLessThan(60_000)
  })

  test('is the lag of the node of a cluster that is furthest behind', async () => {
    const manager = clusters.open()
    await manager.ready()
    await eventually(() => lag(manager) < 1_000)
    const [node] = clusters.cluster.nodes
    node!.freeze()
    try {
      await eventually(() => lag(manager) > 1_500)
    } finally {
      node!.resume()
    }
    await eventually(() => lag(manager) < 1_000, { within: 20_000 })
  }, 60_000)
})
