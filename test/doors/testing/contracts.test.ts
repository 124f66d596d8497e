import { redis } from 'cachewright/redis'
import { feedContract, ManualClock, sharedMemory, sharedStoreContract } from 'cachewright/testing'
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
