import { Cacheable, CacheConfig, type CacheManager, createCacheManager, drainWrites, WriteBehind } from 'cachewright'
import { redis } from 'cachewright/redis'
import { startRedis } from '../support/redis-server'
import { foreign } from './foreign'

// @WriteBehind in either dialect, what explains it, and what is refused when classes are defined or looked over.

interface Row {
  readonly id: string
}

let manager: CacheManager
beforeEach(() => {
  manager = createCacheManager()
})
afterEach(() => manager.close())

// What ready() looks through is held weakly, so the classes are kept for as long as their test.
const keep: unknown[] = []
beforeEach(() => void keep.splice(0))

function rowsOf() {
  class Rows {
    static readonly written: string[] = []
    readonly written: string[] = []

    @Cacheable({ manager, cache: 'rows' })
    async find(_id: string): Promise<Row | undefined> {
      return undefined
    }

    @WriteBehind({ manager, cache: 'rows', key: (row: Row) => row.id })
    async save(rows: readonly Row[]): Promise<void> {
      this.written.push(...rows.map(({ id }) => id))
    }

    @WriteBehind({ manager, cache: 'static', key: (row: Row) => row.id })
    static async save(rows: readonly Row[]): Promise<void> {
      Rows.written.push(...rows.map(({ id }) => id))
    }
  }
  return Rows
}

test('the method is called with `this`, static ones too', async () => {
  const Rows = rowsOf()
  const rows = new Rows()
  await rows.save([{ id: 'a' }])
  await Rows.save([{ id: 'b' }])
  expect(await rows.find('a')).toEqual({ id: 'a' })
  await manager.writes('rows').flush()
  await manager.writes('static').flush()
  expect([rows.written, Rows.written]).toEqual([['a'], ['b']])
})

test('drainWrites() finds inherited methods and those of a class', async () => {
  const Rows = rowsOf()
  class Child extends Rows {}
  const child = new Child()
  await new Rows().save([{ id: 'a' }])
  expect(() => drainWrites(child)).not.toThrow()
  expect(() => drainWrites(Rows)).not.toThrow()
  expect(() => drainWrites([])).toThrow(/Array has no method under @WriteBehind/)
})

test('drainWrites() finds a method behind the function of another decorator, and the one that an override goes past', async () => {
  const written: string[] = []
  class Rows {
    @foreign([])
    @WriteBehind({ manager, cache: 'rows', key: (row: Row) => row.id, maxDelay: '1h' })
    async save(rows: readonly Row[]): Promise<void> {
      written.push(...rows.map(({ id }) => id))
    }
  }
  class Child extends Rows {
    override async save(rows: readonly Row[]): Promise<void> {
      await super.save(rows.map(({ id }) => ({ id: `${id} of a child` })))
    }
  }
  const child = new Child()
  drainWrites(child)
  await child.save([{ id: 'a' }])
  await manager.writes('rows').flush()
  expect(written).toEqual(['a of a child'])
})

test('drainWrites() uses the manager that an object is bound to, and says what it needs', async () => {
  class Rows {
    made = 0
    @WriteBehind({ cache: 'rows', key: (row: Row) => row.id })
    async save(rows: readonly Row[]): Promise<void> {
      this.made += rows.length
    }
  }
  const rows = manager.bind(new Rows())
  drainWrites(rows)
  await rows.save([{ id: 'a' }])
  await manager.writes('rows').flush()
  expect(rows.made).toBe(1)
  expect(() => drainWrites(new Rows())).toThrow(expect.objectContaining({ code: 'CW_NOT_CONFIGURED' }))
  expect(() => drainWrites(Rows)).toThrow(/Rows has no method under @WriteBehind. Give an object of the class/)
})

test('one object writes for all of its class: the first that was called', async () => {
  const Rows = rowsOf()
  const [first, second] = [new Rows(), new Rows()]
  await first.save([{ id: 'a' }])
  await second.save([{ id: 'b' }])
  await manager.writes('rows').flush()
  expect([first.written, second.written]).toEqual([['a', 'b'], []])
})

test.each(['its class', 'a class that inherits it'])(
  'who only reads sees what waits in a cache that is named by %s',
  async (by) => {
    const server = await startRedis()
    const [writing, reading] = [0, 0].map(() => createCacheManager({ shared: redis({ url: server.url }) })) as [
      CacheManager,
      CacheManager,
    ]
    class Reader {
      @Cacheable({ manager: reading, cache: by })
      async find(_id: string): Promise<Row | undefined> {
        return undefined
      }
    }
    const reader = new Reader()
    expect(await reader.find('before')).toBeUndefined()
    @CacheConfig({ manager: writing, ...(by === 'its class' ? { cache: by } : {}) })
    class Writer {
      @WriteBehind({ key: (row: Row) => row.id, maxDelay: '1h' })
      async save(_rows: readonly Row[]): Promise<void> {}
    }
    @CacheConfig({ cache: by, manager: writing })
    class Child extends Writer {}
    await new Child().save([{ id: 'a' }])
    await writing.cache(by).evict('a')
    expect(await reader.find('a')).toEqual({ id: 'a' })
    await Promise.all([writing.close(), reading.close()])
    await server.stop()
  },
)

test('explain() says that the write is queued, and where', () => {
  const Rows = rowsOf()
  const explanation = manager.explain(new Rows(), 'save')
  expect(explanation.steps.map(({ does }) => does)).toEqual(['put', 'queue'])
  expect(explanation.steps[1]).toEqual({
    does: 'queue',
    isDurable: false,
    batch: 100,
    maxDelayMs: 1_000,
    maxPending: 10_000,
    maxTries: 10,
  })
  expect(String(explanation)).toMatch(/put by element, `key`/)
  expect(String(explanation)).toMatch(
    /queue the write in this process; the method is called within 1s, with 100 values at the most/,
  )
})

test('two methods that queue writes for one cache: ready() names both', async () => {
  class One {
    @WriteBehind({ manager, cache: 'shared', key: (row: Row) => row.id })
    async save(_rows: readonly Row[]): Promise<void> {}
  }
  class Two {
    @WriteBehind({ manager, cache: 'shared', key: (row: Row) => row.id })
    async save(_rows: readonly Row[]): Promise<void> {}
  }
  keep.push(new One(), new Two())
  await expect(manager.ready()).rejects.toMatchObject({
    code: 'CW_DEFINITION_CONFLICT',
    message: expect.stringMatching(
      /(One\.save and Two\.save|Two\.save and One\.save) both queue writes for cache 'shared'/,
    ),
  })
})

test.each([
  [{ key: undefined }, 'CW_OPTION_INVALID', /give `key: \(value\) => …`/],
  [{ batch: 0 }, 'CW_OPTION_INVALID', /`batch` must be a whole number above 0/],
  [{ maxDelay: 'soon' }, 'CW_OPTION_INVALID', /option `maxDelay`: 'soon' is not a duration/],
  [{ resultKey: () => 1 }, 'CW_OPTION_UNKNOWN', /no option `resultKey`/],
])('options %j are refused where they stand', (options, code, message) => {
  const define = (): unknown => {
    class Wrong {
      @WriteBehind({ cache: 'rows', key: (row: Row) => row.id, ...options } as never)
      async save(_rows: readonly Row[]): Promise<void> {}
    }
    return Wrong
  }
  expect(define).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
})

test('it stands for itself, with one cache that is named', async () => {
  class Rows {
    @WriteBehind({ manager, key: (row: Row) => row.id })
    async unnamed(_rows: readonly Row[]): Promise<void> {}

    @WriteBehind({ manager, cache: ['one', 'two'], key: (row: Row) => row.id })
    async two(_rows: readonly Row[]): Promise<void> {}

    @Cacheable({ manager, cache: 'rows' })
    @WriteBehind({ manager, cache: 'rows', key: (row: Row) => row.id })
    async both(_rows: readonly Row[]): Promise<void> {}
  }
  const rows = new Rows()
  for (const call of [() => rows.unnamed([]), () => rows.two([]), () => rows.both([])]) {
    await expect(call()).rejects.toMatchObject({ code: 'CW_OPTIONS_CONTRADICT' })
  }
})
