import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CacheManager, ReadyReport } from 'cachewright'
import { Redis } from 'ioredis'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { clusterHouse, expectWarnings, keyOf, redisHouse, told } from './processes'

const house = redisHouse()
beforeEach(expectWarnings)
afterEach(() => void jest.restoreAllMocks())

const docs = readFileSync(join(__dirname, '../../../docs/protocol.md'), 'utf8')
/** The rules of the documentation, for the prefix of the tests. */
const minimal = /ACL SETUSER shop on >password ([^`]*)```/.exec(docs)![1]!.replaceAll('shop:', 't:').trim().split(/\s+/)
const broadcast = [...minimal.filter((rule) => !/^&|client/.test(rule)), '&t:changes', '+publish']

interface Opened {
  readonly manager: CacheManager
  readonly report: ReadyReport
}

/** A manager whose user has these rules and no others. */
async function openAs(rules: readonly string[], tier: Parameters<typeof house.open>[1] = {}): Promise<Opened> {
  await house.server.command('ACL', 'SETUSER', 'limited', 'reset', 'on', '>secret', ...rules)
  const url = house.server.url.replace('//', '//limited:secret@')
  const manager = house.open({ maxStaleness: 200 }, { ...told, ...tier, url })
  return { manager, report: await manager.ready() }
}

/** Calls are answered; and what another process evicts is not served longer than maxStaleness. */
async function expectHonest(limited: CacheManager): Promise<void> {
  const other = house.open({}, told)
  const cache = limited.cache('c')
  expect(await cache.getOrLoad('a', () => 'old', { tags: ['x'] })).toBe('old')
  expect(await cache.getOrLoad('a', () => 'old', { tags: ['x'] })).toBe('old')
  await other.cache('c').getOrLoad('a', () => 'old', { tags: ['x'] })
  await cache.getOrLoad('a', () => 'old', { tags: ['x'] })
  await other.cache('c').evict('a')
  const evictedAt = performance.now()
  await eventually(() => performance.now() - evictedAt > 210)
  expect(await cache.getOrLoad('a', () => 'new', { tags: ['x'] })).toBe('new')
  // Its own changes it never takes back.
  await cache.put('a', 'put', { tags: ['x'] })
  expect(['put', undefined]).toContain(await cache.get('a'))
  await cache.evict('a')
  expect(await cache.get('a')).toBeUndefined()
  await cache.put('a', 'put', { tags: ['x'] })
  await limited.evictTags(['x'])
  expect(await cache.get('a')).toBeUndefined()
  await limited.clear()
}

describe.each([
  ['tracking', minimal],
  ['broadcast', broadcast],
] as const)('the documented permissions for the %s feed', (feed, rules) => {
  beforeAll(() => {
    told.feed = feed
  })
  afterAll(() => {
    told.feed = 'tracking'
  })

  test('are enough', async () => {
    await house.server.command('ACL', 'LOG', 'RESET')
    const { manager, report } = await openAs(rules)
    expect(report).toEqual({ shared: 'connected', warnings: [] })
    const other = house.open()
    const slow = gate<string>()
    const load = manager.cache('c').getOrLoad('slow', () => slow.pass(), { ttl: Infinity, tags: ['y'] })
    await slow.entered
    const waiting = other.cache('c').getOrLoad('slow', () => 'own')
    slow.open('value')
    expect(await Promise.all([load, waiting])).toEqual(['value', 'value'])
    await expect(manager.cache('c').getOrLoad('fails', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await expectHonest(manager)
    expect(manager.stats().deferredEvictions).toBe(0)
    const said = (await house.server.command('ACL', 'LOG')) as unknown[][]
    // What the client says of itself may be refused.
    expect(said.map((entry) => entry[entry.indexOf('object') + 1]).filter((it) => it !== 'client|setinfo')).toEqual([])
  })

  test.each(rules)('%s: without it ready() says so, calls are answered and nothing is stale', async (rule) => {
    const { manager, report } = await openAs(rules.filter((other) => other !== rule))
    expect(report.shared).toBe('connected')
    const subjects = report.warnings.map(({ subject }) => subject)
    const expected = rule.startsWith('~')
      ? 'keys t:…:1:{…}'
      : rule.startsWith('&')
        ? `channel ${rule.slice(1)}`
        : rule.slice(1).replace('|', ' ').toUpperCase()
    expect(subjects.join()).toContain(expected.replace(':1:', ':'))
    expect(report.warnings.map(({ message }) => message).join()).toContain(`Grant \`${rule}\``)
    await expectHonest(manager)
  })
})

test('a process that may not publish waits for no load of others, and leaves no lease to them', async () => {
  const { manager } = await openAs(
    broadcast.filter((rule) => rule !== '+publish'),
    { feed: 'broadcast' },
  )
  const other = house.open({}, { feed: 'broadcast' })
  const slow = gate<string>()
  const load = other.cache('c').getOrLoad('theirs', () => slow.pass())
  await slow.entered
  expect(await manager.cache('c').getOrLoad('theirs', () => 'own')).toBe('own')
  slow.open('value')
  expect(await load).toBe('value')
  expect(await manager.cache('c').getOrLoad('own', () => 1)).toBe(1)
  await eventually(async () => expect(await house.server.command('EXISTS', keyOf('c', 'own'))).toBe(0))
})

test('without INFO two connections may lead to two servers, so no notices are asked for', async () => {
  const { manager } = await openAs(minimal.filter((rule) => rule !== '+info'))
  await manager.cache('c').put('a', 1)
  expect((await house.server.commandStats())['client|tracking']).toBeUndefined()
})

test('where tracking is refused, both remedies are named', async () => {
  const { report } = await openAs(minimal.filter((rule) => rule !== '+client|tracking'))
  expect(report.warnings.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /served for `maxStaleness`.*Grant `\+client\|tracking`.*or give all processes.*feed: 'broadcast'/,
    ),
  ])
})

test('the probe leaves nothing behind', async () => {
  const before = await house.server.command('DBSIZE')
  await house.open().ready()
  expect((await house.server.command('KEYS', '*')) as string[]).toEqual(['t:feed'])
  expect(before).toBe(0)
})

test('keys that are granted too narrowly are named by their form', async () => {
  const { manager, report } = await openAs([...minimal.filter((rule) => !rule.startsWith('~')), '~t:c:*', '~t:probe:*'])
  expect(report.warnings.map(({ subject }) => subject)).toEqual(['keys t:tag:{…}', 'keys t:counter', 'keys t:feed'])
  await expectHonest(manager)
})

test.each(['SCRIPT', 'EVALSHA', 'CLIENT'])('a server that has no %s: named, and calls are answered', async (name) => {
  const server = await house.another(['--rename-command', name, ''])
  const manager = house.open({}, { url: server.url })
  const { shared, warnings } = await manager.ready()
  expect(shared).toBe('connected')
  expect(warnings.map(({ subject }) => subject).join()).toContain(name)
  expect(warnings.map(({ message }) => message).join()).toMatch(/does not have/)
  expect(await manager.cache('c').getOrLoad('a', () => 1)).toBe(1)
  await manager.cache('c').evict('a')
  expect(await manager.cache('c').get('a')).toBeUndefined()
})

test('a full server keeps nothing new: calls are answered, and evictions go through', async () => {
  const server = await house.another(['--maxmemory-policy', 'noeviction'])
  const [one, two] = [house.open({}, { url: server.url }), house.open({}, { url: server.url })]
  await one.cache('c').put('a', 'old', { tags: ['x'] })
  await one.cache('c').put('b', 'old', { tags: ['x'] })
  expect(await two.cache('c').getMany(['a', 'b'])).toEqual(['old', 'old'])
  await server.command('CONFIG', 'SET', 'maxmemory', '1')
  const late = house.open({ local: false }, { url: server.url })
  const { warnings } = await late.ready()
  expect(warnings).toMatchObject([{ subject: 'OOM', message: expect.stringMatching(/nothing new is kept.*maxmemory/) }])
  expect(await late.cache('c').getOrLoad('new', () => 1)).toBe(1)
  expect(await late.cache('c').get('a')).toBe('old')
  await two.cache('c').evict('a')
  await one.evictTags(['x'])
  expect(one.stats().deferredEvictions + two.stats().deferredEvictions).toBe(0)
  await eventually(async () => {
    for (const manager of [one, two, late]) {
      expect(await manager.cache('c').getMany(['a', 'b'])).toEqual([undefined, undefined])
    }
  })
})

describe('another database', () => {
  test('holds the keys; evicts and flushes in it are seen', async () => {
    const tier = { db: 3 }
    const [one, two] = [house.open({ maxStaleness: '30s' }, tier), house.open({ maxStaleness: '30s' }, tier)]
    expect(await one.ready()).toEqual({ shared: 'connected', warnings: [] })
    const there = new Redis(house.server.url, { db: 3 })
    const changes: readonly (() => Promise<unknown>)[] = [
      () => two.cache('c').evict('a'),
      () => there.del(keyOf('c', 'a')),
      () => there.flushdb(),
      () => house.server.command('FLUSHALL'),
    ]
    for (const change of changes) {
      await eventually(async () => {
        await one.cache('c').put('a', 'old')
        expect(await one.cache('c').get('a')).toBe('old')
      })
      expect(await there.exists(keyOf('c', 'a'))).toBe(1)
      await change()
      await eventually(async () => expect(await one.cache('c').get('a')).toBeUndefined(), { within: 1_000 })
    }
    expect(await house.server.command('DBSIZE')).toBe(0)
    there.disconnect()
  })

  test('that the server does not have is refused by name, not replaced by another one', async () => {
    const one = house.open({}, { db: 99 })
    const failures: unknown[] = []
    one.on('sharedFailure', ({ error }) => failures.push(error))
    expect((await one.ready()).shared).toBe('away')
    expect(String(failures)).toMatch(/refuses database 99 \(.*out of range/)
    expect(await one.cache('c').getOrLoad('a', () => 1)).toBe(1)
    expect(await house.server.command('DBSIZE')).toBe(0)
  })
})

test.each(['tracking', 'broadcast'] as const)('a keyPrefix stands in patterns and channels (%s)', async (feed) => {
  const rules = (feed === 'tracking' ? minimal : broadcast).map((rule) => rule.replace(/^([~&])t:/, '$1mine:t:'))
  const { manager, report } = await openAs(rules, { keyPrefix: 'mine:', feed })
  expect(report).toEqual({ shared: 'connected', warnings: [] })
  await manager.cache('c').put('a', 1)
  expect(await house.server.command('EXISTS', `mine:${keyOf('c', 'a')}`)).toBe(1)
  const { report: narrow } = await openAs([...rules.filter((rule) => !rule.startsWith('~')), '~t:*'], {
    keyPrefix: 'mine:',
    feed,
  })
  expect(narrow.warnings.map(({ message }) => message).join()).toContain('Grant `~mine:t:*`')
})

describe('in a cluster', () => {
  const clustered = clusterHouse()
  const rules = [...minimal, '+cluster|slots', '+asking']
  async function openAs(rulesAt: (index: number) => readonly string[]): Promise<Opened> {
    for (const [index, node] of clustered.cluster.masters.entries()) {
      await node.command('ACL', 'SETUSER', 'limited', 'reset', 'on', '>secret', ...rulesAt(index))
    }
    const manager = clustered.open({}, { username: 'limited', password: 'secret' })
    return { manager, report: await manager.ready() }
  }

  test('the documented permissions are enough', async () => {
    const { manager, report } = await openAs(() => rules)
    expect(report).toEqual({ shared: 'connected', warnings: [] })
    await manager.cache('c').putMany(
      Array.from({ length: 30 }, (_, id) => [id, id] as const),
      { tags: ['x'] },
    )
    await manager.clear()
    expect(manager.stats().deferredEvictions).toBe(0)
  })

  test.each(['+asking', '+client|tracking', '+set', '~t:*'])('a node that refuses %s is named', async (rule) => {
    const { report } = await openAs((index) => (index === 1 ? rules.filter((other) => other !== rule) : rules))
    expect(report.warnings.length).toBeGreaterThan(0)
    for (const { message } of report.warnings) {
      expect(message).toMatch(new RegExp(`^At 127\\.0\\.0\\.1:${clustered.cluster.masters[1]!.port}: `))
      expect(message).toContain(`Grant \`${rule}\``)
    }
  })

  test('that refuses CLUSTER SLOTS is away, and says why', async () => {
    const { report } = await openAs(() => rules.filter((rule) => rule !== '+cluster|slots'))
    expect(report.shared).toBe('away')
    expect(process.emitWarning).toHaveBeenCalledWith(expect.stringContaining("'cluster|slots'"), expect.anything())
  })

  test('processes with different feeds are reported', async () => {
    const warned = async (feed: 'tracking' | 'broadcast') => (await clustered.open({}, { feed }).ready()).warnings
    expect(await warned('broadcast')).toEqual([])
    expect(await warned('tracking')).toMatchObject([{ subject: 'feed' }])
    expect(await warned('broadcast')).toMatchObject([{ subject: 'feed' }])
  })
})
