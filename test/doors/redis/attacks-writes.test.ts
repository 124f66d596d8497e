import { Cacheable, CacheableMany, type CacheManager, createCacheManager, drainWrites, WriteBehind } from 'cachewright'
import { redis } from 'cachewright/redis'
import { queueScripts } from '../../../src/redis/queue-scripts'
import { eventually, throughout } from '../../support/eventually'
import { gate } from '../../support/gate'
import { redisHouse } from './processes'

// Attacks on @WriteBehind with its queue on Redis. Each manager is what another process would have.

const house = redisHouse()
afterEach(() => jest.restoreAllMocks())

interface Row {
  readonly id: string
  readonly text: string
}

const row = (id: string, text = 'new'): Row => ({ id, text })
const ids = (count: number): string[] => Array.from({ length: count }, (_, id) => `row${id}`)

type Options = Partial<Parameters<typeof WriteBehind>[0]>

/** An object of one process; all write to one table. */
function service(manager: CacheManager, table: Map<string, string>, options: Options = {}) {
  class Rows {
    readonly calls: string[][] = []
    readonly signals: AbortSignal[] = []
    before: (rows: readonly Row[]) => unknown = () => {}

    @Cacheable({ manager, cache: 'rows' })
    async find(id: string): Promise<Row | undefined> {
      const text = table.get(id)
      return text === undefined ? undefined : { id, text }
    }

    @CacheableMany({ manager, cache: 'rows' })
    async findAll(these: readonly string[]): Promise<(Row | undefined)[]> {
      return Promise.all(these.map((id) => this.find(id)))
    }

    @WriteBehind({ manager, cache: 'rows', key: (its: Row) => its.id, maxDelay: '20ms', ...options } as never)
    async save(rows: readonly Row[], signal?: AbortSignal): Promise<void> {
      this.calls.push(rows.map(({ id }) => id))
      this.signals.push(signal!)
      await this.before(rows)
      for (const { id, text } of rows) table.set(id, text)
    }
  }
  return new Rows()
}

const holder = 't:queue:{rows}:holder'
const never: Options = { maxDelay: '1h', batch: 100_000 }

test('a worker that makes writes one by one holds the queue all the time, and keeps the order of a key', async () => {
  // Its time goes faster, so that it has to hold on every 80 ms.
  const now = (): number => performance.now() * 20
  const setTimer = (callback: () => void, delayMs: number): (() => void) => {
    const timer = setTimeout(callback, delayMs / 20)
    return () => clearTimeout(timer)
  }
  const one = house.open({ clock: { now, setTimer } }, { commandTimeout: '1h' })
  const table = new Map<string, string>()
  const rows = service(one, table, { maxDelay: '1h', batch: 8, writeTimeout: '1h' })
  const slow = gate()
  rows.before = async (its) => {
    if (its.length > 1) throw new Error('which one?')
    if (rows.calls.length === 2) await house.server.command('PEXPIRE', holder, 150)
    if (rows.calls.length === 3) slow.open()
    // Each is made faster than a hold is prolonged.
    await new Promise((resolve) => setTimeout(resolve, 50))
    if (its[0]!.text === 'bad') throw new Error('bad')
  }
  const other = service(house.open(), table)
  other.before = (its) => other.signals.length < 0 || its
  await rows.save([row('bad', 'bad'), ...ids(7).map((id) => row(id, 'old'))])
  await slow.pass()
  await other.save([row('row6', 'newest')])
  await eventually(async () => table.get('row6') === 'newest')
  await eventually(() => rows.calls.length >= 9)
  // Those that were taken before are over.
  await throughout(100, () => expect(table.get('row6')).toBe('newest'))
})

test('a server that lost everything gives no sequence out twice: who settles late takes nothing newer away', async () => {
  const table = new Map<string, string>()
  const manager = house.open()
  const rows = service(manager, table)
  const slow = gate()
  rows.before = () => slow.pass()
  await rows.save([row('a', 'old')])
  await slow.entered
  await house.server.command('FLUSHALL')
  await rows.save([row('a', 'newest')])
  slow.open()
  await manager.writes('rows').flush()
  expect(table.get('a')).toBe('newest')
})

test('a server that is full refuses writes, and lets those that wait be made', async () => {
  const server = await house.another()
  const table = new Map<string, string>()
  const manager = house.open({}, { url: server.url })
  await service(manager, table, never).save(ids(20).map((id) => row(id)))
  await server.command('CONFIG', 'SET', 'maxmemory', 1)
  const worker = house.open({}, { url: server.url })
  const rows = service(worker, table)
  await expect(rows.save([row('more')])).rejects.toMatchObject({
    code: 'CW_SHARED_REFUSED',
    message: expect.stringMatching(/The server is full/),
  })
  drainWrites(rows)
  await worker.writes('rows').flush()
  expect(table.size).toBe(20)
  expect(await worker.writes('rows').counts()).toEqual({ pending: 0, buried: 0 })
})

test('large values are queued, read and written in parts that a server answers in time', async () => {
  const table = new Map<string, string>()
  const manager = house.open({ local: false })
  const rows = service(manager, table)
  const slow = gate()
  rows.before = () => slow.pass()
  const text = 'x'.repeat(2 ** 20)
  const these = ids(12)
  await rows.save(these.map((id) => row(id, text)))
  await house.open().cache('rows').clear()
  const read = await rows.findAll(these)
  expect(read.map((its) => its?.text.length)).toEqual(these.map(() => 2 ** 20))
  slow.open()
  await manager.writes('rows').flush()
  expect(table.size).toBe(12)
  expect(Math.max(...rows.calls.map(({ length }) => length))).toBeLessThan(5)
})

test('5,000 values in one call are written, though no more than 500 may wait', async () => {
  const table = new Map<string, string>()
  const manager = house.open({ local: { maxEntries: 10 } })
  const rows = service(manager, table, { batch: 500, maxPending: 500, maxWait: '1m' })
  await rows.save(ids(5_000).map((id) => row(id)))
  expect((await manager.writes('rows').counts()).pending).toBeLessThanOrEqual(500)
  await manager.writes('rows').flush()
  expect(table.size).toBe(5_000)
})

test('writes that a process cannot read wait for one that can, and keep nobody else waiting', async () => {
  jest.spyOn(process, 'emitWarning').mockImplementation()
  const table = new Map<string, string>()
  const [before, after] = [house.open(), house.open({ caches: { rows: { version: 2 } } })]
  const old = service(before, table, never)
  await old.save(ids(5).map((id) => row(id)))
  const rows = service(after, table, { batch: 2 })
  for (const id of ['a', 'b', 'c', 'd', 'e']) await rows.save([row(id)])
  await eventually(() => table.size === 5)
  expect([...table.keys()].toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(await after.writes('rows').counts()).toEqual({ pending: 5, buried: 0 })
  const other = service(house.open(), table)
  drainWrites(other)
  await eventually(() => table.size === 10)
})

test('what the method wrote and could not be settled is written again', async () => {
  const proxy = await house.proxy()
  const table = new Map<string, string>()
  const manager = house.open({}, { url: proxy.url })
  const rows = service(manager, table)
  let isCut = false
  proxy.onData((chunk, { direction }) => {
    if (isCut || direction !== 'toServer' || !chunk.includes(queueScripts.settleWrites.sha)) return undefined
    if (rows.calls.length === 0) return undefined
    isCut = true
    proxy.cut()
    return 'drop'
  })
  await rows.save([row('a')])
  await eventually(() => rows.calls.length === 2)
  await eventually(async () => (await manager.writes('rows').counts()).pending === 0)
  expect(isCut).toBe(true)
})

test('a server that comes back empty after a while is used as if nothing had been', async () => {
  const server = await house.another()
  const table = new Map<string, string>()
  const manager = house.open({}, { url: server.url })
  const rows = service(manager, table)
  await rows.save([row('a')])
  await eventually(() => table.size === 1)
  const failed: string[] = []
  manager.on('sharedFailure', ({ operation }) => failed.push(operation))
  await server.kill()
  await eventually(() => failed.filter((operation) => operation === 'queue').length >= 4)
  await server.start()
  await eventually(() => rows.save([row('b')]).then(() => true))
  await eventually(() => table.has('b'))
})

test.each([
  ['with a broadcast feed', { feed: 'broadcast' }],
  ['under a key prefix', { keyPrefix: 'pre{f}ix:' }],
  ['where what fails is told to the caller', {}],
] as const)('%s processes see what waits, and write it', async (_, tier) => {
  const table = new Map<string, string>()
  const errorHandler = ({ error }: { error: unknown }): void => {
    throw error
  }
  const [one, two] = [house.open({ errorHandler }, tier), house.open({ errorHandler }, tier)]
  const [rows, reader] = [service(one, table, never), service(two, table, never)]
  await one.ready()
  await two.ready()
  const key = 'a key '.repeat(60)
  await rows.save([row(key, '1'), row('b')])
  expect(await reader.find(key)).toEqual(row(key, '1'))
  await rows.save([row(key, '2')])
  await one.cache('rows').evict(key)
  expect(await reader.findAll([key, 'b', 'c'])).toEqual([row(key, '2'), row('b'), undefined])
  await two
    .writes('rows')
    .flush({ signal: AbortSignal.timeout(10) })
    .catch(() => {})
  await one.writes('rows').flush()
  expect(table.get(key)).toBe('2')
})

test('two processes that write one key at once agree with the table and with who reads', async () => {
  const table = new Map<string, string>()
  // Copies of their own may be as old as `maxStaleness`; what is shared may not.
  const [one, two, three] = [0, 0, 0].map(() => house.open({ local: false })) as [
    CacheManager,
    CacheManager,
    CacheManager,
  ]
  const [first, second, reader] = [service(one, table), service(two, table), service(three, table, never)]
  for (let turn = 0; turn < 25; turn++) {
    const seen = Promise.all([reader.find('a'), first.find('a'), second.find('a')])
    await Promise.all([first.save([row('a', `${turn} one`)]), second.save([row('a', `${turn} two`)])])
    await seen
    if (turn % 3 === 0) await three.cache('rows').evict('a')
    const reads = await Promise.all([reader.find('a'), first.find('a'), second.find('a')])
    await one.writes('rows').flush()
    const written = { id: 'a', text: table.get('a') }
    expect(written.text).toMatch(new RegExp(`^${turn} `))
    expect(await reader.find('a')).toEqual(written)
    for (const its of reads) expect(its).toEqual(written)
  }
})

test('who is told late that a write was accepted does not hide the newer one of another process', async () => {
  const table = new Map<string, string>()
  const proxy = await house.proxy()
  const one = house.open({ local: false }, { url: proxy.url, commandTimeout: '20s' })
  const two = house.open({ local: false })
  await one.ready()
  const [late, rows] = [service(one, table, never), service(two, table, never)]
  const told = gate()
  let offering: unknown
  proxy.onData(async (chunk, { direction, connection }) => {
    if (direction === 'toServer' && chunk.includes(queueScripts.offerWrites.sha)) offering ??= connection
    if (direction === 'toClient' && connection === offering) await told.pass()
    return undefined
  })
  const saving = late.save([row('a', 'older')])
  await told.entered
  await rows.save([row('a', 'newer')])
  told.open()
  await saving
  expect(await rows.find('a')).toEqual(row('a', 'newer'))
  await one.writes('rows').flush()
  expect(table.get('a')).toBe('newer')
})

test('close() ends its part of a queue that never ends, and leaves the rest to others', async () => {
  const table = new Map<string, string>()
  const [busy, manager] = [house.open(), house.open()]
  const producer = service(busy, table, never)
  const rows = service(manager, table, { batch: 2 })
  let turn = 0
  let isBusy = true
  rows.before = async () => {
    if (isBusy) await producer.save([row(`row${turn++}`), row(`row${turn++}`)])
  }
  await producer.save(ids(3).map((id) => row(id)))
  drainWrites(rows)
  await eventually(() => turn > 4)
  const began = performance.now()
  await manager.close()
  expect(performance.now() - began).toBeLessThan(2_000)
  isBusy = false
  expect((await busy.writes('rows').counts()).pending).toBeGreaterThan(0)
  await busy.writes('rows').flush()
  expect(table.size).toBe(turn)
})

test('after close() a queue that nobody had asked for is not asked any more', async () => {
  const table = new Map<string, string>()
  const manager = createCacheManager({ prefix: 't', shared: redis({ url: house.server.url }) })
  const rows = service(manager, table, { maxDelay: 10 })
  await manager.ready()
  await manager.close()
  const failed: string[] = []
  manager.on('sharedFailure', ({ operation }) => failed.push(operation))
  await expect(rows.save([row('a')])).rejects.toMatchObject({ code: 'CW_WRITE_REFUSED' })
  await throughout(100, () => expect(failed).not.toContain('queue'))
})
