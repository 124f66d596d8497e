import { setTimeout as pause } from 'node:timers/promises'
import type { CacheManager, CachingOptions, SharedStore } from 'cachewright'
import { redis } from 'cachewright/redis'
import { ManualClock } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { expectWarnings, keyOf, redisHouse, timeOf } from './processes'

// What is served past its life, on a Redis that is slow, tells nothing or forgets.

const house = redisHouse()
afterEach(() => void jest.restoreAllMocks())

type Around = (name: keyof SharedStore, call: () => unknown) => unknown

/** A process each of whose calls to the shared tier goes through this. */
async function through(around: Around, options: CachingOptions = {}): Promise<CacheManager> {
  const factory = redis({ url: house.server.url })
  const open: typeof factory.open = (context) => {
    const store = factory.open(context)
    return new Proxy(store, {
      get: (_, name: keyof SharedStore) => {
        const member: unknown = store[name]
        if (typeof member !== 'function') return member
        return (...args: unknown[]): unknown => around(name, () => Reflect.apply(member, store, args))
      },
    })
  }
  const manager = house.open({ shared: { ...factory, open }, ...options })
  await manager.ready()
  return manager
}

const unexpected = (): never => {
  throw new Error('not expected')
}

test('where nothing is told, a stale value does not keep the next from being shared', async () => {
  const clock = new ManualClock()
  const options: CachingOptions = { clock, local: false, defaults: { ttl: '10s', staleIfError: '15s' } }
  const untold: Around = (name, call) =>
    name === 'lease' || name === 'getMany' || name === 'replace' || name === 'fill'
      ? Promise.resolve(call()).then((it) =>
          Array.isArray(it) ? it.map((one) => ({ ...one, watch: undefined })) : { ...(it as object), watch: undefined },
        )
      : call()
  const [one, two] = [await through(untold, options), await through(untold, options)]
  await one.cache('c').getOrLoad('a', () => 'old')
  clock.jump(10_000)
  expect(await one.cache('c').getOrLoad('a', () => 'new')).toBe('new')
  expect(await two.cache('c').getOrLoad('a', unexpected)).toBe('new')

  // Two at once: neither waits, since it would not be told.
  clock.jump(10_000)
  const slow = gate<unknown>()
  const first = one.cache('c').getOrLoad('a', () => slow.pass())
  await slow.entered
  expect(await two.cache('c').getOrLoad('a', () => 'two')).toBe('two')
  slow.open('one')
  expect(await first).toBe('one')
  expect(await two.cache('c').getOrLoad('a', unexpected)).toBe('one')
})

const slowly: Around = async (name, call) => {
  if (name === 'close' || name === 'connect' || name === 'probe') return call()
  await pause(200)
  return call()
}
const sync: (keyof SharedStore)[] = ['serverTime', 'groups', 'scan']

test('G4 a stale value that is loaded anew on a slow server delays its call by one commandTimeout', async () => {
  let isSlow = false
  const one = await through((name, call) => (isSlow && !sync.includes(name) ? slowly(name, call) : call()), {
    local: false,
    defaults: { ttl: 100, staleIfError: '15s' },
  })
  await one.cache('c').getOrLoad('a', () => 'old')
  await pause(110)
  isSlow = true
  const took = await timeOf(async () => expect(await one.cache('c').getOrLoad('a', () => 'new')).toBe('new'))
  expect(took).toBeLessThan(380)
})

test('G4 an expire on a slow server delays its call by one commandTimeout', async () => {
  let isSlow = false
  const one = await through((name, call) => (isSlow && !sync.includes(name) ? slowly(name, call) : call()), {
    defaults: { ttl: '1m', staleIfError: '15s' },
  })
  await one.cache('c').getOrLoad('a', () => 'old')
  isSlow = true
  const took = await timeOf(() => one.cache('c').expire('a'))
  expect(took).toBeLessThan(380)
})

test('a soft timeout counts too where the stale value is found after it', async () => {
  const clock = new ManualClock()
  const options: CachingOptions = { clock, defaults: { ttl: '10s', staleIfError: '15s', softTimeout: 50 } }
  const reading = gate<void>()
  let isHeld = false
  const one = await through((name, call) => (name === 'lease' && isHeld ? reading.pass().then(call) : call()), options)
  await one.cache('c').getOrLoad('a', () => 'old')
  await house.open(options).cache('c').get('a')
  const two = await through((name, call) => (name === 'lease' && isHeld ? reading.pass().then(call) : call()), options)
  clock.jump(10_000)
  isHeld = true
  const slow = gate<unknown>()
  const read = two.cache('c').getOrLoad('a', () => slow.pass())
  await reading.entered
  await clock.advance(50)
  isHeld = false
  reading.open()
  await slow.entered
  let got: unknown = 'waits'
  void read.then((it) => (got = it))
  try {
    await eventually(() => got === 'old', { within: 1_000 })
  } finally {
    slow.open('new')
  }
})

test.each(['told', 'untold'])(
  'C84 G2 what is evicted between the two reads of a reload does not stand in (%s)',
  async (told) => {
    const clock = new ManualClock()
    const options: CachingOptions = { clock, local: false, defaults: { ttl: '10s', staleIfError: '15s' } }
    const second = gate<void>()
    let isHeld = false
    const one = await through((name, call) => {
      const after =
        told === 'untold' && (name === 'lease' || name === 'getMany')
          ? async () => {
              const it = await call()
              return Array.isArray(it)
                ? it.map((its) => ({ ...its, watch: undefined }))
                : { ...(it as object), watch: undefined }
            }
          : call
      return name === 'getMany' && isHeld ? second.pass().then(after) : after()
    }, options)
    const two = house.open(options)
    await two.ready()
    await one.cache('c').getOrLoad('a', () => 'old')
    clock.jump(10_000)
    isHeld = true
    const broken = () => {
      throw new Error('source')
    }
    const reading = one.cache('c').getOrLoad('a', broken)
    reading.catch(() => {})
    await second.entered
    await two.cache('c').evict('a')
    second.open()
    await expect(reading).rejects.toThrow('source')
    await eventually(async () => (await house.server.command('EXISTS', `${keyOf('c', 'a')}:refresh`)) === 0)
    await eventually(async () => (await house.server.command('EXISTS', keyOf('c', 'a'))) === 0)
  },
)

test('an answer that cannot be carried does not leave the stale value behind', async () => {
  expectWarnings()
  class NotFound extends Error {}
  const options: CachingOptions = {
    defaults: { ttl: 100, staleIfError: '15s', cacheErrors: { ttl: '1m', include: [NotFound] } },
    maxStaleness: '30s',
  }
  const [one, two] = [house.open(options), house.open(options)]
  await Promise.all([one.ready(), two.ready()])
  await one.cache('c').getOrLoad('a', () => 'old')
  await pause(110)
  const gone = () => {
    throw new NotFound('gone')
  }
  await expect(one.cache('c').getOrLoad('a', gone)).rejects.toThrow('gone')
  await eventually(async () => (await house.server.command('EXISTS', keyOf('c', 'a'))) === 0)
  await expect(
    two.cache('c').getOrLoad('a', () => {
      throw new Error('source')
    }),
  ).rejects.toThrow('source')
  await one
    .cache('c')
    .getOrLoad('a', gone)
    .catch(() => {})
  await expect(one.cache('c').getOrLoad('a', unexpected)).rejects.toThrow('gone')
})
