import { existsSync } from 'node:fs'
import { alive } from '../../support/alive'
import { type RedisCluster, slotOf, startRedisCluster } from '../../support/redis-cluster'
import type { RedisServer } from '../../support/redis-server'

const answer = (node: RedisServer, ...args: string[]): Promise<string> =>
  node.command(...args).then(String, (error: Error) => error.message)

// Nodes take their time to notice a death, and on a busy machine more.
jest.setTimeout(30_000)

describe('three masters', () => {
  let cluster: RedisCluster

  beforeAll(async () => {
    cluster = await startRedisCluster({ args: ['--maxmemory', '64mb'] })
  })
  afterAll(() => cluster.stop())
  beforeEach(async () => {
    await cluster.flushAll()
    await cluster.resetStats()
  })

  test('are one cluster, and a key is where its slot is', async () => {
    expect(cluster.masters).toHaveLength(3)
    expect(cluster.replicas).toEqual([])
    expect(cluster.seeds).toEqual(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
    const [node] = cluster.nodes as [RedisServer]
    expect(await node.command('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '67108864'])
    for (const key of ['', 'key', '{tag}key', 'a{tag}', '{}key', '{{x}}', 'a}{b', 'žluť{ť}'])
      expect([key, cluster.slotOf(key)]).toEqual([key, await node.command('CLUSTER', 'KEYSLOT', key)])
    for (const key of ['a', 'b', 'c']) {
      expect(await cluster.command(key, 'SET', key, '1')).toBe('OK')
      const owner = await cluster.ownerOf(key)
      expect(await cluster.ownerOf(slotOf(key))).toBe(owner)
      expect(await owner.command('KEYS', key)).toEqual([key])
    }
    expect(await cluster.keys()).toEqual(['a', 'b', 'c'])
    expect(await cluster.keys('[ab]')).toEqual(['a', 'b'])
    await cluster.flushAll()
    expect(await cluster.keys()).toEqual([])
  })

  test('count the calls of all', async () => {
    for (const key of ['a', 'b', 'c']) await cluster.command(key, 'GET', key)
    expect(await cluster.commandStats()).toEqual({ get: 3 })
    await cluster.resetStats()
    expect(await cluster.commandStats()).toEqual({})
  })

  test('move a slot with its keys, and a test may look at each step', async () => {
    const slot = slotOf('{s}1')
    const from = await cluster.ownerOf(slot)
    const to = cluster.masters.find((each) => each !== from) as RedisServer
    await cluster.command('{s}1', 'SET', '{s}1', 'kept')
    const seen: Record<string, unknown> = {}
    await cluster.moveSlot(slot, to, {
      between: async (step) => {
        seen[step] = [await answer(from, 'GET', '{s}1'), await answer(to, 'GET', '{s}1')]
      },
    })
    const toSource = `MOVED ${slot} 127.0.0.1:${from.port}`
    const toTarget = `MOVED ${slot} 127.0.0.1:${to.port}`
    expect(seen).toEqual({
      importing: ['kept', toSource],
      migrating: ['kept', toSource],
      'keys-moved': [`ASK ${slot} 127.0.0.1:${to.port}`, toSource],
      done: [toTarget, 'kept'],
    })
    expect(await cluster.ownerOf(slot)).toBe(to)
    expect(await cluster.command('{s}1', 'GET', '{s}1')).toBe('kept')

    const stumble = cluster.moveSlot(slot, from, { between: () => Promise.reject(new Error('of the test')) })
    await expect(stumble).rejects.toThrow('of the test')
    expect(await cluster.ownerOf(slot)).toBe(from)
    await expect(cluster.moveSlot(slot, from)).rejects.toThrow('already')
  })

  test('become four', async () => {
    const fourth = await cluster.addMaster()
    expect(cluster.masters).toHaveLength(4)
    await cluster.command('key', 'SET', 'key', 'kept')
    await cluster.moveSlot(slotOf('key'), fourth)
    expect(await fourth.command('GET', 'key')).toBe('kept')
  })
})

test('replicas take over when their master dies and when they are told to, and nothing is left in the end', async () => {
  const cluster = await startRedisCluster({ replicas: 1 })
  let pids: number[]
  try {
    const first = await cluster.ownerOf('key')
    const [second] = cluster.replicasOf(first) as [RedisServer]
    expect(cluster.replicas).toHaveLength(3)
    await cluster.command('key', 'SET', 'key', 'kept')
    await cluster.settled()

    expect(await cluster.failover(first)).toBe(second)
    expect(await cluster.ownerOf('key')).toBe(second)
    expect(await second.command('GET', 'key')).toBe('kept')
    await expect(cluster.failover(second)).rejects.toThrow('no replica')

    await cluster.start(first)
    expect(cluster.replicasOf(second)).toEqual([first])
    await cluster.takeOver(first)
    expect(cluster.replicasOf(first)).toEqual([second])
    expect(await cluster.command('key', 'GET', 'key')).toBe('kept')
    // Ending must not wait for one that cannot listen.
    second.freeze()
  } finally {
    pids = cluster.nodes.map(({ pid }) => pid)
    await cluster.stop()
  }
  expect(pids).toHaveLength(6)
  expect(pids.filter(alive)).toEqual([])
  expect(cluster.nodes.filter(({ dir }) => existsSync(dir))).toEqual([])
})

test('nodes that cannot start leave nothing behind', async () => {
  await expect(startRedisCluster({ args: ['--no-such-option', 'x'] })).rejects.toThrow(/no-such-option/)
})
