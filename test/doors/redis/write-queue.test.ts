import * as fc from 'fast-check'
import type { TakenWrite } from 'cachewright'
import { MemoryQueue } from '../../../src/stores/memory-queue'
import type { WriteQueue } from '../../../src/stores/write-queue'
import { eventually } from '../../support/eventually'
import { redisHouse } from './processes'

// What a queue promises to the worker that drains it, whatever others do meanwhile: a worker that was suspended settles late.

const house = redisHouse()

/** A queue on the real server, through everything that stands before it. */
async function onRedis(): Promise<WriteQueue> {
  await house.server.command('FLUSHALL')
  const one = house.open()
  await one.ready()
  // The queue itself, without a method.
  const writes = one.writes('c') as unknown as { readonly queue: WriteQueue }
  return writes.queue
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

const keys = ['a', 'b', 'c'] as const
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('offer' as const), key: fc.constantFrom(...keys) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('take' as const), most: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('settle' as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('bury' as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('revive' as const) }) },
)

/**
 * Workers take, are suspended, and settle in any order. However that goes, the newest value of each key waits until somebody
 * settles or buries that very value, and whoever drains on finds it.
 */
async function nothingIsLost(queue: WriteQueue, steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]) {
  const newest = new Map<string, string>()
  const done = new Set<string>()
  const buried = new Map<string, string>()
  const taken: TakenWrite[][] = []
  let count = 0
  for (const its of steps) {
    if (its.does === 'offer') {
      const text = String(++count)
      expect(await queue.offer([write(its.key, text)], 100)).toBe(1)
      newest.set(its.key, text)
      buried.delete(its.key)
    } else if (its.does === 'take') {
      const worker = `worker ${taken.length}`
      const found = (await queue.take(worker, its.most, 60_000))!
      await queue.leave(worker)
      taken.push([...found])
      // Never an older value than the newest that was offered.
      for (const { key, bytes } of found) expect(String(bytes)).toBe(newest.get(key))
    } else if (its.does === 'revive') {
      for (const [key, text] of buried) {
        done.delete(`${key} ${text}`)
        newest.set(key, text)
      }
      buried.clear()
      await queue.revive()
    } else {
      const batch = taken[its.which]
      if (batch === undefined) continue
      for (const each of batch) {
        const [key, text] = [each.key, String(each.bytes)]
        const isWaiting = newest.get(key) === text && !done.has(`${key} ${text}`)
        if (its.does === 'settle') await queue.settle([each])
        else await queue.bury(each, 'why')
        if (!isWaiting) continue
        done.add(`${key} ${text}`)
        if (its.does === 'bury') buried.set(key, text)
      }
    }
    const waiting = keys.map((key) => {
      const text = newest.get(key)
      return text === undefined || done.has(`${key} ${text}`) ? null : text
    })
    expect((await queue.find(keys)).map((bytes) => bytes && String(bytes))).toEqual(waiting)
    expect(await queue.counts()).toEqual({ pending: waiting.filter(Boolean).length, buried: buried.size })
  }
  const mark = await queue.mark()
  for (;;) {
    const found = (await queue.take('last', 2, 60_000))!
    if (found.length === 0) break
    for (const { key, bytes } of found) {
      expect(String(bytes)).toBe(newest.get(key))
      done.add(`${key} ${bytes}`)
    }
    await queue.settle(found)
  }
  for (const [key, text] of newest) expect(done.has(`${key} ${text}`)).toBe(true)
  expect(await queue.isPast(mark)).toBe(true)
  expect(await queue.counts()).toEqual({ pending: 0, buried: buried.size })
}

test('nothing that was accepted is lost, however many workers take and settle late', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => nothingIsLost(await onRedis(), steps)),
    { numRuns: 150 },
  )
}, 60_000)

test('the same in memory', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => nothingIsLost(new MemoryQueue(), steps)),
    { numRuns: 500 },
  )
}, 60_000)
