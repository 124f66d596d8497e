import { type CachingOptions, createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'
import { ManualClock } from 'cachewright/testing'
import { eventually } from '../support/eventually'
import { gate } from '../support/gate'
import { type RedisServer, startRedis } from '../support/redis-server'

// Every combination of tiers, policies, values, isolation and tags goes through one story; after it the books must
// balance, nothing may be left under way, and every limit must hold.

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

type Options = NonNullable<CachingOptions['defaults']>

const tiers = ['local', 'shared', 'both'] as const
const policies: Readonly<Record<string, Options>> = {
  plain: {},
  'stale while revalidate': { staleWhileRevalidate: '5s' },
  'stale if error': { staleIfError: '5s', staleIfErrorThrottle: '1s' },
  'both kinds of stale': { staleWhileRevalidate: '2s', staleIfError: '5s', staleIfErrorThrottle: '1s' },
  'refresh ahead': { refreshAhead: 0.5 },
  'refresh by chance': { refreshAhead: 'xfetch' },
  timeouts: { staleIfError: '5s', softTimeout: '1s', hardTimeout: '2s' },
  'negative results': { negativeTtl: '5s' },
  'errors as answers': { cacheErrors: { ttl: '2s', include: [RangeError] } },
  limits: { maxConcurrentLoads: 1, maxQueuedLoads: 2, staleIfError: '5s' },
}
const values: Readonly<Record<string, unknown>> = { object: { a: [new Date(0)] }, null: null, undefined: undefined }
const isolations = ['freeze', 'copy', 'share'] as const

const table = tiers.flatMap((tier) =>
  Object.keys(policies).flatMap((policy) =>
    Object.keys(values).flatMap((value) =>
      isolations.flatMap((isolation) => [true, false].map((tagged) => ({ tier, policy, value, isolation, tagged }))),
    ),
  ),
)

test.each(table)('$tier, $policy, $value, $isolation, tagged: $tagged', async ({ tier, policy, value, ...row }) => {
  await server.command('FLUSHALL')
  const clock = new ManualClock()
  const local = tier === 'shared' ? false : { maxEntries: 4, isolation: row.isolation }
  const manager = createCacheManager({
    clock,
    local,
    maxStaleness: '1h',
    defaults: { ttl: '10s', ...policies[policy] },
    ...(tier === 'local' ? {} : { shared: redis({ url: server.url }) }),
  })
  await manager.ready()
  const cache = manager.cache<unknown>('c')
  const given = values[value]
  const books = { reads: 0, loads: 0, failures: 0, evictions: 0 }
  const options = row.tagged ? { tags: ['x'] } : {}
  const load = () => {
    books.loads++
    return given
  }
  const fail = (error: Error) => () => {
    books.failures++
    throw error
  }
  const read = async (key: string, by: () => unknown): Promise<unknown> => {
    books.reads++
    return cache.getOrLoad(key, by, options)
  }
  const settled = () => eventually(() => cache.parts.tiers.loading === 0)

  // Once, and again.
  for (let time = 0; time < 2; time++) expect(await read('a', load)).toEqual(given)
  expect(books.loads).toBe(1)

  // In the second half of its life, and past its end.
  for (const ms of [6_000, 5_000]) {
    clock.jump(ms)
    expect(await read('a', load)).toEqual(given)
    await settled()
  }

  // The source fails: an error, or the value it had.
  clock.jump(11_000)
  const error = new RangeError('source')
  const answer = await read('a', fail(error)).catch((its: unknown) => its)
  await settled()
  const mayStandIn = policy.includes('stale') || policy === 'timeouts' || policy === 'limits'
  if (mayStandIn) expect(answer).toEqual(given)
  else expect(answer).toBe(error)

  // What was evicted does not stand in.
  await (row.tagged ? cache.evictTags(['x']) : cache.evict('a'))
  books.evictions++
  const other = new Error('gone')
  await expect(read('a', fail(other))).rejects.toBe(other)
  expect(await read('a', load)).toEqual(given)

  // Many at once, one key: one load. Many keys: the local tier stays within its limit.
  const slow = gate<unknown>()
  const before = books.loads
  const slowly = () => {
    load()
    return slow.pass()
  }
  const together = [1, 2, 3].map(() => read('b', slowly))
  await slow.entered
  slow.open(given)
  for (const its of await Promise.all(together)) expect(its).toEqual(given)
  expect(books.loads).toBe(before + 1)
  for (let key = 0; key < 8; key++) await read(`n${key}`, load)

  // Callers cannot change each other's value.
  if (value === 'object') {
    const [one, two] = [await read('b', load), await read('b', load)] as { a: unknown[] }[]
    if (tier !== 'shared' || row.isolation === 'freeze') {
      expect(Object.isFrozen(one)).toBe(tier === 'shared' || row.isolation === 'freeze')
    }
    if (tier !== 'shared' && row.isolation === 'copy') expect(one).not.toBe(two)
  }

  await settled()
  const stats = cache.stats()
  expect(stats.loadSuccesses).toBe(books.loads)
  expect(stats.loadFailures).toBe(books.failures)
  expect(stats.evictions).toBe(books.evictions)
  expect(stats.hits + stats.misses + stats.joins).toBe(books.reads)
  expect(stats.local.hits + stats.local.misses).toBe(books.reads)
  if (stats.shared !== undefined) expect(stats.shared.hits + stats.shared.misses).toBe(stats.local.misses - stats.joins)
  expect(stats.local.size).toBeLessThanOrEqual(local === false ? 0 : 4)
  expect([stats.refused, stats.shed, stats.shared?.unreadable ?? 0, stats.shared?.failures ?? 0]).toEqual([0, 0, 0, 0])
  expect(manager.stats().deferredEvictions).toBe(0)

  await manager.close()
  expect(clock.pending).toBe(0)
  if (tier !== 'local') {
    const keys = (await server.command('KEYS', '*')) as string[]
    expect(keys.filter((key) => key.endsWith(':refresh'))).toEqual([])
    for (const key of keys.filter((name) => name.startsWith('cache:c:'))) {
      expect(Number(await server.command('PTTL', key))).toBeGreaterThan(0)
    }
  }
})
