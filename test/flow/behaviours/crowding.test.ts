import { Cacheable, type CacheManager } from 'cachewright'
import { settle } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { type Gate, gate } from '../../support/gate'
import { places, world } from './world'

// How many loads may run at once, and what becomes of the others: those that wait for a place, and those that must not.

describe.each(places)('a cache that loads so many values at once, cached %s', (place) => {
  const its = world(place, {
    caches: {
      c: { ttl: '10s', maxConcurrentLoads: 2, maxQueuedLoads: 2 },
      s: { ttl: '10s', maxConcurrentLoads: 1, maxQueuedLoads: 0, staleIfError: '15s' },
      narrow: { maxConcurrentLoads: 1, maxQueuedLoads: 10 },
      other: { maxConcurrentLoads: 1, maxQueuedLoads: 10 },
    },
    maxStaleness: '1h',
  })
  const { manager } = its
  const cache = () => its.caching.cache<unknown>('c')

  const reading = (id: number, slow: Gate<string>) => {
    const answer = cache().getOrLoad(id, () => slow.pass())
    answer.catch(() => {})
    return answer
  }

  test('the others wait for their turn, and the method runs for each', async () => {
    const slow = gate<string>()
    const reads = [1, 2, 3, 4].map((id) => reading(id, slow))
    await eventually(() => slow.entries === 2)
    for (let turn = 0; turn < 10; turn++) await settle()
    expect(slow.entries).toBe(2)
    slow.open('value')
    expect(await Promise.all(reads)).toEqual(['value', 'value', 'value', 'value'])
  })

  test('who does not fit into the queue has a named error, and an event tells', async () => {
    const shed = jest.fn()
    its.caching.on('shed', shed)
    const slow = gate<string>()
    const reads = [1, 2, 3, 4].map((id) => reading(id, slow))
    await eventually(() => slow.entries === 2)
    const tooMany = reading(5, slow)
    await expect(tooMany).rejects.toMatchObject({
      code: 'CW_LOADS_FULL',
      message: expect.stringMatching(/'c'.*2 loads are running and 2 wait.*`maxConcurrentLoads`/),
    })
    expect(shed.mock.calls).toEqual([[{ cache: 'c', key: '#5' }]])
    expect(cache().stats().shed).toBe(1)
    slow.open('value')
    await Promise.all(reads)
    expect(await reading(5, slow)).toBe('value')
  })

  test('one that has an old value is answered with that', async () => {
    const stale = its.caching.cache<unknown>('s')
    await stale.put('a', 'old')
    its.clock.jump(10_000)
    const slow = gate<string>()
    const first = stale.getOrLoad('b', () => slow.pass())
    await slow.entered
    expect(await stale.getOrLoad('a', () => 'new')).toBe('old')
    slow.open('value')
    await first
  })

  test('who leaves the queue makes room, and a failing load gives its place back', async () => {
    const [slow, next] = [gate<string>(), gate<string>()]
    const reads = [1, 2].map((id) => reading(id, slow))
    await eventually(() => slow.entries === 2)
    const leaving = new AbortController()
    const left = cache().getOrLoad(3, () => next.pass(), { signal: leaving.signal })
    left.catch(() => {})
    const waiting = reading(4, next)
    await settle()
    leaving.abort(new Error('left'))
    await expect(left).rejects.toThrow('left')
    slow.fail(new Error('source'))
    await expect(Promise.allSettled(reads)).resolves.toHaveLength(2)
    await next.entered
    next.open('value')
    expect(await waiting).toBe('value')
    expect(next.entries).toBe(1)
  })

  test('a load never waits for one that waits for it: nested in one cache, across caches, and joined', async () => {
    class Service {
      @Cacheable({ manager, cache: 'narrow', key: (id: number) => ['sum', id] })
      async sum(id: number): Promise<number> {
        return id === 0 ? 0 : id + (await this.sum(id - 1))
      }

      @Cacheable({ manager, cache: 'narrow', key: (id: number) => ['a', id] })
      async a(id: number): Promise<number> {
        return 1 + (await this.b(id))
      }

      @Cacheable({ manager, cache: 'other', key: (id: number) => ['b', id] })
      async b(id: number): Promise<number> {
        return id === 0 ? 0 : 1 + (await this.a(id - 1))
      }
    }
    const service = new Service()
    expect(await service.sum(10)).toBe(55)
    expect(await Promise.all([service.a(5), service.b(7), service.a(9), service.b(3)])).toEqual([11, 14, 19, 6])
    const narrow = its.caching.cache<unknown>('narrow')
    const slow = gate<string>()
    const outer = narrow.getOrLoad('outer', async () => {
      await slow.pass()
      // It is in the queue behind this very load.
      return narrow.getOrLoad('queued', () => 'never')
    })
    await slow.entered
    const queued = narrow.getOrLoad('queued', () => 'queued')
    await settle()
    slow.open('go')
    expect(await Promise.all([outer, queued])).toEqual(['queued', 'queued'])
  })
})

describe.each(places)('a bounded number of loads, cached %s', (place) => {
  const its = world(place, { defaults: { loadDeadline: '4s' }, caches: { c: { maxConcurrentLoads: 1 } } })
  const cache = () => its.caching.cache<unknown>('c')
  const { manager } = its

  test('G3 C130 a load that hangs gives its place back at its deadline: who joined it begins anew', async () => {
    const [hung, second] = [gate<string>(), gate<string>()]
    const first = cache().getOrLoad('a', () => hung.pass())
    await hung.entered
    const joined = cache().getOrLoad('a', () => second.pass())
    await its.clock.advance(4_000)
    await eventually(() => second.entries === 1)
    second.open('new')
    expect(await joined).toBe('new')
    hung.open('late')
    expect(await first).toBe('late')
    expect(await cache().get('a')).toBe('new')
  })

  test('G3 nor does it keep another key from being loaded for ever, and its late end frees no second place', async () => {
    const [hung, slow, last] = [gate<string>(), gate<string>(), gate<string>()]
    const first = cache().getOrLoad('a', () => hung.pass())
    await hung.entered
    const second = cache().getOrLoad('b', () => slow.pass())
    await its.clock.advance(4_000)
    await slow.entered
    const third = cache().getOrLoad('c', () => last.pass())
    hung.open('late')
    await first
    await unhurried(its)
    expect(last.entries).toBe(0)
    slow.open('b')
    await last.entered
    last.open('c')
    expect(await Promise.all([second, third])).toEqual(['b', 'c'])
  })

  test('bounds also the loads that loads of other caches begin', async () => {
    const slow = gate<string>()
    const pages = ['1', '2', '3'].map((id) =>
      manager()
        .cache('pages')
        .getOrLoad(id, async () => cache().getOrLoad(id, () => slow.pass())),
    )
    await slow.entered
    await unhurried(its)
    expect(slow.entries).toBe(1)
    slow.open('part')
    expect(await Promise.all(pages)).toEqual(['part', 'part', 'part'])
  })

  test.each<[string, (its: CacheManager) => Promise<unknown>[]]>([
    ['of one cache', (its) => [nested(its, ['c', 'a'], ['c', 'b'], ['c', 'd'])]],
    [
      'of two caches that wait for each other',
      (its) => [nested(its, ['c', 'a'], ['d', 'a2']), nested(its, ['d', 'b'], ['c', 'b2'])],
    ],
    [
      'through a cache without a bound',
      (its) => [nested(its, ['pages', 'p'], ['c', 'x']), nested(its, ['c', 'a'], ['pages', 'p'])],
    ],
  ])('loads that wait for each other do not wait for a place, %s', async (_, begin) => {
    const two = await its.another({ caches: { c: { maxConcurrentLoads: 1 }, d: { maxConcurrentLoads: 1 } } })
    const ends = await Promise.all(begin(two))
    expect(ends.every((end) => end === 'end')).toBe(true)
  })

  test('a load that is queued enters when one that is running comes to wait for what waits for it', async () => {
    const [holder, free] = [gate(), gate<string>()]
    // Holds the only place, and joins the page only once that waits for a place.
    const holding = cache().getOrLoad('holder', async () => {
      await holder.pass()
      return page()
    })
    await holder.entered
    const page = (): Promise<unknown> =>
      manager()
        .cache('pages')
        .getOrLoad('p', () => cache().getOrLoad('part', () => free.pass()))
    const paging = page()
    await unhurried(its)
    expect(free.entries).toBe(0)
    holder.open()
    await free.entered
    free.open('part')
    expect(await Promise.all([holding, paging])).toEqual(['part', 'part'])
  })
})

/** A load that begins a load that begins a load. */
async function nested(manager: CacheManager, ...path: readonly [cache: string, key: string][]): Promise<unknown> {
  const [first, ...others] = path
  await settle()
  if (first === undefined) return 'end'
  return manager.cache(first[0]).getOrLoad(first[1], () => nested(manager, ...others))
}

/** Whatever could begin has begun. */
async function unhurried(its: ReturnType<typeof world>): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    await settle()
    await its.caching.cache('c').lookup(`nothing ${turn}`)
  }
}
