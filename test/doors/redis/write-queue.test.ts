import type { TakenWrite } from 'cachewright'
import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import { RedisWriteQueue } from '../../../src/redis/write-queue'
import { MemoryQueue } from '../../../src/stores/memory-queue'
import type { WriteQueue } from '../../../src/stores/write-queue'
import { eventually } from '../../support/eventually'
import { redisHouse } from './processes'

// What a queue promises to the worker that drains it, whatever others do meanwhile: a worker that was suspended settles late.

const house = redisHouse()

let client: Redis
beforeAll(() => {
  client = new Redis(house.server.url)
})
afterAll(() => client.disconnect())

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
  expect(await queue.offer([write('a', '1'), write('b', '1'), write('a', '2'), write('c', '1')], 2)).toBe(3)
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
      expect(await queue.offer([write(its.key, `${turn}`)], 100)).toBe(1)
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
