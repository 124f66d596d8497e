import { AsyncLocalStorage } from 'node:async_hooks'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Cacheable, CacheableMany, type CacheManager, createCacheManager, drainWrites, WriteBehind } from 'cachewright'
import { settle } from 'cachewright/testing'
import { MemoryQueue } from '../../../src/stores/memory-queue'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { warningsDuring } from '../../support/warnings'

// Attacks on @WriteBehind with a queue in the process, on the machine's own clock unless said otherwise.

interface Row {
  readonly id: string
  readonly text: string
  readonly version?: number
}

const row = (id: string, text = 'new'): Row => ({ id, text })

let caching: CacheManager
const manager = (): CacheManager => caching
beforeEach(() => {
  caching = createCacheManager()
})
afterEach(async () => {
  jest.restoreAllMocks()
  await caching.close()
})

type Options = Partial<Parameters<typeof WriteBehind>[0]>

function service(options: Options = {}) {
  class Rows {
    readonly calls: string[] = []
    readonly signals: AbortSignal[] = []
    before: (rows: readonly Row[]) => unknown = () => {}

    @Cacheable({ manager, cache: 'rows' })
    async find(_id: string): Promise<Row | undefined> {
      return undefined
    }

    @WriteBehind({ manager, cache: 'rows', key: (its: Row) => its.id, maxDelay: '20ms', ...options } as never)
    async save(rows: readonly Row[], signal?: AbortSignal): Promise<void> {
      this.signals.push(signal!)
      await this.before(rows)
      this.calls.push(rows.map(({ id, text }) => `${id} ${text}`).join())
    }
  }
  return new Rows()
}

const pending = async (): Promise<number> => (await caching.writes('rows').counts()).pending

test('a pause that is longer than `maxDelay` ends, however early its timer fires', async () => {
  await caching.close()
  let earlyMs = 0
  // A timer of Node leaves out fractions, and may be a millisecond early by the clock.
  const setTimer = (callback: () => void, delayMs: number): (() => void) => {
    const timer = setTimeout(callback, Math.max(0, delayMs - earlyMs))
    return () => clearTimeout(timer)
  }
  caching = createCacheManager({ clock: { now: () => performance.now(), setTimer } })
  const rows = service()
  let fails = 3
  rows.before = () => {
    earlyMs = 5
    if (fails-- > 0) throw new Error('away')
  }
  await rows.save([row('a'), row('b')])
  await eventually(() => rows.calls.includes('a new,b new'))
})

test('after a failure the next try is made when its pause is over, not `maxDelay` later', async () => {
  const rows = service({ maxDelay: '1h', batch: 2 })
  let fails = 1
  rows.before = () => {
    if (fails-- > 0) throw new Error('away')
  }
  await rows.save([row('a')])
  const flushed = caching.writes('rows').flush()
  await flushed
  fails = 3
  await rows.save([row('b'), row('c')])
  await eventually(async () => (await pending()) === 0)
})

test('flush() ends under traffic that does not, and by its signal while the method hangs', async () => {
  const rows = service({ batch: 1 })
  let isBusy = true
  let turn = 0
  rows.before = async () => {
    // There is always one more.
    if (isBusy) await rows.save([row(`row${turn++}`)])
    await settle()
  }
  await rows.save([row('first')])
  await caching.writes('rows').flush()
  isBusy = false
  await caching.writes('rows').flush()

  const slow = gate()
  rows.before = () => slow.pass()
  await rows.save([row('a')])
  await expect(caching.writes('rows').flush({ signal: AbortSignal.timeout(30) })).rejects.toThrow('timeout')
  slow.open()
})

test('close() tries again at once, though the worker rests after failures', async () => {
  await caching.close()
  caching = createCacheManager()
  const rows = service()
  let isDown = true
  let tries = 0
  rows.before = () => {
    tries++
    if (isDown) throw new Error('away')
  }
  await rows.save([row('a'), row('b')])
  // The pauses have grown beyond what close() waits for.
  jest.spyOn(Math, 'random').mockReturnValue(0.99)
  const paused: number[] = []
  caching.on('writeFailed', ({ pauseMs }) => paused.push(pauseMs))
  await eventually(() => paused.some((ms) => ms > 700))
  isDown = false
  const before = tries
  const began = performance.now()
  await caching.close()
  expect(performance.now() - began).toBeLessThan(600)
  expect(tries).toBe(before + 1)
  expect(rows.calls).toEqual(['a new,b new'])
})

test('a call that waits for room while the manager closes is refused, never accepted and forgotten', async () => {
  const rows = service({ maxPending: 1, maxWait: '10s' })
  const slow = gate()
  rows.before = () => slow.pass()
  await rows.save([row('a')])
  const second = rows.save([row('b')])
  second.catch(() => {})
  await slow.entered
  const closing = caching.close()
  slow.open()
  await closing
  await expect(second).rejects.toMatchObject({ code: 'CW_WRITE_REFUSED' })
  expect(rows.calls).toEqual(['a new'])
})

test('after close() a queue that nobody had asked for refuses too, and nobody looks after it', async () => {
  const rows = service()
  await caching.close()
  await expect(rows.save([row('a')])).rejects.toMatchObject({ code: 'CW_WRITE_REFUSED' })
  drainWrites(rows)
  expect(await pending()).toBe(0)
})

test('close() leaves no call of the method waiting, and no flush() believing that all was written', async () => {
  await caching.close()
  const timers = new Set<object>()
  const setTimer = (callback: () => void, delayMs: number): (() => void) => {
    const timer = {}
    timers.add(timer)
    // What close() waits for is over soon.
    const its = setTimeout(() => timers.delete(timer) && callback(), Math.min(delayMs, 300))
    return () => {
      timers.delete(timer)
      clearTimeout(its)
    }
  }
  let isFast = true
  const clock = { now: () => performance.now() * (isFast ? 20 : 1), setTimer }
  caching = createCacheManager({ clock })
  const rows = service({ writeTimeout: '1h' })
  rows.before = () => {
    // The method hangs, whatever it is told.
    setTimer(() => {}, 0)
    return new Promise(() => {})
  }
  await rows.save([row('a')])
  const flushed = caching.writes('rows').flush()
  flushed.catch(() => {})
  await eventually(() => rows.signals.length > 0)
  isFast = false
  const warnings = await warningsDuring(() => caching.close())
  expect(warnings.map(({ code }) => code)).toEqual(['CW_WRITES_LOST'])
  expect(rows.signals.at(-1)!.aborted).toBe(true)
  await expect(flushed).rejects.toMatchObject({ code: 'CW_WRITE_REFUSED' })
  await eventually(() => timers.size === 0)
})

test.each(['close', 'flush'])('%s() keeps a process alive that nothing else does', async (end) => {
  const args = ['-r', 'esbuild-register', `${__dirname}/closes-with-writes.program.ts`, end]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  expect(stdout.split('\n')).toEqual(['written a', 'over', ''])
})

test('as many bad writes as a batch holds do not keep the others waiting', async () => {
  jest.spyOn(process, 'emitWarning').mockImplementation()
  const rows = service({ batch: 2, maxTries: 2 })
  rows.before = (its) => {
    if (its.some(({ text }) => text === 'bad')) throw new Error('a rule')
  }
  await rows.save([row('a', 'bad'), row('b', 'bad'), row('c'), row('d'), row('e')])
  await eventually(async () => (await pending()) === 0)
  expect((await caching.writes('rows').buried()).map(({ key }) => key).toSorted()).toEqual(['a', 'b'])
  expect(rows.calls.join().split(',').toSorted()).toEqual(['c new', 'd new', 'e new'])
})

test('while the database is away nothing is put aside, though writes are made one by one', async () => {
  const rows = service({ batch: 1, maxTries: 2 })
  let tries = 0
  rows.before = () => {
    if (++tries < 9) throw new Error('away')
  }
  await rows.save([row('a'), row('b')])
  await caching.writes('rows').flush()
  expect(await caching.writes('rows').counts()).toEqual({ pending: 0, buried: 0 })
  expect(rows.calls).toEqual(expect.arrayContaining(['a new', 'b new']))
})

test('the worker and what it calls belong to no request', async () => {
  const request = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  const rows = service()
  rows.before = () => seen.push(request.getStore())
  caching.on('written', () => seen.push(request.getStore()))
  await request.run('the first', () => rows.save([row('a')]))
  await eventually(() => rows.calls.length === 1)
  await request.run('the second', async () => {
    await rows.save([row('b')])
    await caching.writes('rows').flush()
  })
  await settle()
  expect(seen).toEqual([undefined, undefined, undefined, undefined])
})

test('values are taken as they are when the call is made, in a transaction too, and refused there', async () => {
  const rows = service()
  const mutable = { id: 'a', text: 'as it was' }
  const saving = rows.save([mutable])
  mutable.text = 'changed'
  await saving
  await caching.writes('rows').flush()
  const other = { id: 'b', text: 'as it was' }
  await caching.transaction(async () => {
    await rows.save([other])
    other.text = 'changed'
    await expect(rows.save([row('c'), { id: 'd', text: (() => {}) as never }])).rejects.toMatchObject({
      code: 'CW_VALUE_UNSUPPORTED',
    })
  })
  expect(await rows.find('b')).toEqual(row('b', 'as it was'))
  await caching.writes('rows').flush()
  expect(rows.calls).toEqual(['a as it was', 'b as it was'])
})

test('of versions the newest is written, whichever comes last', async () => {
  const rows = service({ maxDelay: '1h', version: (its: Row) => its.version! })
  await rows.save([{ id: 'a', text: 'five', version: 5 }])
  await caching.cache('rows').evict('a')
  await rows.save([{ id: 'a', text: 'four', version: 4 }])
  await rows.save([{ id: 'b', text: 'nine', version: 9 }])
  await rows.save([{ id: 'b', text: 'ten', version: 10 }])
  expect(await rows.find('a')).toMatchObject({ text: 'five' })
  await caching.writes('rows').flush()
  expect(rows.calls).toEqual(['a five,b ten'])
})

test('what is loaded anew, ahead or behind, alone or gathered, is what waits', async () => {
  let asked: string[] = []
  class Rows {
    @Cacheable({ manager, cache: 'rows', loadMany: 'findAll' })
    async find(id: string): Promise<Row> {
      return row(id, 'old')
    }

    @CacheableMany({ manager, cache: 'rows' })
    async findAll(ids: readonly string[]): Promise<Row[]> {
      asked.push(...ids)
      return ids.map((id) => row(id, 'old'))
    }

    @Cacheable({ manager, cache: 'rows', ttl: '20ms', refreshAhead: 0.1, staleWhileRevalidate: '1h' })
    async fresh(id: string): Promise<Row> {
      asked.push(id)
      return row(id, 'old')
    }

    @WriteBehind({ manager, cache: 'rows', key: (its: Row) => its.id, maxDelay: '1h', ttl: '20ms' })
    async save(_rows: readonly Row[]): Promise<void> {}
  }
  const rows = new Rows()
  const all = ['a', 'b', 'c', 'd']
  const found = await Promise.all(all.map((id) => rows.find(id)))
  expect(asked).toEqual(all)
  expect(found.map(({ text }) => text)).toEqual(all.map(() => 'old'))
  asked = []
  await rows.save([row('a'), row('c'), row('f')])
  await caching.cache('rows').clear()
  const again = await Promise.all(all.map((id) => rows.find(id)))
  expect(again.map(({ text }) => text)).toEqual(['new', 'old', 'new', 'old'])
  expect(asked).toEqual(['b', 'd'])
  asked = []
  const began = performance.now()
  // Within its life, past it, and loaded anew each time.
  await eventually(async () => {
    expect(await rows.fresh('f')).toEqual(row('f'))
    expect(performance.now() - began).toBeGreaterThan(80)
  })
  expect(asked).toEqual([])
})

test('a value over `maxValueBytes` is refused', async () => {
  await caching.close()
  caching = createCacheManager({ caches: { rows: { maxValueBytes: 1_000 } } })
  const rows = service()
  await expect(rows.save([row('a', 'x'.repeat(2_000))])).rejects.toMatchObject({
    code: 'CW_VALUE_TOO_LARGE',
    message: expect.stringMatching(/cache 'rows': a value takes 20\d\d bytes, more than `maxValueBytes` \(1000\)/),
  })
  expect(await pending()).toBe(0)
})

test('a short `maxDelay` does not keep the process busy', async () => {
  const looks = jest.spyOn(MemoryQueue.prototype, 'take')
  const rows = service({ maxDelay: 0 })
  await rows.save([row('a')])
  await eventually(() => rows.calls.length === 1)
  looks.mockClear()
  const began = performance.now()
  await eventually(() => looks.mock.calls.length >= 5)
  expect(performance.now() - began).toBeGreaterThan(30)
})
