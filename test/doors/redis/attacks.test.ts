import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { CacheManager } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { plainTerms } from '../../support/terms'
import { expectWarnings, keyOf, redisHouse, timeOf } from './processes'

const house = redisHouse()
afterEach(() => void jest.restoreAllMocks())
const open: typeof house.open = (...args) => house.open(...args)

describe('a put that another process has overtaken', () => {
  test('is not stored when its method ran while the other process wrote and evicted', async () => {
    const [one, two] = [open(), open()]
    await Promise.all([one.ready(), two.ready()])
    const { tiers, keys } = one.cache('c').parts
    const key = keys.encodeKey('a')
    // @CachePut: the write begins, its method commits 'old' and is slow to return.
    const write = await tiers.writes.begin(false)
    await two.cache('c').evict('a')
    await tiers.writes.put([{ key, value: 'old' }], plainTerms, write)
    tiers.writes.end(write)

    expect(await two.cache('c').get('a')).toBeUndefined()
  })

  test('is not stored when the network delivers it after the evict', async () => {
    const { proxy, one, two } = await house.pairWithProxy({}, { commandTimeout: 100 })
    await one.cache('c').put('warm', 1)

    proxy.hold('toServer')
    await one.cache('c').put('a', 'old')
    await two.cache('c').evict('a')
    proxy.release()
    await one.cache('c').put('after', 1)

    expect(await two.cache('c').get('a')).toBeUndefined()
  })

  test('is not stored when it waited behind a stalled pipeline and left after the evict', async () => {
    const { proxy, one, two } = await house.pairWithProxy({}, { commandTimeout: 100 })
    await one.cache('c').put('warm', 1)

    proxy.hold('toClient')
    await one.cache('c').get('b')
    await one.cache('c').put('a', 'old')
    await two.cache('c').evict('a')
    proxy.release()
    await one.cache('c').put('after', 1)

    expect(await two.cache('c').get('a')).toBeUndefined()
  })

  test('leaves no older value behind when the server is full', async () => {
    const one = open()
    await one.cache('c').put('a', 'old')
    await house.server.command('CONFIG', 'SET', 'maxmemory', '1')
    try {
      await one.cache('c').put('a', 'new')
      expect(await one.cache('c').get('a')).not.toBe('old')
    } finally {
      await house.server.command('CONFIG', 'SET', 'maxmemory', '0')
    }
  })
})

describe('a read that joins a load in progress', () => {
  test('is not served, more than maxStaleness after an evict elsewhere, what the load began with', async () => {
    const clock = new ManualClock()
    const [one, two] = [open({ clock }), open({ clock })]
    await Promise.all([one.ready(), two.ready()])
    const slow = gate<string>()
    const first = one.cache('c').getOrLoad('a', () => slow.pass())
    await slow.entered
    await two.cache('c').evict('a')
    await clock.advance(5_000)
    const late = one.cache('c').getOrLoad('a', async () => 'new')
    slow.open('old')

    expect(await first).toBe('old')
    expect(await late).toBe('new')
  })

  test('is not served an answer that the server gave before an evict, with maxStaleness 0', async () => {
    const { proxy, one, two } = await house.pairWithProxy({ maxStaleness: 0 }, { commandTimeout: '5s' })
    await one.cache('c').put('a', 'old')
    await house.server.resetStats()

    proxy.hold('toClient')
    const load = async () => 'new'
    const first = one.cache('c').getOrLoad('a', load)
    await eventually(async () => ((await house.server.commandStats()).get ?? 0) >= 1)
    await two.cache('c').evict('a')
    const late = one.cache('c').getOrLoad('a', load)
    proxy.release()

    expect(await first).toBe('old')
    expect(await late).toBe('new')
  })
})

describe('markers', () => {
  test('outlive the entries that carry them', async () => {
    const one = open()
    await one.cache('c').getOrLoad('short', async () => 1, { ttl: '1m', tags: ['x'] })
    await one.cache('c').getOrLoad('long', async () => 1, { ttl: '1h', tags: ['x'] })
    const entry = Number(await house.server.command('PTTL', keyOf('c', 'long')))
    const left: Record<string, number> = {}
    for (const name of ['*', 'c', '*%3Ax', 'c%3Ax']) {
      left[name] = Number(await house.server.command('PTTL', `t:tag:{${name}}`))
    }
    expect(Object.entries(left).filter(([, ms]) => ms !== -1 && ms < entry)).toEqual([])
  })

  test('that hold garbage are not taken for "never evicted"', async () => {
    const [one, two] = [open(), open()]
    await one.cache('c').put('a', 'old', { tags: ['x'] })
    await two.cache('c').evictTags(['x'])
    for (const name of ['*%3Ax', 'c%3Ax']) await house.server.command('SET', `t:tag:{${name}}`, 'garbage')
    const three = open()
    expect(await three.cache('c').get('a')).toBeUndefined()
  })

  test('let a put that begins after a tag was evicted elsewhere be kept', async () => {
    const [one, two] = [open(), open()]
    await one.cache('c').put('warm', 1)
    await two.cache('c').evictTags(['x'])
    // The notice that the counter moved may be on its way; a put before it arrives is dead on arrival, which is safe.
    await eventually(async () => {
      await one.cache('c').put('a', 'new', { tags: ['x'] })
      expect(await one.cache('c').get('a')).toBe('new')
    })
  })

  test('kill what was loaded before an evict also after the server lost its counter and its clock went back', async () => {
    const [one, two] = [open({ local: false }), open({ local: false })]
    // A former primary whose clock was an hour ahead.
    await house.server.command('SET', 't:counter', String((Date.now() + 3_600_000) * 1_000))
    await one.cache('c').getOrLoad('warm', async () => 1, { tags: ['x'] })
    await house.server.command('FLUSHALL')
    await one.cache('c').getOrLoad('a', async () => 'old', { tags: ['x'] })
    await two.cache('c').evictTags(['x'])
    expect(await one.cache('c').getOrLoad('a', async () => 'new', { tags: ['x'] })).toBe('new')
    expect(await two.cache('c').getOrLoad('a', async () => 'new', { tags: ['x'] })).toBe('new')
  })
})

describe('the shared tier', () => {
  test('replaces an empty string at a key', async () => {
    const one = open({ local: false })
    await house.server.command('SET', keyOf('c', 'a'), '')
    await one.cache('c').getOrLoad('a', async () => 1)
    expect(await one.cache('c').get('a')).toBe(1)
  })

  test('says away when it went away after it had been there', async () => {
    const server = await house.another()
    const one = open({}, { url: server.url })
    expect((await one.ready()).shared).toBe('connected')
    await server.kill()
    expectWarnings()
    await eventually(async () => (await one.ready()).shared === 'away', { within: 3_000 })
  })

  test('lets ready() answer though the server accepts connections and says nothing', async () => {
    const server = await house.another()
    server.freeze()
    const one = open({}, { url: server.url })
    expectWarnings()
    const report = await Promise.race([
      one.ready(),
      new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 4_000).unref()),
    ])
    expect(report?.shared).toBe('away')
  })

  test('delays a call by about one commandTimeout, also when each command is just in time', async () => {
    const proxy = await house.proxy()
    const one = open({ local: false }, { url: proxy.url, commandTimeout: 200 })
    await one.ready()
    await one.cache('c').put('warm', 1, { tags: ['x'] })
    proxy.delay(90)
    const began = performance.now()
    await one.cache('c').getOrLoad('a', async () => 2, { tags: ['x'] })
    expect(performance.now() - began).toBeLessThan(300)
  })

  test('delays the first lookup of a manager by one commandTimeout', async () => {
    const server = await house.another()
    const one = open({}, { url: server.url, commandTimeout: 300 })
    await one.ready()
    server.freeze()
    const began = performance.now()
    await one.cache('c').get('a')
    expect(performance.now() - began).toBeLessThan(500)
  })

  test('does not keep others from filling when the lease was granted after the caller gave up', async () => {
    const server = await house.another()
    const one = open({ local: false }, { url: server.url, commandTimeout: 100 })
    await one.ready()
    await one.cache('c').put('warm', 1)
    server.freeze()
    await one.cache('c').getOrLoad('a', async () => 1)
    server.resume()
    await eventually(
      async () => {
        await one.cache('c').getOrLoad('a', async () => 1)
        return (await one.cache('c').get('a')) === 1
      },
      { within: 3_000 },
    )
  })
})

describe('a replica', () => {
  test('is refused by name: it may be behind, so methods are answered without it', async () => {
    expectWarnings()
    await house.server.command('CONFIG', 'SET', 'repl-diskless-sync-delay', '0')
    await open().cache('c').put('a', 1)
    const replica = await house.another(['--replicaof', `127.0.0.1 ${house.server.port}`])
    await eventually(async () => (await replica.command('EXISTS', keyOf('c', 'a'))) === 1)
    const reader = open({ local: false }, { url: replica.url })
    const failures: unknown[] = []
    reader.on('sharedFailure', ({ error }) => failures.push(error))
    expect(await reader.ready()).toMatchObject({ shared: 'away' })
    expect(String(failures)).toMatch(/127\.0\.0\.1:\d+ is a replica, .* give the address of the primary/)
    expect(await reader.cache('c').getOrLoad('a', async () => 2)).toBe(2)
    expect(await reader.cache('c').get('a')).toBeUndefined()

    await replica.command('REPLICAOF', 'NO', 'ONE')
    await eventually(async () => (await reader.cache('c').get('a')) === 1)
  })
})

describe('what could not reach the server', () => {
  test.each<[string, (one: CacheManager) => Promise<unknown>]>([
    ['an evict', (one) => one.cache('c').evict('a')],
    ['a put', (one) => one.cache('c').put('a', 'new')],
    ['an evict of a tag', (one) => one.cache('c').evictTags(['x'])],
    ['a clear', (one) => one.clear()],
  ])('%s: its own process never serves the old value again', async (_what, change) => {
    const proxy = await house.proxy()
    const one = open({}, { url: proxy.url })
    await one.cache('c').put('a', 'old', { tags: ['x'] })
    proxy.refuse()
    proxy.cut()
    await change(one)
    await proxy.accept()
    await eventually(async () => {
      await one.cache('c').getOrLoad('b', async () => 1)
      return (await house.server.command('EXISTS', keyOf('c', 'b'))) === 1
    })
    expect(await one.cache('c').get('a')).not.toBe('old')
  })
})

describe('close()', () => {
  test('leaves nothing behind that keeps the process', async () => {
    const server = await house.another()
    await server.kill()
    const child = spawn(process.execPath, ['-r', 'esbuild-register', `${__dirname}/closes.program.ts`, server.url], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    child.stdin.end()
    await eventually(() => said.includes('closed'))
    expect(await timeOf(() => exited)).toBeLessThan(1_000)
  })
})
