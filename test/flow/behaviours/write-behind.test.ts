import {
  Cacheable,
  CacheableMany,
  CacheEvict,
  type CacheManager,
  createCacheManager,
  type Duration,
  drainWrites,
  systemClock,
  WriteBehind,
} from 'cachewright'
import { redis } from 'cachewright/redis'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { startRedis } from '../../support/redis-server'
import { warningsDuring } from '../../support/warnings'
import { places, quietly, world } from './world'

interface Row {
  readonly id: string
  readonly text: string
}

const row = (id: string, text = `text of ${id}`): Row => ({ id, text })

describe.each(places)('@WriteBehind, %s', (place) => {
  const its = world(place)
  let caching: CacheManager
  let manager: () => CacheManager

  // A class of its own for each test: a queue is one method's.
  const service = (options: { batch?: number; maxPending?: number; maxTries?: number; maxWait?: Duration } = {}) => {
    class Rows {
      readonly table = new Map<string, Row>()
      readonly calls: string[][] = []
      readonly signals: AbortSignal[] = []
      finds = 0
      before: (rows: readonly Row[]) => unknown = () => {}

      @Cacheable({ manager, cache: 'rows' })
      async find(id: string): Promise<Row | undefined> {
        this.finds++
        return this.table.get(id)
      }

      @CacheableMany({ manager, cache: 'rows' })
      async findAll(ids: readonly string[]): Promise<(Row | undefined)[]> {
        return ids.map((id) => this.table.get(id))
      }

      @CacheEvict({ manager, cache: 'rows' })
      async forget(_id: string): Promise<void> {}

      @WriteBehind({ manager, cache: 'rows', key: (its: Row) => its.id, maxDelay: '1s', ...options })
      async save(rows: readonly Row[], signal?: AbortSignal): Promise<void> {
        this.calls.push(rows.map(({ id, text }) => `${id}: ${text}`))
        if (signal !== undefined) this.signals.push(signal)
        await this.before(rows)
        for (const its of rows) this.table.set(its.id, its)
      }
    }
    return new Rows()
  }

  /** Lets time pass until something is so. */
  const soon = (check: () => unknown, stepMs = 200): Promise<unknown> =>
    eventually(async () => {
      await its.clock.advance(stepMs)
      return (await check()) !== false
    })

  beforeEach(async () => {
    // On a real server time is real: a jump of the clock must not be taken for its silence.
    caching =
      place === 'on Redis'
        ? await its.another({ shared: redis({ url: its.server.url, commandTimeout: '1h' }) })
        : its.caching
    manager = () => caching
  })

  test('a call is over when its values are queued and cached; the method writes them later, together', async () => {
    const rows = service()
    await rows.save([row('a')])
    await rows.save([row('b'), row('c')])
    expect(rows.calls).toEqual([])
    expect(await rows.find('b')).toEqual(row('b'))
    expect(await caching.writes('rows').counts()).toEqual({ pending: 3, buried: 0 })
    await soon(() => rows.calls.length > 0)
    await eventually(async () => (await caching.writes('rows').counts()).pending === 0)
    expect(rows.calls).toEqual([['a: text of a', 'b: text of b', 'c: text of c']])
    expect(rows.finds).toBe(0)
  })

  test('a full batch waits no longer, and no batch is larger', async () => {
    const rows = service({ batch: 2 })
    await rows.save(['a', 'b', 'c', 'd', 'e'].map((id) => row(id)))
    await eventually(() => rows.table.size === 5)
    expect(rows.calls.map(({ length }) => length)).toEqual([2, 2, 1])
  })

  test('of several writes of a key that wait, the newest is written', async () => {
    const rows = service()
    await rows.save([row('a', 'one'), row('b'), row('a', 'two')])
    await rows.save([row('a', 'three')])
    await caching.writes('rows').flush()
    expect(rows.calls).toEqual([['a: three', 'b: text of b']])
    expect(await rows.find('a')).toEqual(row('a', 'three'))
  })

  test('reads see what waits to be written, though its entry is gone, one by one and in lists', async () => {
    const rows = service()
    rows.table.set('a', row('a', 'old'))
    await rows.save([row('a', 'new'), row('b', 'new')])
    await rows.forget('a')
    await rows.forget('b')
    expect(await rows.find('a')).toEqual(row('a', 'new'))
    await rows.forget('a')
    expect(await rows.findAll(['b', 'a', 'c'])).toEqual([row('b', 'new'), row('a', 'new'), undefined])
    await rows.forget('a')
    expect(await caching.cache('rows').getOrLoad('a', async () => row('a', 'old'))).toEqual(row('a', 'new'))
    expect(rows.finds).toBe(0)
    await caching.writes('rows').flush()
    await rows.forget('a')
    expect(await rows.find('a')).toEqual(row('a', 'new'))
    expect(rows.finds).toBe(1)
  })

  test('a read that began before a write is not kept, and does not hide it', async () => {
    const rows = service()
    rows.table.set('a', row('a', 'old'))
    const slow = gate()
    const reading = caching.cache('rows').getOrLoad('a', async () => {
      await slow.pass()
      return row('a', 'old')
    })
    await slow.entered
    await rows.save([row('a', 'new')])
    slow.open()
    await reading
    expect(await rows.find('a')).toEqual(row('a', 'new'))
  })

  test('the writes of a key are made in their order: what comes while one is made is made after it', async () => {
    const rows = service()
    const slow = gate()
    rows.before = () => slow.pass()
    await rows.save([row('a', 'one')])
    const flushed = caching.writes('rows').flush()
    await slow.entered
    await rows.save([row('a', 'two')])
    await rows.save([row('a', 'three'), row('b')])
    expect(await rows.find('a')).toEqual(row('a', 'three'))
    slow.open()
    await flushed
    await caching.writes('rows').flush()
    expect(rows.calls.map((call) => call.toSorted())).toEqual([['a: one'], ['a: three', 'b: text of b']])
    expect(rows.table.get('a')).toEqual(row('a', 'three'))
  })

  test('a database that fails loses nothing: the same values are written again, after pauses that grow', async () => {
    const rows = service({ maxTries: 3 })
    const failures: number[] = []
    caching.on('writeFailed', ({ pauseMs, count }) => failures.push(pauseMs / count))
    let isDown = true
    rows.before = () => {
      if (isDown) throw new Error('the database is down')
    }
    await rows.save([row('a'), row('b')])
    await soon(() => failures.length >= 8, 5_000)
    // Longer and longer, whatever chance adds: each pause is at least half of what it could be.
    expect(failures.at(-1)!).toBeGreaterThan(4 * failures[0]!)
    expect(await caching.writes('rows').counts()).toEqual({ pending: 2, buried: 0 })
    expect(await rows.find('a')).toEqual(row('a'))
    isDown = false
    await soon(() => rows.table.size === 2, 30_000)
    expect(await caching.writes('rows').counts()).toEqual({ pending: 0, buried: 0 })
  })

  test('a write that alone fails is put aside after so many tries; the others are made, and it can be tried again', async () => {
    quietly()
    const rows = service({ maxTries: 3 })
    let refuses = true
    rows.before = (these) => {
      if (refuses && these.some(({ id }) => id === 'b')) throw new Error('b breaks a rule')
    }
    rows.table.set('b', row('b', 'old'))
    const buried: string[] = []
    caching.on('buried', ({ key }) => buried.push(key))
    await rows.save([row('a'), row('b', 'new'), row('c')])
    await soon(() => buried.length === 1, 1_000)
    expect(rows.calls.filter((call) => call.join() === 'b: new')).toHaveLength(3)
    expect([...rows.table.keys()].toSorted()).toEqual(['a', 'b', 'c'])
    const writes = caching.writes('rows')
    expect(await writes.counts()).toEqual({ pending: 0, buried: 1 })
    expect(await writes.buried()).toEqual([{ key: 'b', value: row('b', 'new'), reason: 'b breaks a rule' }])
    // What is read is what the database has.
    await eventually(async () => (await rows.find('b'))?.text === 'old')
    refuses = false
    expect(await writes.revive()).toBe(1)
    await writes.flush()
    expect(rows.table.get('b')).toEqual(row('b', 'new'))
    expect(await writes.counts()).toEqual({ pending: 0, buried: 0 })
  })

  test('what was put aside never takes the place of a newer write', async () => {
    quietly()
    const rows = service({ maxTries: 1 })
    rows.before = (these) => {
      if (these.some(({ text }) => text === 'bad')) throw new Error('no')
    }
    await rows.save([row('a', 'bad')])
    await soon(async () => (await caching.writes('rows').counts()).buried === 1)
    await rows.save([row('a', 'good')])
    expect(await caching.writes('rows').revive()).toBe(0)
    await caching.writes('rows').flush()
    expect(rows.table.get('a')).toEqual(row('a', 'good'))
  })

  test('one that was given up can be forgotten', async () => {
    quietly()
    const rows = service({ maxTries: 1 })
    rows.before = () => {
      throw new Error('no')
    }
    await rows.save([row('a')])
    await soon(() => rows.calls.length > 0)
    await eventually(async () => (await caching.writes('rows').counts()).buried === 1)
    expect(await caching.writes('rows').discard()).toBe(1)
    expect(await caching.writes('rows').counts()).toEqual({ pending: 0, buried: 0 })
  })

  test('a method that hangs is not waited for for ever; its signal tells it', async () => {
    const rows = service()
    const slow = gate()
    rows.before = () => slow.pass()
    await rows.save([row('a')])
    await soon(() => rows.calls.length === 1)
    await its.clock.advance(60_000)
    await eventually(() => rows.signals[0]!.aborted)
    expect(rows.signals[0]!.reason).toMatchObject({ code: 'CW_LOAD_TIMEOUT' })
    slow.open()
    await soon(() => rows.calls.length === 2, 1_000)
    await eventually(async () => (await caching.writes('rows').counts()).pending === 0)
  })

  test('where too many keys wait, calls wait for room, and are refused in the end', async () => {
    // On a real server time is real: a jump of the clock would be taken for its silence.
    const isReal = place === 'on Redis'
    if (isReal) caching = await its.another({ clock: systemClock })
    const rows = service({ maxPending: 2, maxWait: isReal ? '200ms' : '5s' })
    const slow = gate()
    rows.before = () => slow.pass()
    await rows.save([row('a'), row('b')])
    // A key that waits already needs no room.
    await rows.save([row('a', 'newer')])
    let refusal: unknown
    const third = rows.save([row('c')]).catch((error: unknown) => {
      refusal = error
    })
    await slow.entered
    await soon(() => refusal !== undefined)
    await third
    expect(refusal).toMatchObject({
      code: 'CW_WRITE_REFUSED',
      message: expect.stringMatching(/2 keys wait to be written.*no room for 1 of 1 values within (5000|200) ms/),
    })
    expect(await caching.cache('rows').lookup('c')).toEqual({ found: false })
    let isAccepted = false
    const fourth = rows.save([row('d')]).then(() => {
      isAccepted = true
    })
    await its.clock.advance(100)
    slow.open()
    await soon(() => isAccepted)
    await fourth
    await caching.writes('rows').flush()
    expect([...rows.table.keys()].toSorted()).toEqual(['a', 'b', 'd'])
  })

  test('what a caller does to its values afterwards is nobody’s business', async () => {
    const rows = service()
    const mutable = { id: 'a', text: 'as it was' }
    await rows.save([mutable])
    mutable.text = 'changed'
    await caching.writes('rows').flush()
    expect(rows.table.get('a')).toEqual(row('a', 'as it was'))
  })

  test('in a transaction values are queued by its commit, and a rollback queues nothing', async () => {
    const rows = service()
    await caching.transaction(async () => {
      await rows.save([row('a')])
      expect(await caching.writes('rows').counts()).toEqual({ pending: 0, buried: 0 })
      expect(await rows.find('a')).toBeUndefined()
    })
    expect(await rows.find('a')).toEqual(row('a'))
    await expect(
      caching.transaction(async () => {
        await rows.save([row('b')])
        throw new Error('rolled back')
      }),
    ).rejects.toThrow('rolled back')
    const committing = caching.databaseTransaction(async (attempt) => {
      await attempt(() => rows.save([row('c')]))
      throw new Error('not committed')
    })
    await expect(committing).rejects.toThrow('not committed')
    expect(await caching.writes('rows').counts()).toEqual({ pending: 1, buried: 0 })
  })

  test('close() writes what waits', async () => {
    const rows = service()
    await rows.save([row('a')])
    await caching.close()
    expect(rows.table.get('a')).toEqual(row('a'))
    await expect(rows.save([row('b')])).rejects.toMatchObject({ code: 'CW_WRITE_REFUSED' })
  })

  test('bad input is refused before anything is queued', async () => {
    const rows = service()
    await expect(rows.save(row('a') as never)).rejects.toMatchObject({ code: 'CW_OPTION_INVALID' })
    await expect(rows.save([row('a'), { id: 'b', text: (() => {}) as never }])).rejects.toMatchObject({
      code: 'CW_VALUE_UNSUPPORTED',
    })
    await expect(rows.save([row('a'), undefined as never])).rejects.toThrow(TypeError)
    await rows.save([])
    expect(await caching.writes('rows').counts()).toEqual({ pending: 0, buried: 0 })
    expect(await caching.cache('rows').lookup('a')).toEqual({ found: false })
    class Second {
      @WriteBehind({ manager, cache: 'rows', key: (its: Row) => its.id })
      async saveToo(_rows: readonly Row[]): Promise<void> {}
    }
    await rows.save([row('a')])
    await expect(new Second().saveToo([row('b')])).rejects.toMatchObject({ code: 'CW_DEFINITION_CONFLICT' })
    expect(() => drainWrites({})).toThrow(/Object has no method under @WriteBehind/)
  })
})

test('values that another version of the cache queued wait for a process of that version, or are upgraded', async () => {
  const server = await startRedis()
  const open = (version?: number): CacheManager =>
    createCacheManager({
      shared: redis({ url: server.url }),
      caches: { rows: version === undefined ? {} : { version } },
    })
  const [before, after] = [open(), open(2)]
  class Before {
    @WriteBehind({ manager: before, cache: 'rows', key: (its: Row) => its.id, maxDelay: '1h' })
    async save(_rows: readonly Row[]): Promise<void> {}
  }
  class Unready {
    made = 0
    @WriteBehind({ manager: after, cache: 'rows', key: (its: Row) => its.id, maxDelay: '1h' })
    async save(rows: readonly Row[]): Promise<void> {
      this.made += rows.length
    }
  }
  await new Before().save([row('a')])
  const unready = new Unready()
  const warnings = await warningsDuring(async () => {
    drainWrites(unready)
    await expect(after.writes('rows').flush({ signal: AbortSignal.timeout(100) })).rejects.toThrow('timeout')
  })
  expect(unready.made).toBe(0)
  expect(warnings.map(({ code, message }) => `${code} ${message}`)).toEqual([
    expect.stringMatching(
      /CW_ENTRY_UNREADABLE .*has no version, and this process version 2. Give @WriteBehind `upgrade/,
    ),
  ])
  expect(await after.writes('rows').counts()).toEqual({ pending: 1, buried: 0 })
  await after.close()

  const ready = open(2)
  class Ready {
    readonly made: unknown[] = []
    @WriteBehind({
      manager: ready,
      cache: 'rows',
      key: (its: { id: string; title: string }) => its.id,
      upgrade: ({ id, text }: Row, version) => ({ id, title: `${text}${version}` }),
    })
    async save(rows: readonly { id: string; title: string }[]): Promise<void> {
      this.made.push(...rows)
    }
  }
  const rows = new Ready()
  drainWrites(rows)
  await ready.writes('rows').flush()
  expect(rows.made).toEqual([{ id: 'a', title: 'text of a' }])
  await Promise.all([before.close(), ready.close()])
  await server.stop()
})
