import type { Attributes } from '@opentelemetry/api'
import type { Histogram } from '@opentelemetry/sdk-metrics'
import { type CacheManager, createCacheManager } from 'cachewright'
import { instrument } from 'cachewright/otel'
import { ManualClock } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { redisHouse } from '../redis/processes'
import { telemetry } from './telemetry'

const otel = telemetry()
const house = redisHouse()
const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

function measured(manager: CacheManager, options: Parameters<typeof instrument>[1] = {}): CacheManager {
  ends.push(instrument(manager, { spans: false, ...options }))
  return manager
}

function inMemory(clock = new ManualClock()): CacheManager {
  const manager = createCacheManager({ clock, local: { maxBytes: 1_000_000 } })
  ends.push(() => manager.close())
  return manager
}

/** Points of `cachewright.operations` that are not 0: `operation outcome tier` and the count. */
async function operations(): Promise<Record<string, unknown>> {
  const points = (await otel.points('cachewright.operations')).filter(([, value]) => value !== 0)
  return Object.fromEntries(
    points.map(([its, value]) => [
      ['cache.name', 'operation.name', 'operation.outcome', 'tier'].map((name) => its[`cachewright.${name}`]).join(' '),
      value,
    ]),
  )
}

test('operations are counted by outcome and tier', async () => {
  const manager = measured(inMemory())
  const cache = manager.cache<string>('c')
  await cache.getOrLoad('a', async () => 'value')
  await cache.getOrLoad('a', async () => 'value')
  await cache.getOrLoad('b', () => Promise.reject(new Error('no'))).catch(() => {})
  await cache.put('d', 'value')
  await cache.evict('a')
  expect(await operations()).toEqual({
    'c read hit local': 1,
    'c read miss ': 2,
    'c load success source': 1,
    'c load failure source': 1,
    'c put done ': 1,
    'c evict asked ': 1,
  })
  // Read anew each time, not added up.
  await cache.get('d')
  expect(await operations()).toMatchObject({ 'c read hit local': 2, 'c put done ': 1 })
})

test('what another process has kept is a hit of the shared tier', async () => {
  const [one, two] = [house.open(), measured(house.open())]
  await Promise.all([one.ready(), two.ready()])
  await one.cache('c').put('a', 'value')
  await two.cache('c').get('a')
  expect(await operations()).toMatchObject({ 'c read hit shared': 1 })
})

test('every metric has its unit, and a name by the conventions', async () => {
  const manager = measured(house.open())
  await manager.ready()
  const cache = manager.cache<string>('c')
  const options = { staleWhileRevalidate: '1h' } as const
  await cache.getOrLoad('a', async () => 'value', options)
  await cache.expire('a')
  await cache.getOrLoad('a', async () => 'value', options)
  expect((await otel.instruments()).toSorted()).toEqual([
    'cachewright.circuits.open {server} SUM',
    'cachewright.invalidation.lag s GAUGE',
    'cachewright.journal.length {eviction} SUM',
    'cachewright.load.duration s HISTOGRAM',
    'cachewright.load.time_saved s COUNTER',
    'cachewright.local.entries {entry} SUM',
    'cachewright.local.removals {entry} COUNTER',
    'cachewright.local.size By SUM',
    'cachewright.operations {operation} COUNTER',
    'cachewright.staleness s HISTOGRAM',
  ])
})

test('loads are timed in seconds, those that fail with the type of their error', async () => {
  const clock = new ManualClock()
  const cache = measured(inMemory(clock)).cache<string>('c')
  await cache.getOrLoad('a', async () => {
    clock.jump(1_500)
    return 'value'
  })
  await cache.getOrLoad('b', () => Promise.reject(new RangeError('no'))).catch(() => {})
  const points = await otel.points('cachewright.load.duration')
  const summary = points.map(([its, value]) => [its, (value as Histogram).count, (value as Histogram).sum])
  expect(summary).toEqual([
    [{ 'cachewright.cache.name': 'c' }, 1, 1.5],
    [{ 'cachewright.cache.name': 'c', 'error.type': 'RangeError' }, 1, 0],
  ])
})

test('staleness is how long the life of a value had ended when it was served', async () => {
  const clock = new ManualClock()
  const cache = measured(inMemory(clock)).cache<string>('c')
  const options = { ttl: '1s', staleIfError: '1h' } as const
  await cache.getOrLoad('a', async () => 'old', options)
  clock.jump(61_000)
  await expect(cache.getOrLoad('a', () => Promise.reject(new Error('no')), options)).resolves.toBe('old')
  const [[its, value] = []] = await otel.points('cachewright.staleness')
  expect(its).toEqual({ 'cachewright.cache.name': 'c', 'cachewright.stale.reason': 'error' })
  expect((value as Histogram).sum).toBe(60)
})

test('hits save the time of loads, and entries and their sizes are seen', async () => {
  const clock = new ManualClock()
  const cache = measured(inMemory(clock)).cache<string>('c')
  await cache.getOrLoad('a', async () => {
    clock.jump(250)
    return 'value'
  })
  await cache.get('a')
  await cache.get('a')
  const of = async (name: string): Promise<unknown> => (await otel.points(name))[0]?.[1]
  expect(await of('cachewright.load.time_saved')).toBe(0.5)
  expect(await of('cachewright.local.entries')).toBe(1)
  expect(await of('cachewright.local.size')).toBeGreaterThan(0)
  await cache.evict('a')
  const removed = (await otel.points('cachewright.local.removals')).filter(([, value]) => value !== 0)
  expect(removed).toEqual([[{ 'cachewright.cache.name': 'c', 'cachewright.removal.cause': 'explicit' }, 1]])
})

test('while Redis is away the circuit is open, the journal fills and the lag grows; then all is well again', async () => {
  const proxy = await house.proxy()
  const manager = measured(house.open({}, { url: proxy.url, commandTimeout: '100ms' }))
  await manager.ready()
  const of = async (name: string): Promise<number> => (await otel.points(name))[0]?.[1] as number
  expect(await of('cachewright.circuits.open')).toBe(0)
  expect(await of('cachewright.journal.length')).toBe(0)
  proxy.hold()
  await manager.cache('c').evict('a')
  await eventually(async () => (await of('cachewright.circuits.open')) === 1)
  expect(await of('cachewright.journal.length')).toBe(1)
  await eventually(async () => (await of('cachewright.invalidation.lag')) > 1)
  proxy.release()
  await eventually(async () => (await of('cachewright.circuits.open')) === 0, { within: 15_000 })
  await eventually(async () => (await of('cachewright.journal.length')) === 0, { within: 15_000 })
  await eventually(async () => (await of('cachewright.invalidation.lag')) < 1, { within: 15_000 })
}, 60_000)

test('attributes tell managers apart, and no point carries a key', async () => {
  const names = ['north', 'south']
  const managers = names.map((shop) => measured(inMemory(), { attributes: { shop } }))
  for (const manager of managers) await manager.cache('c').getOrLoad('secret-key', async () => 'value')
  for (const metric of ['cachewright.operations', 'cachewright.load.duration', 'cachewright.local.entries']) {
    const points = await otel.points(metric)
    expect(new Set(points.map(([its]: readonly [Attributes, unknown]) => its.shop))).toEqual(new Set(names))
    expect(JSON.stringify(points)).not.toContain('secret-key')
  }
})

test('who wants spans alone has no metrics, and the other way round', async () => {
  const [spans, numbers] = [inMemory(), inMemory()]
  ends.push(instrument(spans, { metrics: false }), instrument(numbers, { spans: false }))
  await spans.cache('spans').getOrLoad('a', async () => 'value')
  await numbers.cache('numbers').getOrLoad('a', async () => 'value')
  expect(Object.keys(await operations())).toEqual(['numbers read miss ', 'numbers load success source'])
  expect(otel.spans().map(({ name }) => name)).toEqual(['cache load spans'])
})

test('after its end nothing is measured', async () => {
  const manager = measured(inMemory())
  await manager.cache('c').getOrLoad('a', async () => 'value')
  void ends.pop()!()
  await manager.cache('c').getOrLoad('b', async () => 'value')
  expect(await otel.points('cachewright.operations')).toEqual([])
  const [[, value] = []] = await otel.points('cachewright.load.duration')
  expect((value as Histogram).count).toBe(1)
})
