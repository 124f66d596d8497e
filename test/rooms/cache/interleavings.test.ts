import { Cacheable, type CacheManager, CachePut, createCacheManager } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import { Background } from '../../../src/cache/background'
import { WriteFence } from '../../../src/cache/write-fence'
import { gate } from '../../support/gate'

let manager: CacheManager
beforeEach(() => {
  manager = createCacheManager()
})
afterEach(() => manager.close())

describe('in one process, a load that began before a change', () => {
  type Change = (own: CacheManager) => Promise<unknown>
  const changes: readonly (readonly [string, Change])[] = [
    ['evict', (own) => own.cache('c').evict('a')],
    ['put', (own) => own.cache('c').put('a', 'new', { tags: ['x'] })],
    ['evictTags', (own) => own.cache('c').evictTags(['x'])],
    ['evictTags everywhere', (own) => own.evictTags(['x'])],
    ['clear', (own) => own.cache('c').clear()],
    ['clear everything', (own) => own.clear()],
  ]

  test.each(changes)('%s: is not kept, nor joined afterwards, and its caller is answered', async (_what, change) => {
    const cache = manager.cache<string>('c')
    const slow = gate<string>()
    const first = cache.getOrLoad('a', () => slow.pass(), { tags: () => ['x'] })
    await slow.entered
    await change(manager)
    const second = cache.getOrLoad('a', async () => 'new', { tags: () => ['x'] })
    slow.open('old')
    expect(await first).toBe('old')
    expect(await second).toBe('new')
    expect(await cache.get('a')).toBe('new')
  })

  test.each(changes)('%s: is not kept when it ends while the younger one still runs', async (_what, change) => {
    const cache = manager.cache<string>('c')
    const [older, younger] = [gate<string>(), gate<string>()]
    const first = cache.getOrLoad('a', () => older.pass(), { tags: () => ['x'] })
    await older.entered
    await change(manager)
    const second = cache.getOrLoad('a', () => younger.pass(), { tags: () => ['x'] })
    older.open('old')
    expect(await first).toBe('old')
    expect(await cache.get('a')).not.toBe('old')
    younger.open('new')
    expect(await second).toBe('new')
    expect(await cache.get('a')).toBe('new')
  })

  test('a tag it turns out not to carry does not cost it its place, unless a younger one is there', async () => {
    const cache = manager.cache<string>('c')
    const slow = gate<string>()
    const first = cache.getOrLoad('a', () => slow.pass(), { tags: () => ['y'] })
    await cache.getOrLoad('b', async () => 'b', { tags: () => ['y'] })
    await slow.entered
    await cache.evictTags(['x'])
    slow.open('kept')
    await first
    expect(await cache.get('a')).toBe('kept')
  })
})

describe('in one process', () => {
  test('G1 a load that a tag’s evict has left behind does not take a younger one’s place', async () => {
    const cache = manager.cache<string>('c')
    const slow = gate<string>()
    const first = cache.getOrLoad('a', () => slow.pass(), { tags: () => ['y'] })
    await cache.getOrLoad('b', async () => 'b', { tags: () => ['y'] })
    await slow.entered
    await cache.evictTags(['x'])
    expect(await cache.getOrLoad('a', async () => 'new', { tags: () => ['y'] })).toBe('new')
    slow.open('old')
    expect(await first).toBe('old')
    expect(await cache.get('a')).toBe('new')
  })

  test.each<[string, (own: CacheManager) => Promise<unknown>]>([
    ['the cache', (own) => own.cache('c').clear()],
    ['everything', (own) => own.clear()],
  ])('G1 a put whose method ran while %s was cleared is not stored', async (_what, clear) => {
    const slow = gate<string>()
    class Writer {
      @CachePut({ cache: 'c', manager: () => manager, key: () => 'a' })
      async save(): Promise<string> {
        return slow.pass()
      }
    }
    const saving = new Writer().save()
    await slow.entered
    await clear(manager)
    slow.open('old')
    await saving
    expect(await manager.cache('c').get('a')).toBeUndefined()
  })

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('G1 an evict at the %i-th turn of a put leaves nothing', async (turns) => {
    const cache = manager.cache<string>('c')
    const putting = cache.put('a', 'old')
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    await Promise.all([cache.evict('a'), putting])
    expect(await cache.get('a')).toBeUndefined()
  })
})

describe('two writes of one key that overlap', () => {
  test.each([
    [0, 1],
    [1, 0],
  ])('leave it empty, whichever ends first (%i, %i)', async (...order) => {
    const gates = [gate<string>(), gate<string>()]
    class Rows {
      @CachePut({ cache: 'c', manager: () => manager, key: () => 'a' })
      async save(which: number): Promise<string> {
        return gates[which]!.pass()
      }

      @Cacheable({ cache: 'c', manager: () => manager, key: () => 'a' })
      async find(): Promise<string> {
        return 'row'
      }
    }
    const rows = new Rows()
    const writes = [rows.save(0), rows.save(1)]
    await Promise.all(gates.map(({ entered }) => entered))
    for (const which of order) {
      gates[which]!.open(`value ${which}`)
      await writes[which]
    }
    expect(await manager.cache('c').get('a')).toBeUndefined()
    expect(await rows.find()).toBe('row')
  })

  test('are only those that do overlap', () => {
    const fence = new WriteFence()
    const one = fence.begin()
    fence.note('a')
    expect(fence.overlapped(one, 'a')).toBe(true)
    expect(fence.overlapped(one, 'b')).toBe(false)
    const two = fence.begin()
    expect(fence.overlapped(two, 'a')).toBe(false)
    fence.end(one)
    fence.note('b')
    expect(fence.overlapped(two, 'b')).toBe(true)
    fence.noteAll()
    expect(fence.overlapped(two, 'c')).toBe(true)
    fence.end(two)
    expect(fence.overlapped(fence.begin(), 'b')).toBe(false)
  })
})

describe('callers that wait together', () => {
  test.each(['freeze', 'copy'] as const)('cannot change what the others get (%s)', async (isolation) => {
    const own = createCacheManager({ local: { isolation } })
    const slow = gate<{ list: number[] }>()
    const load = (): Promise<{ list: number[] }> => slow.pass()
    const waiting = Array.from({ length: 3 }, () => own.cache<{ list: number[] }>('c').getOrLoad('a', load, { ttl: 0 }))
    const source = { list: [1] }
    slow.open(source)
    const values = await Promise.all(waiting)
    source.list.push(2)
    for (const value of values) {
      if (isolation === 'copy') value.list.push(3)
      else expect(() => value.list.push(3)).toThrow(TypeError)
    }
    expect(values.map(({ list }) => list.length)).toEqual(values.map(() => (isolation === 'copy' ? 2 : 1)))
    await own.close()
  })

  test('all get the loader’s error, and it is not kept', async () => {
    const cache = manager.cache('c')
    const slow = gate<number>()
    const waiting = Array.from({ length: 3 }, () => cache.getOrLoad('a', () => slow.pass()))
    slow.fail(new Error('no row'))
    for (const { status } of await Promise.allSettled(waiting)) expect(status).toBe('rejected')
    expect(slow.entries).toBe(1)
    expect(await cache.getOrLoad('a', async () => 1)).toBe(1)
  })

  test('leave one by one, and the load is cancelled with the last', async () => {
    const cache = manager.cache('c')
    const leaving = [new AbortController(), new AbortController()]
    let seen: AbortSignal | undefined
    const slow = gate<number>()
    const waiting = leaving.map(({ signal }) =>
      cache.getOrLoad(
        'a',
        (its) => {
          seen = its
          return slow.pass()
        },
        { signal },
      ),
    )
    const settled = Promise.allSettled(waiting)
    await slow.entered
    leaving[0]!.abort(new Error('first'))
    expect(seen?.aborted).toBe(false)
    leaving[1]!.abort(new Error('second'))
    expect(seen?.aborted).toBe(true)
    expect((await settled).map((its) => (its.status === 'rejected' ? String(its.reason) : 'answered'))).toEqual([
      'Error: first',
      'Error: second',
    ])
    slow.open(1)
    expect(await cache.getOrLoad('a', async () => 2)).toBe(2)
  })
})

describe('after close()', () => {
  test('no timer is left, and what failed in the background is nobody’s concern', async () => {
    const clock = new ManualClock()
    const own = createCacheManager({ clock })
    await own.cache('c').getOrLoad('a', async () => 1)
    await own.close()
    expect(clock.pending).toBe(0)
    const background = new Background()
    background.track(Promise.reject(new Error('in the background')))
    await background.drain(clock, 1_000)
    expect(background.size).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('a load that hangs delays it by its deadline and no more', async () => {
    const clock = new ManualClock()
    const own = createCacheManager({ clock })
    const never = gate<number>()
    void own.cache('c').getOrLoad('a', () => never.pass())
    await never.entered
    const closed = own.close()
    await clock.advance(5_000)
    await closed
    expect(clock.pending).toBe(0)
    expect(await own.cache('c').getOrLoad('a', async () => 2)).toBe(2)
  })
})
