import { createCacheManager } from 'cachewright'
import type { Entry } from '../../../src/kernel/entry'
import { LruStore } from '../../../src/stores/lru-store'
import { nullStore } from '../../../src/stores/null-store'
import { warningsDuring } from '../../support/warnings'

const entry = (bytes = 0): Entry => ({
  held: 'value',
  settled: undefined,
  isError: false,
  createdAt: 0,
  expiresAt: Number.POSITIVE_INFINITY,
  staleUntil: Number.POSITIVE_INFINITY,
  verifiedAt: 0,
  watch: undefined,
  refreshAt: Number.POSITIVE_INFINITY,
  version: undefined,
  validator: undefined,
  stamp: 0,
  tags: [],
  markers: [],
  loadMs: 0,
  bytes,
})

function storeOf(limits: { maxEntries?: number; maxBytes?: number }) {
  const removed: string[] = []
  const { maxEntries = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = limits
  const store = new LruStore({ maxEntries, maxBytes }, (key, cause) => removed.push(`${key} ${cause}`))
  return { store, removed }
}

describe('a store limited by entries', () => {
  test('lets go of the one used longest ago', () => {
    const { store, removed } = storeOf({ maxEntries: 2 })
    store.set('a', entry())
    store.set('b', entry())
    store.get('a')
    store.set('c', entry())
    expect(removed).toEqual(['b size'])
    expect([store.size, store.get('b')]).toEqual([2, undefined])
  })

  test('never holds more, over a hundred thousand keys', () => {
    const { store, removed } = storeOf({ maxEntries: 10 })
    for (let key = 0; key < 100_000; key++) store.set(`${key}`, entry())
    expect(store.size).toBe(10)
    expect(removed).toHaveLength(99_990)
    expect(store.bytes).toBe(0)
  })

  test('says what is replaced, and counts neither deletions nor clears, which others count', () => {
    const { store, removed } = storeOf({ maxEntries: 5 })
    store.set('a', entry())
    store.set('a', entry())
    expect(removed).toEqual(['a replaced'])
    expect([store.delete('a'), store.delete('a')]).toEqual([true, false])
    store.set('b', entry())
    store.clear()
    expect(removed).toEqual(['a replaced'])
    expect(store.size).toBe(0)
  })
})

describe('a store limited by bytes', () => {
  test('counts keys and bookkeeping too, and lets go until there is room', () => {
    const { store, removed } = storeOf({ maxBytes: 3_000 })
    for (const key of ['a', 'b', 'c', 'd']) expect(store.set(key, entry(500))).toBe(true)
    expect(store.bytes).toBeGreaterThan(store.size * 500)
    expect(store.bytes).toBeLessThanOrEqual(3_000)
    expect(removed.length).toBe(4 - store.size)
  })

  test('counts a long key', () => {
    const { store } = storeOf({ maxBytes: 1_000 })
    expect(store.set('k'.repeat(2_000), entry(1))).toBe(false)
  })

  test('refuses what is larger than all of it, and the old one at that key is gone, and is told of', () => {
    const { store, removed } = storeOf({ maxBytes: 2_000 })
    store.set('a', entry(10))
    store.set('b', entry(10))
    expect(store.set('a', entry(5_000))).toBe(false)
    expect([store.get('a'), store.size]).toEqual([undefined, 1])
    expect(removed).toEqual(['a replaced'])
  })

  test('bytes go back to nothing', () => {
    const { store } = storeOf({ maxBytes: 100_000 })
    for (const key of ['a', 'b', 'c']) store.set(key, entry(100))
    store.set('a', entry(50))
    store.delete('a')
    store.clear()
    expect([store.bytes, store.size]).toEqual([0, 0])
  })

  test('takes an entry without a size, and one with a broken one', () => {
    const { store } = storeOf({ maxBytes: 10_000 })
    expect(store.set('a', entry(0))).toBe(true)
    expect(store.set('b', entry(0.5))).toBe(true)
  })

  test('both limits hold together', () => {
    const { store } = storeOf({ maxBytes: 10_000, maxEntries: 2 })
    for (const key of ['a', 'b', 'c']) store.set(key, entry(2_000))
    expect(store.size).toBe(2)
    store.set('d', entry(8_000))
    expect([store.size, store.bytes <= 10_000]).toEqual([1, true])
  })
})

test('the store of no local tier keeps nothing', () => {
  expect(nullStore.set('a', entry())).toBe(true)
  expect([nullStore.get('a'), nullStore.delete('a'), nullStore.size, nullStore.bytes]).toEqual([undefined, false, 0, 0])
  nullStore.clear()
})

describe('through a cache', () => {
  test('a value larger than the tier is answered, refused, told of and warned of once', async () => {
    const manager = createCacheManager({ local: { maxBytes: 2_000 } })
    const cache = manager.cache<string>('c')
    const told: string[] = []
    manager.on('refused', ({ key, error }) => told.push(`${key} ${error.code}`))
    const large = 'x'.repeat(10_000)
    const warnings = await warningsDuring(async () => {
      for (let round = 0; round < 2; round++) expect(await cache.getOrLoad('k', () => large)).toBe(large)
    })
    expect(told).toEqual(['k CW_VALUE_TOO_LARGE', 'k CW_VALUE_TOO_LARGE'])
    expect(warnings).toMatchObject([
      { code: 'CW_VALUE_TOO_LARGE', message: expect.stringMatching(/'c'.*`local\.maxBytes`/) as string },
    ])
    expect(cache.stats()).toMatchObject({ refused: 2, local: { size: 0, bytes: 0 } })
    await manager.close()
  })

  test('a put that is too large takes away the old value', async () => {
    const manager = createCacheManager({ local: { maxBytes: 2_000 } })
    const cache = manager.cache<string>('c')
    await cache.put('k', 'old')
    await warningsDuring(() => cache.put('k', 'x'.repeat(10_000)))
    expect(await cache.lookup('k')).toEqual({ found: false })
    await manager.close()
  })

  test('bytes stay within the limit over many values', async () => {
    const manager = createCacheManager({ local: { maxBytes: 50_000 } })
    const cache = manager.cache<object>('c')
    for (let key = 0; key < 500; key++) await cache.put(key, { text: 'x'.repeat(key), list: [key] })
    const { local } = cache.stats()
    expect(local.bytes).toBeLessThanOrEqual(50_000)
    expect(local.size).toBeGreaterThan(10)
    expect(local.removals.size).toBe(500 - local.size)
    await manager.close()
  })

  test('no local tier: every read loads, loads are still shared, and nothing is refused', async () => {
    const manager = createCacheManager({ local: false })
    const cache = manager.cache<number>('c')
    let loads = 0
    const load = async (): Promise<number> => ++loads
    expect(await Promise.all([cache.getOrLoad('k', load), cache.getOrLoad('k', load)])).toEqual([1, 1])
    expect(await cache.getOrLoad('k', load)).toBe(2)
    expect(cache.stats()).toMatchObject({ refused: 0, local: { size: 0 } })
    await manager.close()
  })
})
