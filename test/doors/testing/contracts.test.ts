import { redis } from 'cachewright/redis'
import { feedContract, ManualClock, sharedMemory, sharedStoreContract } from 'cachewright/testing'
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster'
import { type RedisServer, startRedis } from '../../support/redis-server'

describe('the shared memory', () => {
  const clock = new ManualClock()
  const memory = sharedMemory({ clock })
  afterAll(() => expect(clock.pending).toBe(0))

  sharedStoreContract({ test, clock, store: () => memory })
  feedContract({
    test,
    clock,
    store: () => memory,
    interrupt: () => {
      memory.stop()
      memory.start()
    },
  })
})

describe('the shared memory, on the clock of the machine', () => {
  const memory = sharedMemory()
  sharedStoreContract({ test, store: () => memory })
  feedContract({ test, store: () => memory })
})

describe.each(['tracking', 'broadcast'] as const)('Redis, told by %s', (feed) => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  const store = () => redis({ url: server.url, feed })
  sharedStoreContract({ test, store })
  feedContract({
    test,
    store,
    interrupt: () => server.command('CLIENT', 'KILL', 'TYPE', 'pubsub'),
  })
})

describe('a cluster of Redis', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster()
  }, 30_000)
  afterAll(() => cluster.stop())

  const store = () => redis({ cluster: cluster.seeds })
  sharedStoreContract({ test, store })
  feedContract({ test, store })
})

test('refuse what they cannot work with', () => {
  const store = () => sharedMemory()
  expect(() => sharedStoreContract({ store } as never)).toThrow(
    'sharedStoreContract(): option `test` must be a function',
  )
  expect(() => sharedStoreContract({ test } as never)).toThrow(
    'sharedStoreContract(): option `store` must be a function',
  )
  expect(() => feedContract({ test, store, interupt: () => {} } as never)).toThrow('Did you mean `interrupt`?')
  expect(() => feedContract(undefined as never)).toThrow('option `test` must be a function')
  const clock = { now: () => 0 } as never
  expect(() => sharedStoreContract({ test, store, clock })).toThrow('option `clock` must be a ManualClock')
})
