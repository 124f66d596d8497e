import { type ChildProcess, spawn } from 'node:child_process'
import { Cacheable, type CacheManager, WriteBehind } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import type { RedisServer } from '../../support/redis-server'
import { redisHouse, timeOf } from './processes'

// What was accepted is written, whoever dies: real processes, killed where it hurts.

const house = redisHouse()
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

interface Row {
  readonly id: string
  readonly text: string
}

/** Another process that drains the queue, and stops before or after it has written. */
function worker(url: string, stopsAt: 'before' | 'after' | 'nowhere') {
  const args = ['-r', 'esbuild-register', `${__dirname}/writes.program.ts`, url, stopsAt]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  let said = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  return {
    says: (what: string) => eventually(() => said.includes(what), { within: 20_000, what: `a worker says ${what}` }),
    signal: (name: NodeJS.Signals) => child.kill(name),
  }
}

/** A process that queues and does not drain. */
function producer(manager: CacheManager) {
  class Rows {
    made = 0
    @Cacheable({ manager, cache: 'rows' })
    async find(_id: string): Promise<Row | undefined> {
      return undefined
    }

    @WriteBehind({ manager, cache: 'rows', key: (row: Row) => row.id, maxDelay: '1h', batch: 100_000 })
    async save(rows: readonly Row[]): Promise<void> {
      this.made += rows.length
    }
  }
  return new Rows()
}

const table = async (server: RedisServer): Promise<Record<string, string>> => {
  const flat = (await server.command('HGETALL', 'db')) as string[]
  return Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at]!, flat[2 * at + 1]!]))
}

/** The texts of each row in the order in which they were written. */
const history = async (server: RedisServer): Promise<Map<string, number[]>> => {
  const rows = new Map<string, number[]>()
  for (const line of (await server.command('LRANGE', 'log', 0, -1)) as string[]) {
    const [id, text] = line.split(' ') as [string, string]
    rows.set(id, [...(rows.get(id) ?? []), Number(text)])
  }
  return rows
}

const ids = Array.from({ length: 25 }, (_, id) => `row${id}`)

test.each(['before', 'after'] as const)(
  'a worker is killed %s it has written: the next writes what it took',
  async (when) => {
    const { server } = house
    const caching = house.open()
    const rows = producer(caching)
    await rows.save(ids.map((id) => ({ id, text: '1' })))
    const one = worker(server.url, when)
    await one.says('stopped')
    // While they are being written.
    await rows.save(ids.slice(0, 3).map((id) => ({ id, text: '2' })))
    one.signal('SIGKILL')
    await rows.save(ids.slice(0, 2).map((id) => ({ id, text: '3' })))
    expect(await rows.find('row0')).toEqual({ id: 'row0', text: '3' })
    const two = worker(server.url, 'nowhere')
    await two.says('drains')
    await eventually(async () => (await caching.writes('rows').counts()).pending === 0, { within: 20_000 })
    const newest = { ...Object.fromEntries(ids.map((id) => [id, '1'])), row0: '3', row1: '3', row2: '2' }
    expect(await table(server)).toEqual(newest)
    for (const [, texts] of await history(server)) expect(texts).toEqual(texts.toSorted((a, b) => a - b))
  },
  60_000,
)

test('a worker that is suspended while another takes over learns that it is not the one any more', async () => {
  const { server } = house
  const caching = house.open()
  const rows = producer(caching)
  await rows.save([{ id: 'a', text: '1' }])
  const one = worker(server.url, 'before')
  await one.says('stopped')
  one.signal('SIGSTOP')
  await rows.save([{ id: 'a', text: '2' }])
  const two = worker(server.url, 'nowhere')
  await two.says('drains')
  await eventually(async () => (await caching.writes('rows').counts()).pending === 0, { within: 20_000 })
  one.signal('SIGCONT')
  await one.says('aborted')
  expect(await table(server)).toEqual({ a: '2' })
  expect(await caching.writes('rows').counts()).toEqual({ pending: 0, buried: 0 })
}, 60_000)

test('workers that are killed at any time lose nothing and keep the order of each row', async () => {
  const { server } = house
  const caching = house.open()
  const rows = producer(caching)
  const newest: Record<string, string> = {}
  for (let round = 0; round < 3; round++) {
    const one = worker(server.url, 'nowhere')
    await one.says('drains')
    for (let turn = 0; turn < 20; turn++) {
      const text = String(round * 100 + turn)
      const some = ids.filter((_, at) => (at + turn) % 3 === 0)
      for (const id of some) newest[id] = text
      await rows.save(some.map((id) => ({ id, text })))
    }
    // In the middle of its work: something has been written, and something waits.
    await eventually(async () => Number(await server.command('LLEN', 'log')) > round * 10)
    one.signal('SIGKILL')
  }
  worker(server.url, 'nowhere')
  await eventually(async () => (await caching.writes('rows').counts()).pending === 0, { within: 30_000 })
  expect(await table(server)).toEqual(newest)
  for (const [, texts] of await history(server)) expect(texts).toEqual(texts.toSorted((a, b) => a - b))
}, 90_000)

test('a server that syncs its log brings back what it accepted', async () => {
  const server = await house.another(['--appendonly', 'yes', '--appendfsync', 'always'])
  const caching = house.open({}, { url: server.url })
  const rows = producer(caching)
  await rows.save(ids.map((id) => ({ id, text: '1' })))
  await server.kill()
  await server.start()
  worker(server.url, 'nowhere')
  await eventually(async () => Object.keys(await table(server)).length === ids.length, { within: 20_000 })
}, 60_000)

test('while the queue cannot be reached calls are refused at once, and nothing is cached that is not queued', async () => {
  const server = await house.another()
  const caching = house.open({}, { url: server.url })
  const rows = producer(caching)
  await rows.save([{ id: 'a', text: '1' }])
  await server.kill()
  let error: unknown
  const took = await timeOf(async () => {
    error = await rows.save([{ id: 'a', text: '2' }]).catch((its: unknown) => its)
  })
  expect(error).toMatchObject({ code: expect.stringMatching(/CW_SHARED_(UNAVAILABLE|TIMEOUT|REFUSED)/) })
  expect(took).toBeLessThan(1_500)
  expect(await caching.cache('rows').get('a')).not.toEqual({ id: 'a', text: '2' })
})

test('a read that cannot ask what waits is answered by the source, and nobody else is given that', async () => {
  const proxy = await house.proxy()
  const caching = house.open({ local: false }, { url: proxy.url })
  const rows = producer(caching)
  await rows.save([{ id: 'a', text: '1' }])
  await caching.cache('rows').evict('a')
  const asks = gate()
  proxy.onData(async (chunk, { direction }) => {
    if (direction !== 'toServer' || !chunk.includes('queue:{rows}')) return undefined
    await asks.pass()
    return undefined
  })
  expect(await rows.find('a')).toBeUndefined()
  asks.open()
  await eventually(async () => (await rows.find('a'))?.text === '1')
})
