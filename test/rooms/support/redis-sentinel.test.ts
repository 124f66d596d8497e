import { existsSync } from 'node:fs'
import { alive } from '../../support/alive'
import { type RedisSentinel, startSentinel } from '../../support/redis-sentinel'
import type { RedisServer } from '../../support/redis-server'

// Sentinels take their time to notice a death, and on a busy machine more.
jest.setTimeout(30_000)

describe('a primary that sentinels watch', () => {
  let redis: RedisSentinel

  beforeAll(async () => {
    redis = await startSentinel({ args: ['--maxmemory', '64mb'] })
  })
  afterAll(() => redis.stop())

  test('is what every sentinel names, with its replica', async () => {
    const primary = await redis.primary()
    expect(await primary.command('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '67108864'])
    const [replica] = (await redis.replicas()) as [RedisServer]
    expect(redis.nodes.toSorted((a, b) => a.port - b.port)).toEqual(
      [primary, replica].toSorted((a, b) => a.port - b.port),
    )
    expect(redis.sentinels).toHaveLength(3)
    for (const watcher of redis.watchers) {
      const address = await watcher.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', redis.name)
      expect(address).toEqual(['127.0.0.1', `${primary.port}`])
      expect(await watcher.command('SENTINEL', 'CKQUORUM', redis.name)).toMatch(/^OK 3 usable/)
    }
  })

  test('is replaced when it dies, and comes back as a replica', async () => {
    const first = await redis.primary()
    const [second] = (await redis.replicas()) as [RedisServer]
    await first.command('SET', 'key', 'kept')
    await redis.settled()

    expect(await redis.failover({ by: 'kill' })).toBe(second)
    expect(await redis.primary()).toBe(second)
    expect(await redis.replicas()).toEqual([])
    expect(await second.command('GET', 'key')).toBe('kept')

    await redis.start(first)
    expect(await redis.replicas()).toEqual([first])
    expect(await first.command('GET', 'key')).toBe('kept')
  })

  test('is replaced by order of the sentinels, and becomes a replica', async () => {
    const old = await redis.primary()
    const successor = await redis.failover({ by: 'command' })
    expect(successor).not.toBe(old)
    await redis.settled()
    expect(await redis.replicas()).toEqual([old])
    expect(await old.command('ROLE')).toEqual(['slave', '127.0.0.1', successor.port, 'connected', expect.any(Number)])
  })
})

test('a primary that freezes is replaced, and nothing is left in the end', async () => {
  const redis = await startSentinel({ sentinels: 1, replicas: 1 })
  let pids: number[]
  try {
    const frozen = await redis.primary()
    expect(await redis.failover({ by: 'freeze' })).not.toBe(frozen)
    expect(frozen.running).toBe(true)
  } finally {
    pids = [...redis.nodes, ...redis.watchers].map(({ pid }) => pid)
    await redis.stop()
  }
  expect(pids).toHaveLength(3)
  expect(pids.filter(alive)).toEqual([])
  expect([...redis.nodes, ...redis.watchers].filter(({ dir }) => existsSync(dir))).toEqual([])
})
