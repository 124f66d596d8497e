import { Cacheable } from 'cachewright'
import { eventually } from '../../support/eventually'
import { type Gate, gate } from '../../support/gate'
import { settle } from '../../support/manual-clock'
import { places, world } from './world'

// How many loads may run at once, and what becomes of the others.

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
