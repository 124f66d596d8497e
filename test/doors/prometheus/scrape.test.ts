import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CacheManager, createCacheManager } from 'cachewright'
import { collectMetrics } from 'cachewright/prometheus'
import { ManualClock } from 'cachewright/testing'
import { Registry } from 'prom-client'
import { eventually } from '../../support/eventually'
import { redisHouse } from '../redis/processes'

const house = redisHouse()
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function open(clock = new ManualClock()): CacheManager {
  const manager = createCacheManager({ clock, local: { maxBytes: 1_000_000 } })
  ends.push(() => manager.close())
  return manager
}

/** What a scrape of the registry answers, over HTTP. */
async function scrape(registry: Registry): Promise<string> {
  const server: Server = createServer(async (_request, response) => {
    response.setHeader('content-type', registry.contentType)
    response.end(await registry.metrics())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)).text()
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Lines of a scrape that begin so, but for those that say 0. */
const lines = (text: string, begin: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(begin) && !line.endsWith(' 0'))

test('a scrape has the counts as they are then', async () => {
  const registry = new Registry()
  const manager = open()
  ends.push(collectMetrics(manager, { registry }))
  const cache = manager.cache<string>('c')
  await cache.getOrLoad('a', async () => 'value')
  await cache.getOrLoad('a', async () => 'value')
  await cache.getOrLoad('b', () => Promise.reject(new Error('no'))).catch(() => {})
  await cache.put('d', 'value')
  await cache.evict('a')
  await scrape(registry)
  const text = await scrape(registry)
  expect(lines(text, 'cachewright_operations_total')).toEqual([
    'cachewright_operations_total{cache="c",operation="read",outcome="hit",tier="local"} 1',
    'cachewright_operations_total{cache="c",operation="read",outcome="miss"} 2',
    'cachewright_operations_total{cache="c",operation="load",outcome="success",tier="source"} 1',
    'cachewright_operations_total{cache="c",operation="load",outcome="failure",tier="source"} 1',
    'cachewright_operations_total{cache="c",operation="put",outcome="done"} 1',
    'cachewright_operations_total{cache="c",operation="evict",outcome="asked"} 1',
  ])
  expect(lines(text, 'cachewright_local_entries')).toEqual(['cachewright_local_entries{cache="c"} 1'])
  expect(lines(text, 'cachewright_local_removals_total')).toEqual([
    'cachewright_local_removals_total{cache="c",cause="explicit"} 1',
  ])
})

test('loads and staleness are histograms of seconds', async () => {
  const registry = new Registry()
  const clock = new ManualClock()
  const manager = open(clock)
  ends.push(collectMetrics(manager, { registry }))
  const cache = manager.cache<string>('c')
  const options = { ttl: '1s', staleIfError: '1h' } as const
  await cache.getOrLoad(
    'a',
    async () => {
      clock.jump(250)
      return 'old'
    },
    options,
  )
  await cache.get('a')
  clock.jump(60_750)
  await expect(cache.getOrLoad('a', () => Promise.reject(new Error('no')), options)).resolves.toBe('old')
  const text = await scrape(registry)
  expect(text).toContain('cachewright_load_duration_seconds_sum{cache="c",outcome="success"} 0.25\n')
  expect(text).toContain('cachewright_load_duration_seconds_bucket{le="0.1",cache="c",outcome="success"} 0\n')
  expect(text).toContain('cachewright_load_duration_seconds_bucket{le="0.5",cache="c",outcome="success"} 1\n')
  expect(text).toContain('cachewright_load_duration_seconds_count{cache="c",outcome="failure"} 1\n')
  expect(text).toContain('cachewright_staleness_seconds_sum{cache="c",reason="error"} 59.75\n')
  expect(text).toContain('cachewright_load_time_saved_seconds_total{cache="c"} 0.25\n')
})

test('no key is told', async () => {
  const registry = new Registry()
  const manager = open()
  ends.push(collectMetrics(manager, { registry }))
  await manager.cache('c').getOrLoad('secret-key', async () => 'value')
  expect(await scrape(registry)).not.toContain('secret-key')
})

test('managers of one registry are told apart by labels, and add up where they are not', async () => {
  const registry = new Registry()
  const managers = [open(), open(), open()]
  const shops = ['north', 'south', 'south']
  for (const [index, manager] of managers.entries()) {
    ends.push(collectMetrics(manager, { registry, labels: { shop: shops[index]! } }))
    await manager.cache('c').getOrLoad('a', async () => 'value')
  }
  expect(lines(await scrape(registry), 'cachewright_local_entries')).toEqual([
    'cachewright_local_entries{shop="north",cache="c"} 1',
    'cachewright_local_entries{shop="south",cache="c"} 2',
  ])
  const others = (): unknown => collectMetrics(open(), { registry, labels: { region: 'west' } })
  expect(others).toThrow(expect.objectContaining({ code: 'CW_OPTIONS_CONTRADICT' }))
})

test('of the shared tier is told where there is one; of two managers the greater lag', async () => {
  const registry = new Registry()
  ends.push(collectMetrics(open(), { registry }))
  expect(await scrape(registry)).not.toMatch(/^cachewright_(?:circuits_open|journal_length|invalidation_lag_seconds) /m)
  const [near, far] = [house.open(), house.open({}, { url: 'redis://127.0.0.1:1' })]
  await near.ready()
  for (const manager of [near, far]) ends.push(collectMetrics(manager, { registry }))
  await eventually(() => far.stats().shared!.invalidationLagMs! > 1_500)
  const text = await scrape(registry)
  expect(text).toMatch(/^cachewright_circuits_open 0$/m)
  const [, lag] = /^cachewright_invalidation_lag_seconds (\S+)$/m.exec(text)!
  const both = [near, far].map((manager) => manager.stats().shared!.invalidationLagMs! / 1_000)
  expect(Number(lag)).toBeGreaterThan(both[0]!)
  expect(Number(lag)).toBeLessThanOrEqual(both[1]!)
})

describe('what cannot be is refused', () => {
  const refused: readonly [string, unknown, object][] = [
    ['no manager', {}, { code: 'CW_OPTION_INVALID' }],
    ['an option there is not', { registri: 1 }, { code: 'CW_OPTION_UNKNOWN', message: /Did you mean `registry`/ }],
    [
      'what is no registry',
      { registry: {} },
      { code: 'CW_OPTION_INVALID', message: /`registry` must be a `Registry`/ },
    ],
    ['a label of ours', { labels: { cache: 'c' } }, { code: 'CW_OPTION_INVALID', message: /`labels` must be/ }],
    ['a label that is no name', { labels: { 'a-b': 'c' } }, { code: 'CW_OPTION_INVALID', message: /`labels` must be/ }],
    ['a label that is no text', { labels: { a: 1 } }, { code: 'CW_OPTION_INVALID', message: /`labels` must be/ }],
  ]
  test.each(refused)('%s', (what, options, { code, message }: { code?: string; message?: RegExp }) => {
    const manager = what === 'no manager' ? ({} as CacheManager) : open()
    expect(() => collectMetrics(manager, options as object)).toThrow(
      expect.objectContaining({ code, ...(message && { message: expect.stringMatching(message) as string }) }),
    )
  })
})

test('a manager that is taken out is not told of, and the registry can be used again', async () => {
  const registry = new Registry()
  const [one, two] = [open(), open()]
  await one.cache('first').put('a', 1)
  await two.cache('second').put('a', 1)
  const [endOne, endTwo] = [collectMetrics(one, { registry }), collectMetrics(two, { registry })]
  endOne()
  endOne()
  expect(lines(await scrape(registry), 'cachewright_local_entries')).toEqual([
    'cachewright_local_entries{cache="second"} 1',
  ])
  endTwo()
  expect(await scrape(registry)).not.toContain('cachewright')
  ends.push(collectMetrics(one, { registry, labels: { shop: 'north' } }))
  expect(await scrape(registry)).toContain('cachewright_local_entries{shop="north",cache="first"} 1')
})

test('a registry of OpenMetrics has each counter once by its name', async () => {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const manager = open()
  ends.push(collectMetrics(manager, { registry: registry as unknown as Registry }))
  await manager.cache('c').put('a', 1)
  expect(await scrape(registry as unknown as Registry)).toContain(
    'cachewright_operations_total{cache="c",operation="put",outcome="done"} 1\n',
  )
})
