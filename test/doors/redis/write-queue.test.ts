import type { TakenWrite } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import { QueueHold } from '../../../src/queue/queue-hold'
import { RedisWriteQueue } from '../../../src/redis/write-queue'
import { MemoryQueue } from '../../../src/stores/memory-queue'
import type { WriteQueue } from '../../../src/stores/write-queue'
import { eventually } from '../../support/eventually'
import { redisHouse } from './processes'

// What a queue promises to the worker that drains it, whatever others do meanwhile: a worker that was suspended settles late.

let client: Redis
// Before the server is stopped, or it would try to connect again.
afterAll(() => client.disconnect())
const house = redisHouse()
beforeAll(() => {
  client = new Redis(house.server.url)
})

async function onRedis(): Promise<WriteQueue> {
  await client.flushall()
  return new RedisWriteQueue('t:queue:{c}', (script, keys, args) =>
    // ioredis has it, and its types leave it out.
    (client as unknown as { evalBuffer(...args: unknown[]): Promise<unknown> }).evalBuffer(
      script.lua,
      keys.length,
      ...keys,
      ...args,
    ),
  )
}

const write = (key: string, text: string) => ({ key, bytes: Buffer.from(text) })
const texts = (taken: readonly TakenWrite[] | undefined) => taken?.map(({ key, bytes }) => `${key} ${bytes}`)

test('a worker holds the queue while it lives; what it took is given to the next', async () => {
  const queue = await onRedis()
  await queue.offer([write('a', '1'), write('b', '1'), write('c', '1')], 10)
  expect(texts(await queue.take('one', 2, 60_000))).toEqual(['a 1', 'b 1'])
  expect(await queue.take('two', 2, 60_000)).toBeUndefined()
  expect(await queue.hold('two', 60_000)).toBe(false)
  expect(await queue.hold('one', 50)).toBe(true)
  const next = await eventually(async () => (await queue.take('two', 10, 60_000)) ?? false)
  expect(texts(next as readonly TakenWrite[])).toEqual(['a 1', 'b 1', 'c 1'])
  expect(await queue.hold('one', 60_000)).toBe(false)
  // Not its own any more.
  await queue.leave('one')
  expect(await queue.take('one', 1, 60_000)).toBeUndefined()
})

test('a worker that was suspended learns that it was replaced before it goes on', async () => {
  const queue = await onRedis()
  const clock = new ManualClock()
  const reasons: unknown[] = []
  const hold = new QueueHold({ cache: 'c', queue, clock, onLost: (reason) => reasons.push(reason) })
  await queue.offer([write('a', '1')], 10)
  await hold.take(1)
  clock.jump(5_000)
  await hold.confirm()
  clock.jump(5_000)
  await client.del('t:queue:{c}:holder')
  await queue.take('two', 1, 60_000)
  await expect(hold.confirm()).rejects.toMatchObject({ code: 'CW_WRITE_REFUSED' })
  expect(reasons).toHaveLength(1)
  await expect(hold.confirm()).rejects.toMatchObject({ code: 'CW_WRITE_REFUSED' })
  await hold.leave()
  expect(await queue.hold('two', 60_000)).toBe(true)
})

test('who looks into a queue where nothing waits leaves nothing there', async () => {
  const queue = await onRedis()
  expect(await queue.take('one', 1, 60_000)).toEqual([])
  await queue.offer([write('a', '1')], 10)
  await queue.settle((await queue.take('one', 1, 60_000))!)
  const { set: before } = await house.server.commandStats()
  expect(await queue.take('one', 1, 60_000)).toEqual([])
  expect(await queue.take('two', 1, 60_000)).toEqual([])
  expect((await house.server.commandStats()).set).toBe(before)
  expect(await client.exists('t:queue:{c}:holder')).toBe(0)
})

test('one that settles late takes away nothing that is newer', async () => {
  const queue = await onRedis()
  await queue.offer([write('a', '1')], 10)
  const first = (await queue.take('one', 10, 60_000))!
  await queue.leave('one')
  await queue.offer([write('a', '2')], 10)
  const second = (await queue.take('two', 1, 60_000))!
  expect(texts(second)).toEqual(['a 2'])
  await queue.offer([write('a', '3')], 10)
  await queue.settle(first)
  expect(String(await queue.find(['a']))).toBe('3')
  await queue.settle(second)
  expect(texts(await queue.take('two', 10, 60_000))).toEqual(['a 3'])
})

test('of what is offered to a queue that is full, as much as there is room for is accepted', async () => {
  const queue = await onRedis()
  expect(await queue.offer([write('a', '1'), write('b', '1'), write('a', '2'), write('c', '1')], 2)).toEqual({
    accepted: 3,
    overtaken: [],
  })
  expect(await queue.find(['a', 'b', 'c'])).toEqual([Buffer.from('2'), Buffer.from('1'), null])
})

test('keys and values may be any bytes', async () => {
  const queue = await onRedis()
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  await queue.offer([{ key: 'ключ: {1}\n', bytes }], 2)
  const [taken] = (await queue.take('one', 1, 60_000))!
  expect(taken).toMatchObject({ key: 'ключ: {1}\n', bytes })
  await queue.bury(taken!, 'why: {2}\n')
  expect(await queue.buried(10)).toEqual([{ key: 'ключ: {1}\n', bytes, reason: 'why: {2}\n' }])
  expect(await queue.revive()).toBe(1)
  expect(await queue.find(['ключ: {1}\n'])).toEqual([bytes])
})

test.each([
  ['on Redis', onRedis],
  ['in memory', async (): Promise<WriteQueue> => new MemoryQueue()],
])('%s: behind a write stands what is younger; what is taken so is held', async (_, open) => {
  const queue = await open()
  await queue.offer(
    ['a', 'b', 'c', 'd'].map((key) => write(key, '1')),
    10,
  )
  const [a, b] = (await queue.take('one', 2, 60_000))!
  const [c, d] = (await queue.take('one', 2, 60_000, b))!
  expect(texts([c!, d!])).toEqual(['c 1', 'd 1'])
  expect(await queue.take('one', 2, 60_000, d)).toEqual([])
  await queue.settle([c!])
  expect(texts(await queue.take('one', 3, 60_000, a))).toEqual(['b 1', 'd 1'])
  expect(await queue.hold('one', 60_000)).toBe(true)
})

test.each([
  ['on Redis', onRedis],
  ['in memory', async (): Promise<WriteQueue> => new MemoryQueue()],
])('%s: of versions the newest waits; what has none is newer than all', async (_, open) => {
  const queue = await open()
  const of = async (text: string, version?: string): Promise<string> => {
    const { accepted, overtaken } = await queue.offer([{ key: 'a', bytes: Buffer.from(text), version }], 1)
    expect(accepted).toBe(1)
    return `${(await queue.find(['a']))[0]} ${overtaken.length}`
  }
  expect(await of(':2:', '2')).toBe(':2: 0')
  expect(await of(':1:', '1')).toBe(':2: 1')
  expect(await of(':9:')).toBe(':9: 0')
  expect(await of(':1:', '1')).toBe(':1: 0')
  const [taken] = (await queue.take('one', 1, 60_000))!
  await queue.bury(taken!, 'why')
  expect(await queue.buried(1)).toEqual([{ key: 'a', bytes: Buffer.from(':1:'), reason: 'why' }])
  await queue.revive()
  expect(String(await queue.find(['a']))).toBe(':1:')
})

test('as many of the buried are shown as are asked for, and failures of what waits no more are forgotten', async () => {
  const queue = await onRedis()
  await queue.offer(
    Array.from({ length: 300 }, (_, index) => write(`key${index}`, 'x'.repeat(100))),
    1_000,
  )
  const taken = (await queue.take('one', 300, 60_000))!
  for (const its of taken) await queue.bury(its, 'why')
  expect(await queue.buried(250)).toHaveLength(250)
  expect(await queue.blame(taken.slice(0, 2))).toEqual([0, 0])
  expect(await client.hlen('t:queue:{c}:failures')).toBe(0)
})

const keys = ['a', 'b'] as const
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('offer' as const), key: fc.constantFrom(...keys) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('take' as const), most: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('settle' as const), which: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('bury' as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('revive' as const) }) },
)

type Step = typeof step extends fc.Arbitrary<infer Its> ? Its : never

/**
 * Workers take, are suspended, and settle in any order. However that goes, the newest value of each key waits until somebody
 * settles or buries that very value, and whoever drains on finds it.
 */
async function nothingIsLost(queue: WriteQueue, steps: readonly Step[]): Promise<void> {
  // Each write is known by its turn; one that is revived is a new one with the old value.
  const newest = new Map<string, { readonly text: string; readonly turn: number }>()
  const over = new Set<number>()
  const buried = new Map<string, string>()
  const taken: { readonly write: TakenWrite; readonly turn: number }[][] = []
  let turns = 0
  const isWaiting = (key: string): boolean => newest.has(key) && !over.has(newest.get(key)!.turn)
  const take = async (worker: string, most: number): Promise<(typeof taken)[number]> => {
    const found = (await queue.take(worker, most, 60_000))!
    await queue.leave(worker)
    // Never an older value than the newest that was offered.
    for (const { key, bytes } of found) expect(String(bytes)).toBe(newest.get(key)!.text)
    return found.map((write) => ({ write, turn: newest.get(write.key)!.turn }))
  }
  for (const its of steps) {
    if (its.does === 'offer') {
      const turn = ++turns
      expect(await queue.offer([write(its.key, `${turn}`)], 100)).toEqual({ accepted: 1, overtaken: [] })
      newest.set(its.key, { text: `${turn}`, turn })
      buried.delete(its.key)
    } else if (its.does === 'take') {
      taken.push(await take(`worker ${taken.length}`, its.most))
    } else if (its.does === 'revive') {
      for (const [key, text] of buried) newest.set(key, { text, turn: ++turns })
      buried.clear()
      await queue.revive()
    } else {
      for (const { write, turn } of taken[its.which] ?? []) {
        const isIts = isWaiting(write.key) && newest.get(write.key)!.turn === turn
        if (its.does === 'settle') await queue.settle([write])
        else await queue.bury(write, 'why')
        if (!isIts) continue
        over.add(turn)
        if (its.does === 'bury') buried.set(write.key, String(write.bytes))
      }
    }
    const waiting = keys.map((key) => (isWaiting(key) ? newest.get(key)!.text : null))
    expect((await queue.find(keys)).map((bytes) => bytes && String(bytes))).toEqual(waiting)
    expect(await queue.counts()).toEqual({ pending: waiting.filter(Boolean).length, buried: buried.size })
  }
  const mark = await queue.mark()
  for (;;) {
    const found = await take('last', 2)
    if (found.length === 0) break
    for (const { turn } of found) over.add(turn)
    await queue.settle(found.map(({ write }) => write))
  }
  expect(keys.filter(isWaiting)).toEqual([])
  expect(await queue.isPast(mark)).toBe(true)
  expect(await queue.counts()).toEqual({ pending: 0, buried: buried.size })
}

test('nothing that was accepted is lost, however many workers take and settle late', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) =>
      nothingIsLost(await onRedis(), steps),
    ),
    { numRuns: 600 },
  )
}, 60_000)

test('the same in memory', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) =>
      nothingIsLost(new MemoryQueue(), steps),
    ),
    { numRuns: 500 },
  )
}, 60_000)
