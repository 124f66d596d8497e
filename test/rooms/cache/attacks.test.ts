import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type CacheManager, type CachingOptions, createCacheManager, registeredType } from 'cachewright'
import { WriteFence } from '../../../src/cache/write-fence'
import { gate } from '../../support/gate'

describe('a load whose last caller leaves', () => {
  test('does not take along the load that replaced it', async () => {
    const manager = createCacheManager()
    const cache = manager.cache<string>('c')
    const [former, present] = [gate<string>(), gate<string>()]
    const leaving = new AbortController()
    const left = cache.getOrLoad('a', () => former.pass(), { signal: leaving.signal })
    left.catch(() => {})
    await cache.evict('a')
    const second = cache.getOrLoad('a', () => present.pass())
    leaving.abort(new Error('left'))
    await expect(left).rejects.toThrow('left')

    const third = cache.getOrLoad('a', () => present.pass())
    present.open('new')
    former.open('old')
    expect(await Promise.all([second, third])).toEqual(['new', 'new'])
    expect(present.entries).toBe(1)
    expect(await cache.get('a')).toBe('new')
    await manager.close()
  })
})

describe('what the user gives a cache', () => {
  const managers: CacheManager[] = []
  const open = (options: CachingOptions = {}): CacheManager => {
    const manager = createCacheManager(options)
    managers.push(manager)
    return manager
  }
  beforeEach(() => void jest.spyOn(process, 'emitWarning').mockImplementation())
  afterEach(async () => {
    jest.restoreAllMocks()
    await Promise.all(managers.splice(0).map((manager) => manager.close()))
  })

  test('a tags function that throws does not break the call', async () => {
    const tags = (): never => {
      throw new Error('no tags')
    }
    const cache = open().cache('c')
    expect(await cache.getOrLoad('a', async () => 1, { tags })).toBe(1)
    await cache.put('b', 1, { tags })
  })

  test('a tags function that answers no array does not break the call', async () => {
    const tags = (): readonly string[] => 'x' as unknown as readonly string[]
    const cache = open().cache('c')
    expect(await cache.getOrLoad('a', async () => 1, { tags })).toBe(1)
  })

  test('a decode that throws does not break the call', async () => {
    class Money {
      #cents: number
      constructor(cents: number) {
        this.#cents = cents
      }
      get cents(): number {
        return this.#cents
      }
    }
    let breaks = false
    const type = registeredType(Money, {
      encode: (money) => money.cents,
      decode: (cents) => {
        if (breaks) throw new Error('no decode')
        return new Money(cents)
      },
    })
    const manager = open({ types: [type] })
    const load = async (): Promise<Money> => new Money(1)
    await manager.cache<Money>('c').getOrLoad('a', load)
    breaks = true
    expect((await manager.cache<Money>('c').getOrLoad('a', load)).cents).toBe(1)
  })

  test('a value that cannot be carried is loaded once, and is one object for those who waited together', async () => {
    const load = async (): Promise<{ list: number[]; fn: () => void }> => ({ list: [], fn: () => {} })
    const cache = open().cache('c')
    const [one, two] = await Promise.all([cache.getOrLoad('a', load), cache.getOrLoad('a', load)])
    expect(one).toBe(two)
  })
})

describe('memory', () => {
  test('is not filled by the keys written while one write hangs', () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const fence = new WriteFence()
    fence.begin()
    const used = (): number => {
      gc()
      return process.memoryUsage().heapUsed
    }
    const before = used()
    for (let id = 0; id < 300_000; id++) fence.note(`key-${id}-${'x'.repeat(20)}`)
    expect((used() - before) / 2 ** 20).toBeLessThan(8)
    expect(fence.now).toBeGreaterThan(0)
  })
})
