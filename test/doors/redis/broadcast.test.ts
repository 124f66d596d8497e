import type { CacheManager } from 'cachewright'
import { eventually } from '../../support/eventually'
import { expectWarnings, keyOf, redisHouse } from './processes'

const house = redisHouse()
const calm = { maxStaleness: '30s' } as const
const broadcast = { feed: 'broadcast' } as const

async function pair(): Promise<readonly [CacheManager, CacheManager]> {
  const both = [house.open(calm, broadcast), house.open(calm, broadcast)] as const
  for (const manager of both) expect(await manager.ready()).toEqual({ shared: 'connected', warnings: [] })
  return both
}

/** Until the copy is served without asking. */
async function hold(manager: CacheManager, value: unknown): Promise<void> {
  await eventually(async () => {
    await manager.cache('c').getOrLoad('k', () => value)
    const before = manager.cache('c').stats().local.hits
    expect(await manager.cache('c').getOrLoad('k', () => 'none')).toBe(value)
    expect(manager.cache('c').stats().local.hits).toBe(before + 1)
  })
}

describe('the broadcast feed', () => {
  test('asks for no tracking, and its scripts are the same for all processes', async () => {
    const [a, b] = await pair()
    await a.cache('c').put('k', 1, { tags: ['x'] })
    await b.cache('c').evictTags(['x'])
    expect((await house.server.commandStats())['client|tracking']).toBeUndefined()
    const loaded = /number_of_cached_scripts:(\d+)/.exec(String(await house.server.command('INFO', 'memory')))![1]
    await house.open(calm, broadcast).ready()
    expect(String(await house.server.command('INFO', 'memory'))).toContain(`number_of_cached_scripts:${loaded}`)
  })

  test('a process keeps what it wrote itself: its own messages tell it nothing', async () => {
    const [a] = await pair()
    const cache = a.cache('c')
    await cache.put('k', 'last told')
    await hold(a, 'last told')
    await cache.getOrLoad('loaded', () => 1)
    await cache.put('put', 2)
    // When this has arrived, everything before has.
    await house.server.command('DEL', keyOf('c', 'k'))
    await house.server.command('PUBLISH', 't:changes', `- ${keyOf('c', 'k')}`)
    await eventually(async () => expect(await cache.get('k')).toBeUndefined())
    const before = cache.stats().local.hits
    expect(await Promise.all([cache.get('loaded'), cache.get('put')])).toEqual([1, 2])
    expect(cache.stats().local.hits).toBe(before + 2)
  })

  test('an evict is told though the server had lost the entry', async () => {
    const [a, b] = await pair()
    await b.cache('c').put('k', 'old')
    await hold(a, 'old')
    // As eviction by maxmemory does: told to nobody.
    await house.server.command('DEL', keyOf('c', 'k'))
    expect(await a.cache('c').get('k')).toBe('old')
    await b.cache('c').evict('k')
    await eventually(async () => expect(await a.cache('c').get('k')).toBeUndefined(), { within: 1_000 })
  })

  test('another program may tell as well', async () => {
    const [a] = await pair()
    await a.cache('c').put('k', 'old')
    await hold(a, 'old')
    await house.server.command('DEL', keyOf('c', 'k'))
    await house.server.command('PUBLISH', 't:changes', `- ${keyOf('c', 'k')}`)
    await eventually(async () => expect(await a.cache('c').get('k')).toBeUndefined(), { within: 1_000 })
  })
})

describe('processes with different feeds', () => {
  beforeEach(expectWarnings)
  afterEach(() => void jest.restoreAllMocks())

  test('the one that comes second says so at ready(), whichever it is', async () => {
    for (const [first, second] of [
      ['tracking', 'broadcast'],
      ['broadcast', 'tracking'],
    ] as const) {
      await house.server.command('DEL', 't:feed')
      const one = house.open({}, { feed: first })
      expect((await one.ready()).warnings).toEqual([])
      const { warnings } = await house.open({}, { feed: second }).ready()
      expect(warnings).toMatchObject([{ severity: 'warning', subject: 'feed' }])
      expect(warnings[0]!.message).toContain(`This process has \`feed: '${second}'\`, and others of the prefix have`)
      await one.close()
    }
  })

  test('the one that listens to broadcasts notices a later one that tracks, and trusts no copy beyond maxStaleness', async () => {
    const one = house.open({ maxStaleness: '1s' }, broadcast)
    expect((await one.ready()).warnings).toEqual([])
    await one.cache('c').put('k', 'old')
    const other = house.open({}, { feed: 'tracking' })
    await other.ready()
    await other.cache('c').evict('k')
    const evictedAt = performance.now()
    let last = evictedAt
    await eventually(async () => {
      const asked = performance.now()
      if ((await one.cache('c').get('k')) === 'old') last = asked
      return performance.now() - evictedAt > 2_000
    })
    expect(last - evictedAt).toBeLessThan(1_000)
    expect(process.emitWarning).toHaveBeenCalledWith(
      expect.stringContaining("others of the prefix have 'tracking'"),
      expect.objectContaining({ code: 'CW_OPTIONS_CONTRADICT' }),
    )
  })
})
