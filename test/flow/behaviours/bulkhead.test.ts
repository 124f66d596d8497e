import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type CacheManager, createCacheManager } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { settle } from '../../support/manual-clock'
import { places, world } from './world'

// Loads that wait for a place, and those who must not.

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

test('G8 a load that sets off the next one, over and over, keeps none of the former', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const manager = createCacheManager()
  const values: WeakRef<object>[] = []
  const [entered, last] = [gate(), gate()]
  const load = (round: number): void => {
    const loader = async (): Promise<object> => {
      if (round === 20) {
        await entered.pass()
        await last.pass()
      } else setImmediate(load, round + 1)
      const value = { round }
      values.push(new WeakRef(value))
      return value
    }
    void manager.cache('c').getOrLoad(round, loader, { ttl: 0 })
  }
  entered.open()
  load(0)
  await entered.entered
  // What is looked at is kept until the end of the turn, and more than one collection may be needed.
  for (let turn = 0; turn < 3; turn++) {
    await settle()
    collect()
  }
  expect(values).toHaveLength(20)
  expect(values.filter((value) => value.deref() !== undefined).length).toBeLessThan(4)
  last.open()
  await settle()
  await manager.close()
})
