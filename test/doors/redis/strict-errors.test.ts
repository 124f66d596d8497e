import {
  Cacheable,
  CacheEvict,
  type CacheManager,
  CachePut,
  type CachingOptions,
  createCacheManager,
  type SharedStore,
  strictErrors,
} from 'cachewright'
import { redis } from 'cachewright/redis'
import { gate } from '../../support/gate'
import { warningsDuring } from '../../support/warnings'
import { redisHouse } from './processes'

// C47 for those to whom a call without its cache is worse than none: what fails, and what must not be left half done.

const house = redisHouse()
const managers: CacheManager[] = []
afterEach(() => Promise.all(managers.splice(0).map((manager) => manager.close())))

const refused = (): Promise<never> => Promise.reject(new Error('refused'))

/** A manager whose server does what `instead` has for an operation, and the rest as ever. */
function open(options: CachingOptions = {}) {
  const factory = redis({ url: house.server.url })
  const instead = new Map<keyof SharedStore, () => Promise<unknown>>()
  const shared = {
    ...factory,
    open: (context: Parameters<typeof factory.open>[0]): SharedStore =>
      new Proxy(factory.open(context), {
        get(store, name: keyof SharedStore) {
          const act = store[name] as (...args: unknown[]) => unknown
          return (...args: unknown[]) => (instead.get(name) ?? act.bind(store))(...args)
        },
      }),
  }
  const manager = createCacheManager({
    prefix: 't',
    shared,
    errorHandler: strictErrors,
    maxStaleness: '1h',
    ...options,
  })
  managers.push(manager)
  return { manager, instead }
}

const calls: readonly [string, readonly (keyof SharedStore)[], (manager: CacheManager) => Promise<unknown>][] = [
  ['a get', ['getMany'], (its) => its.cache('c').get('a')],
  ['a read', ['lease'], (its) => its.cache('c').getOrLoad('a', () => 1)],
  ['the fill of a load', ['fill'], (its) => its.cache('c').getOrLoad('a', () => 1)],
  ['its markers', ['ensureMarkers'], (its) => its.cache('c').getOrLoad('a', () => 1, { tags: ['n'] })],
  ['a put', ['putMany'], (its) => its.cache('c').put('a', 1)],
  ['a put that leaves nothing', ['delete'], (its) => its.cache('c').put('a', 1, { ttl: 0 })],
  ['the beginning of a put', ['readMarkers', 'ensureMarkers'], (its) => its.cache('d').put('a', 1)],
  ['and of one that leaves nothing', ['ensureMarkers'], (its) => its.cache('d').put('a', 1, { ttl: 0 })],
  ['an evict', ['delete'], (its) => its.cache('c').evict('a')],
  ['an expire', ['getMany', 'delete'], (its) => its.cache('c').expire('a')],
  ['tags', ['raiseMarkers'], (its) => its.cache('c').evictTags(['x'])],
  ['tags everywhere', ['raiseMarkers'], (its) => its.evictTags(['x'])],
  ['a clear', ['raiseMarkers'], (its) => its.cache('c').clear()],
  ['a clear of everything', ['raiseMarkers'], (its) => its.clear()],
]

test.each(calls)('%s that fails rejects the call', async (_, operations, call) => {
  const { manager, instead } = open()
  await manager.ready()
  await manager.cache('c').put('warm', 1, { tags: ['x'] })
  for (const operation of operations) instead.set(operation, refused)
  await expect(call(manager)).rejects.toThrow('refused')
})

test('a put of several fails once, whichever part of it fails first', async () => {
  const { manager, instead } = open()
  await manager.ready()
  const slow = gate<never>()
  instead.set('delete', refused)
  instead.set('putMany', () => slow.pass())
  const put = manager.cache<unknown>('c').putMany(Object.entries({ a: 1, b: null }), { negativeTtl: 0 })
  const end = expect(put).rejects.toThrow('refused')
  await slow.entered
  await new Promise((resolve) => setImmediate(resolve))
  slow.fail(new Error('refused later'))
  await end
})

test('G5 what a method evicts is evicted although its put failed', async () => {
  const { manager, instead } = open()
  await manager.ready()
  class Service {
    @CachePut({ manager, cache: 'row', key: () => 'k' })
    @CacheEvict({ manager, cache: 'list', key: () => 'all' })
    async save(): Promise<number> {
      return 1
    }
  }
  await manager.cache('list').put('all', 'old')
  instead.set('putMany', refused)
  await expect(new Service().save()).rejects.toThrow('refused')
  expect(await manager.cache('list').get('all')).toBeUndefined()
})

test('G5 an evict by key and tags evicts the key although the tags failed, and the other way round', async () => {
  const { manager, instead } = open()
  await manager.ready()
  class Service {
    @CacheEvict({ manager, cache: 'c', key: () => 'k', tags: ['x'] })
    async save(): Promise<void> {}
  }
  await manager.cache('c').put('k', 'old')
  instead.set('raiseMarkers', refused)
  await expect(new Service().save()).rejects.toThrow('refused')
  expect(await manager.cache('c').get('k')).toBeUndefined()
  instead.clear()
  await manager.cache('c').put('other', 'old', { tags: ['x'] })
  instead.set('delete', refused)
  await expect(new Service().save()).rejects.toThrow('refused')
  expect(await manager.cache('c').get('other')).toBeUndefined()
})

test('G4 the error of a method reaches its caller, also if what follows it fails', async () => {
  const { manager, instead } = open()
  await manager.ready()
  class Service {
    @CacheEvict({ manager, cache: 'c', key: () => 'k', afterError: true })
    async save(): Promise<void> {
      throw new Error('of the method')
    }
  }
  instead.set('delete', refused)
  await expect(new Service().save()).rejects.toThrow('of the method')
})

test('an evict that fails after a load is no failure of the load: nothing stands in for it', async () => {
  const { manager, instead } = open({ defaults: { staleIfError: '1m' } })
  await manager.ready()
  class Service {
    loads = 0
    @Cacheable({ manager, cache: 'c', key: () => 'k' })
    @CacheEvict({ manager, cache: 'd', key: () => 'k' })
    async find(): Promise<number> {
      return ++this.loads
    }
  }
  const service = new Service()
  await service.find()
  await manager.cache('c').expire('k')
  instead.set('delete', refused)
  await expect(service.find()).rejects.toThrow('refused')
  expect(manager.cache('c').stats().loadFailures).toBe(0)
  expect(await service.find()).toBe(2)
})

test('G4 a handler that fails later, when nobody waits for it, is reported and ends nothing', async () => {
  const errorHandler = async (): Promise<never> => {
    throw new Error('the log is away')
  }
  const { manager, instead } = open({ errorHandler })
  await manager.ready()
  instead.set('lease', refused)
  const warnings = await warningsDuring(async () => {
    expect(await manager.cache('c').getOrLoad('a', () => 1)).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
  })
  expect(warnings.map(({ message }) => message).join()).toMatch('the log is away')
})
