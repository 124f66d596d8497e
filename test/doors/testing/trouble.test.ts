import {
  Cacheable,
  type CacheManager,
  type CachingOptions,
  createCacheManager,
  type SharedStoreFactory,
} from 'cachewright'
import {
  feedContract,
  flaky,
  forgetful,
  ManualClock,
  partitioned,
  recordEvents,
  type SharedMemory,
  settle,
  sharedMemory,
  sharedStoreContract,
  slow,
  type Trouble,
} from 'cachewright/testing'
import { expectWarnings } from '../redis/processes'

let clock: ManualClock
let memory: SharedMemory
let managers: CacheManager[]

beforeEach(() => {
  clock = new ManualClock()
  memory = sharedMemory({ clock })
  managers = []
})
afterEach(async () => {
  await Promise.all(managers.map((manager) => manager.close()))
  expect(clock.pending).toBe(0)
  jest.restoreAllMocks()
})

async function open(shared: SharedStoreFactory = memory, options: CachingOptions = {}): Promise<CacheManager> {
  const manager = createCacheManager({ clock, shared, ...options })
  managers.push(manager)
  await manager.ready()
  return manager
}

/** Lets virtual time pass until something is done. */
async function inTime<Result>(work: Promise<Result>, stepMs = 10): Promise<{ result: Result; ms: number }> {
  const began = clock.now()
  let isDone = false
  const note = (): void => {
    isDone = true
  }
  work.then(note, note)
  await settle()
  for (let step = 0; !isDone && step < 10_000; step++) await clock.advance(stepMs)
  return { result: await work, ms: clock.now() - began }
}

const kinds: Readonly<Record<string, (factory: SharedStoreFactory) => Trouble>> = {
  slow: (factory) => slow(factory, { delay: '2ms' }),
  flaky,
  forgetful,
  partitioned,
}

describe.each(Object.entries(kinds))('%s, while nothing is wrong', (_name, kind) => {
  const its = new ManualClock()
  const shared = kind(sharedMemory({ clock: its }))
  sharedStoreContract({ test, clock: its, store: () => shared })
  feedContract({ test, clock: its, store: () => shared })
})

describe('slow, all the time', () => {
  const shared = slow(sharedMemory(), { delay: '2ms' })
  shared.begin()
  sharedStoreContract({ test, store: () => shared })
  feedContract({ test, store: () => shared })
})

describe('partitioned, now and then', () => {
  const its = new ManualClock()
  const shared = partitioned(sharedMemory({ clock: its }))
  feedContract({
    test,
    clock: its,
    store: () => shared,
    interrupt: () => {
      shared.begin()
      shared.end()
    },
  })
})

describe('slow', () => {
  test('answers take their time, each way', async () => {
    const far = slow(memory, { delay: '100ms' })
    const cache = (await open(far, { local: false })).cache('c')
    await cache.put('k', 1)
    far.begin()
    const read = await inTime(cache.get('k'))
    expect(read).toEqual({ result: 1, ms: 100 })
    far.end()
    expect(await cache.get('k')).toBe(1)
  })

  test('what takes longer than a command may is done without, and done all the same', async () => {
    const far = slow(memory, { delay: '1s' })
    const one = await open(far)
    far.begin()
    const { result, ms } = await inTime(one.cache('c').getOrLoad('k', async () => 'loaded'))
    expect([result, ms]).toEqual(['loaded', 250])
    await clock.advance('250ms')
    expect(memory.keys().filter((key) => key.includes('{k}'))).toEqual(['cache:c:1:{k}'])
    far.end()
    await clock.advance('10s')
  })

  test('words of the feed are late, and their copies are believed until then', async () => {
    const far = slow(memory, { delay: '200ms' })
    const [one, two] = [await open(far), await open()]
    await two.cache('c').put('k', 'old')
    expect(await one.cache('c').get('k')).toBe('old')
    far.begin()
    await two.cache('c').put('k', 'new')
    expect(await one.cache('c').get('k')).toBe('old')
    await clock.advance('100ms')
    expect((await inTime(one.cache('c').get('k'))).result).toBe('new')
    far.end()
  })
})

describe('slower than may be', () => {
  beforeEach(expectWarnings)

  test('G2 what has yet to be told is not vouched for', async () => {
    const far = slow(memory, { delay: '4s' })
    const [one, two] = [await open(far), await open()]
    await two.cache('c').put('k', 'old')
    expect(await one.cache('c').get('k')).toBe('old')
    far.begin()
    await two.cache('c').put('k', 'new')
    await clock.advance(1_001)
    expect((await inTime(one.cache('c').get('k'))).result).toBeUndefined()
    await clock.advance('10s')
    far.end()
    expect(await one.cache('c').get('k')).toBe('new')
  })
})

describe('flaky', () => {
  beforeEach(expectWarnings)

  test('calls are answered, and what could not be evicted is evicted later', async () => {
    const shaky = flaky(memory, { share: 1 })
    const [one, two] = [await open(shaky), await open()]
    await two.cache('c').put('k', 'old')
    shaky.begin()
    expect(await one.cache('c').getOrLoad('k', async () => 'loaded')).toBe('loaded')
    await one.cache('c').evict('k')
    expect(one.stats().deferredEvictions).toBe(1)
    shaky.end()
    await clock.advance('1m')
    expect(one.stats().deferredEvictions).toBe(0)
    expect(await two.cache('c').get('k')).toBeUndefined()
  })

  test('of a half of the commands the server hears nothing, and of the other half nobody hears that it did them', async () => {
    const shaky = flaky(memory, { share: 1 })
    const cache = (await open(shaky)).cache('c')
    for (let index = 0; index < 100; index++) await cache.put(index, index)
    shaky.begin()
    for (let index = 0; index < 100; index++) await cache.evict(index)
    const left = memory.keys().filter((key) => key.includes(':c:')).length
    expect(left).toBeGreaterThan(25)
    expect(left).toBeLessThan(75)
    shaky.end()
  })

  test('the same seed fails the same commands', async () => {
    const failures = async (seed: number): Promise<string> => {
      const shaky = flaky(sharedMemory({ clock }), { share: 0.3, seed })
      const one = await open(shaky)
      const trace = recordEvents(one, ['sharedFailure'])
      shaky.begin()
      const failed: number[] = []
      for (let index = 0; index < 50; index++) {
        await one.cache('c').get(index)
        if (trace.events.length > 0) failed.push(index)
        trace.clear()
      }
      shaky.end()
      return failed.join()
    }
    const [first, again, other] = [await failures(1), await failures(1), await failures(2)]
    expect(first.split(',').length).toBeGreaterThan(5)
    expect(again).toBe(first)
    expect(other).not.toBe(first)
  })
})

describe('forgetful', () => {
  test('what is lost is loaded again, and lost tags are dead', async () => {
    const worn = forgetful(memory, { share: 1 })
    const one = await open(worn, { local: false })
    let loads = 0
    const load = (): Promise<number> =>
      one.cache<number>('c').getOrLoad('k', async () => ++loads, { tags: () => ['t'] })
    expect([await load(), await load()]).toEqual([1, 1])
    worn.begin()
    expect([await load(), await load()]).toEqual([2, 3])
    worn.end()
    expect(await load()).toBe(await load())
  })

  test('whoever has a copy is told', async () => {
    const worn = forgetful(memory, { share: 1 })
    const [one, two] = [await open(), await open(worn)]
    await one.cache('c').put('k', 1)
    expect(await one.cache('c').get('k')).toBe(1)
    worn.begin()
    expect(await two.cache('c').get('k')).toBeUndefined()
    expect(await one.cache('c').get('k')).toBeUndefined()
  })
})

describe.each(['refused', 'silent'] as const)('partitioned, %s', (how) => {
  beforeEach(expectWarnings)

  const cut = async (): Promise<{ cable: Trouble; here: CacheManager; there: CacheManager }> => {
    const cable = partitioned(memory, { how })
    const [here, there] = [await open(cable), await open()]
    return { cable, here, there }
  }

  test('who is cut off serves what was evicted for maxStaleness, and no longer', async () => {
    const { cable, here, there } = await cut()
    await there.cache('c').put('k', 'old')
    expect(await here.cache('c').get('k')).toBe('old')
    cable.begin()
    await there.cache('c').put('k', 'new')
    await clock.advance('1s')
    expect(await here.cache('c').get('k')).toBe('old')
    await clock.advance(1)
    const late = inTime(here.cache('c').getOrLoad('k', async () => 'loaded'))
    expect((await late).result).toBe('loaded')
    cable.end()
    expect(await here.cache('c').get('k')).toBe('new')
    await clock.advance('1m')
  })

  test('who comes back is told that it may have missed something', async () => {
    const { cable, here, there } = await cut()
    await there.cache('c').put('k', 'old')
    expect(await here.cache('c').get('k')).toBe('old')
    cable.begin()
    await there.cache('c').evict('k')
    cable.end()
    expect(await here.cache('c').get('k')).toBeUndefined()
  })

  test('what is evicted there meanwhile, the others see afterwards', async () => {
    const { cable, here, there } = await cut()
    await there.cache('c').put('k', 'old')
    cable.begin()
    await inTime(here.cache('c').evict('k'))
    expect(here.stats().deferredEvictions).toBe(1)
    expect(await there.cache('c').get('k')).toBe('old')
    cable.end()
    await settle()
    // What was sent into silence has just failed, and is sent again after a pause.
    if (how === 'silent') await clock.advance('1s')
    expect(here.stats().deferredEvictions).toBe(0)
    expect(await there.cache('c').get('k')).toBeUndefined()
  })

  test('how long a call waits', async () => {
    const { cable, here } = await cut()
    cable.begin()
    const { ms } = await inTime(here.cache('c').getOrLoad('k', async () => 1))
    expect(ms).toBe(how === 'silent' ? 250 : 0)
    cable.end()
    await clock.advance('1m')
  })

  test('beginning twice and ending twice is as once', async () => {
    const { cable, here } = await cut()
    await here.cache('c').put('k', 1)
    expect(await here.cache('c').get('k')).toBe(1)
    cable.end()
    expect(here.stats().caches.c?.local.size).toBe(1)
    cable.begin()
    await clock.advance('1s')
    cable.begin()
    await clock.advance('1ms')
    expect((await inTime(here.cache('c').get('k'))).result).toBeUndefined()
    cable.end()
  })

  test('an answer that is under way when it begins does not come through', async () => {
    const far = slow(memory, { delay: '100ms' })
    const cable = partitioned(far, { how })
    const one = await open(cable, { local: false })
    await one.cache('c').put('k', 1)
    far.begin()
    const reading = one.cache('c').get('k')
    await clock.advance('50ms')
    cable.begin()
    const { result, ms } = await inTime(reading)
    expect([result, ms]).toEqual([undefined, how === 'silent' ? 200 : 0])
    far.end()
    cable.end()
    await clock.advance('1s')
  })

  test('a process may begin in it', async () => {
    const cable = partitioned(memory, { how })
    cable.begin()
    const manager = createCacheManager({ clock, shared: cable })
    managers.push(manager)
    expect((await inTime(manager.ready())).result.shared).toBe('away')
    cable.end()
    await settle()
    expect((await manager.ready()).shared).toBe('connected')
    await manager.cache('c').put('k', 1)
    expect(await (await open()).cache('c').get('k')).toBe(1)
  })
})

describe.each<[string, (factory: SharedStoreFactory) => Trouble]>([
  ['slow', (factory) => slow(factory, { delay: '120ms' })],
  ['slower than may be', (factory) => slow(factory, { delay: '700ms' })],
  ['flaky', (factory) => flaky(factory, { share: 0.2, seed: 3 })],
  ['forgetful', (factory) => forgetful(factory, { share: 0.2, seed: 5 })],
  ['partitioned', (factory) => partitioned(factory)],
  ['silently partitioned', (factory) => partitioned(factory, { how: 'silent' })],
])('two processes whose tier is %s now and then', (_name, kind) => {
  beforeEach(expectWarnings)

  test('G1 G2 G4 are answered every call, and serve nothing older than may be', async () => {
    const trouble = kind(memory)
    const source = new Map<string, number>()
    const evicted: { readonly key: string; readonly version: number; readonly by: Service; readonly at: number }[] = []
    let violations = 0

    class Service {
      @Cacheable({ cache: 'c', key: (key) => key, tags: (_version, key) => [`of ${key}`] })
      async read(key: string): Promise<number> {
        return source.get(key) ?? 0
      }

      async check(key: string): Promise<void> {
        const asked = clock.now()
        const isDue = (one: (typeof evicted)[number]): boolean => one.by === this || asked - one.at > 2_000
        const floor = Math.max(0, ...evicted.filter((one) => one.key === key && isDue(one)).map((one) => one.version))
        if ((await this.read(key)) < floor) violations++
      }
    }
    const services = await Promise.all(
      [trouble, memory].map(async (shared) => {
        const manager = await open(shared)
        return { manager, service: manager.bind(new Service()) }
      }),
    )
    let state = 11
    const draw = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31
      return Math.floor((state / 2 ** 31) * below)
    }
    const underWay = new Set<Promise<unknown>>()
    const begin = (work: Promise<unknown>): void => {
      const its = work.finally(() => underWay.delete(its))
      underWay.add(its)
    }
    for (let step = 0; step < 600; step++) {
      const { manager, service } = services[draw(2)]!
      const key = `k${draw(4)}`
      if (draw(4) > 0) begin(service.check(key))
      else {
        const version = (source.get(key) ?? 0) + 1
        source.set(key, version)
        const evict = draw(2) === 0 ? manager.cache('c').evict(key) : manager.evictTags([`of ${key}`])
        begin(
          evict.then(() => {
            // Those that were deferred count from when they get through.
            if (manager.stats().deferredEvictions > 0 && service === services[0]!.service) return
            evicted.push({ key, version, by: service, at: clock.now() })
          }),
        )
      }
      if (draw(40) === 0) trouble.begin()
      if (draw(20) === 0) trouble.end()
      if (draw(3) === 0) await clock.advance(draw(300))
    }
    trouble.end()
    while (underWay.size > 0) await clock.advance(100)
    expect(violations).toBe(0)
    // When all is well again, nothing old is left.
    await clock.advance('1m')
    for (const [key, version] of source) {
      for (const { service } of services) expect((await inTime(service.read(key))).result).toBe(version)
    }
  })
})

test('refuse what they cannot work with', () => {
  expect(() => slow(memory, { delay: -1 })).toThrow('slow(): option `delay`')
  expect(() => slow(memory, { delays: 1 } as never)).toThrow('Did you mean `delay`?')
  expect(() => flaky(memory, { share: 2 })).toThrow('flaky(): option `share` must be a number from 0 to 1')
  expect(() => forgetful(memory, { seed: 0.5 })).toThrow('forgetful(): option `seed` must be a whole number')
  expect(() => partitioned(memory, { how: 'cut' as never })).toThrow("one of 'refused', 'silent'")
  expect(() => sharedMemory({ clock: {} as never })).toThrow('an object with `now()`')
})
