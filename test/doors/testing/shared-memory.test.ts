import { type CacheManager, type CachingOptions, createCacheManager, isCacheError } from 'cachewright'
import { ManualClock, recordEvents, type SharedMemory, settle, sharedMemory } from 'cachewright/testing'
import { gate } from '../../support/gate'
import { expectWarnings } from '../redis/processes'

// What every shared tier owes is in contracts.test.ts; here is what this one does beside it, and that managers live on it.

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
  jest.restoreAllMocks()
})

async function open(options: CachingOptions = {}): Promise<CacheManager> {
  const manager = createCacheManager({ clock, shared: memory, ...options })
  managers.push(manager)
  await manager.ready()
  return manager
}

test('processes share values, and see each other’s changes at once', async () => {
  const [one, two] = [await open(), await open()]
  await one.cache('c').put('k', { deep: [1] })
  expect(await two.cache('c').get('k')).toEqual({ deep: [1] })
  await two.cache('c').put('k', 2)
  expect(await one.cache('c').get('k')).toBe(2)
  await one.cache('c').getOrLoad('tagged', async () => 1, { tags: () => ['t'] })
  expect(await two.cache('c').get('tagged')).toBe(1)
  await two.evictTags(['t'])
  expect(await one.cache('c').get('tagged')).toBeUndefined()
  await one.clear()
  expect(await two.cache('c').get('k')).toBeUndefined()
})

test('processes share a load, and who waits is woken', async () => {
  const [one, two] = [await open(), await open()]
  const loading = gate<string>()
  const first = one.cache('c').getOrLoad('k', () => loading.pass())
  await loading.entered
  const second = two.cache('c').getOrLoad('k', async () => 'another')
  await settle()
  loading.open('loaded')
  expect(await Promise.all([first, second])).toEqual(['loaded', 'loaded'])
})

test('who waits for a process that has died goes on when its lease has run out', async () => {
  // Its time stands still: it prolongs nothing.
  const dead = await open({ clock: new ManualClock() })
  const two = await open()
  const hung = gate<string>()
  const first = dead.cache('c').getOrLoad('k', () => hung.pass())
  await hung.entered
  let second: unknown
  void two
    .cache('c')
    .getOrLoad('k', async () => 'loaded')
    .then((value) => {
      second = value
    })
  await clock.advance(4_999)
  expect(second).toBeUndefined()
  await clock.advance(1)
  expect(second).toBe('loaded')
  hung.open('late')
  expect(await first).toBe('late')
  expect(await two.cache('c').get('k')).toBe('loaded')
})

test('a manager without a clock of its own works on it as well', async () => {
  const shared = sharedMemory()
  const [one, two] = [await open({ shared, clock: undefined as never }), await open({ shared })]
  await one.cache('c').put('k', 1)
  expect(await two.cache('c').get('k')).toBe(1)
})

test('prefixes are kept apart, and its keys can be looked at', async () => {
  const [one, other] = [await open(), await open({ prefix: 'other' })]
  await one.cache('c').put('k', 1)
  expect(await other.cache('c').get('k')).toBeUndefined()
  expect(memory.keys()).toContain('cache:c:1:{k}')
  await clock.advance('5m')
  expect(memory.keys()).not.toContain('cache:c:1:{k}')
})

test('a key that is removed is gone for all', async () => {
  const [one, two] = [await open(), await open()]
  await one.cache('c').put('k', 1)
  expect(await two.cache('c').get('k')).toBe(1)
  memory.remove('cache:c:1:{k}')
  expect(await one.cache('c').get('k')).toBeUndefined()
  expect(await two.cache('c').get('k')).toBeUndefined()
})

test('what runs out is told to whoever holds it, in time', async () => {
  const one = await open()
  await one.cache('c').put('k', 1)
  const changed = jest.fn()
  const store = memory.open({
    clock,
    root: 'cache',
    counterKey: 'cache:counter',
    maxStalenessMs: 1_000,
    commandTimeoutMs: 250,
    listener: { invalidated: changed, gap: () => {} },
    onConnected: () => {},
    onCircuit: () => {},
    onFinding: () => {},
  })
  await store.getMany(['cache:c:1:{k}'])
  await clock.advance(299_999)
  expect(changed).not.toHaveBeenCalled()
  await clock.advance(1)
  expect(changed).toHaveBeenCalledWith(['cache:c:1:{k}'])
  await store.close()
})

test('a flush empties it, for all', async () => {
  const [one, two] = [await open(), await open()]
  await one.cache('c').put('k', 1)
  expect(await two.cache('c').get('k')).toBe(1)
  memory.flush()
  expect(memory.keys()).toEqual([])
  expect(await one.cache('c').get('k')).toBeUndefined()
  expect(await two.cache('c').get('k')).toBeUndefined()
  expect(await two.cache('c').getOrLoad('k', async () => 2)).toBe(2)
  expect(await one.cache('c').get('k')).toBe(2)
})

describe('while it is stopped', () => {
  beforeEach(expectWarnings)

  test('calls are answered, copies are believed for maxStaleness, and ready() says that it is away', async () => {
    const one = await open()
    await one.cache('c').put('k', 1)
    expect(await one.cache('c').get('k')).toBe(1)
    memory.stop()
    memory.stop()
    expect(await one.cache('c').get('k')).toBe(1)
    await clock.advance(1_001)
    expect(await one.cache('c').get('k')).toBeUndefined()
    expect(await one.cache('c').getOrLoad('k', async () => 'loaded')).toBe('loaded')
    expect((await one.ready()).shared).toBe('away')
    memory.start()
    memory.start()
    expect((await one.ready()).shared).toBe('connected')
  })

  test('evictions are kept, and arrive when it is back', async () => {
    const [one, two] = [await open(), await open()]
    await two.cache('c').put('k', 1)
    memory.stop()
    await one.cache('c').evict('k')
    await settle()
    const trace = recordEvents(one, ['deferred'])
    memory.start()
    await settle()
    expect(trace.lines).toEqual(['deferred 0'])
    expect(await two.cache('c').get('k')).toBeUndefined()
  })

  test('G5 evictions that it may have lost are sent again', async () => {
    const [one, two] = [await open(), await open()]
    await one.cache('c').evict('k')
    memory.stop()
    // As a replica would have it that takes its place.
    const trace = recordEvents(one, ['deferred'])
    memory.start()
    await settle()
    expect(trace.lines).toEqual(['deferred 1', 'deferred 0'])
    expect(await two.cache('c').get('k')).toBeUndefined()
  })

  test('a command is refused by a cache error', async () => {
    memory.stop()
    const one = await open({ errorHandler: ({ error }) => expect(isCacheError(error)).toBe(true) })
    await one.cache('c').evict('k')
    expect(one.stats().deferredEvictions).toBe(1)
    memory.start()
    await settle()
  })
})

test('closing it leaves nothing behind', async () => {
  const one = await open()
  await one.cache('c').put('k', 1)
  await one.cache('c').get('k')
  expect(clock.pending).toBeGreaterThan(0)
  await one.close()
  expect(clock.pending).toBe(0)
  expect(memory.keys()).toContain('cache:c:1:{k}')
})
