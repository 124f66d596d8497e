import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Cacheable, type CacheManager, type CachingOptions, type Duration, drainWrites, WriteBehind } from 'cachewright'
import { redis } from 'cachewright/redis'
import { Cluster } from 'ioredis'
import { scriptsOf } from '../../../src/redis/scripts'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { slotOf } from '../../support/redis-cluster'
import { natMap } from '../../support/tcp-proxy'
import { clusterHouse, expectWarnings, keyOf, told } from './processes'

const house = clusterHouse()

async function open(options: CachingOptions = {}): Promise<CacheManager> {
  const manager = house.open(options)
  expect(await manager.ready()).toMatchObject({ shared: 'connected' })
  return manager
}

const ids = Array.from({ length: 60 }, (_, index) => `id${index}`)
const opts = { tags: ['x'] }

describe('a cluster of three primaries', () => {
  test('K12 many keys are put and read at once, on every node', async () => {
    const [a, b] = [await open(), await open()]
    await a.cache('c').putMany(ids.map((id) => [id, { id }]))
    expect(await b.cache('c').getMany(ids)).toEqual(ids.map((id) => ({ id })))
    for (const node of house.cluster.masters) expect(await node.command('DBSIZE')).toBeGreaterThan(10)
  })

  test('a queue of writes stands on one node, and is drained from any process', async () => {
    const [a, b] = [await open(), await open()]
    const rowsOf = (manager: CacheManager, maxDelay: Duration) => {
      class Rows {
        readonly written: string[] = []
        @WriteBehind({ manager, cache: 'rows', key: (id: string) => id, maxDelay, batch: 1_000 })
        async save(written: readonly string[]): Promise<void> {
          this.written.push(...written)
        }
      }
      return new Rows()
    }
    await rowsOf(a, '1h').save(ids)
    expect(await a.writes('rows').counts()).toEqual({ pending: ids.length, buried: 0 })
    expect(await b.cache('rows').get('id7')).toBe('id7')
    const other = rowsOf(b, '10ms')
    drainWrites(other)
    await b.writes('rows').flush()
    expect(other.written.toSorted()).toEqual(ids.toSorted())
    expect(await a.writes('rows').counts()).toEqual({ pending: 0, buried: 0 })
  })

  test('K12 many keys are evicted at once', async () => {
    const [a, b] = [await open(), await open()]
    await a.cache('c').putMany(ids.map((id) => [id, { id }]))
    expect(await b.cache('c').getMany(ids)).toHaveLength(ids.length)
    await a.cache('c').evictMany(ids)
    await eventually(async () => expect(await b.cache('c').getMany(ids)).toEqual(ids.map(() => undefined)))
    expect((await house.cluster.keys('t:c:*')).filter((key) => !key.endsWith(':written'))).toEqual([])
  })

  test.each<[string, (manager: CacheManager) => Promise<unknown>]>([
    ['a tag', (manager) => manager.evictTags(['x'])],
    ['a tag of the cache', (manager) => manager.cache('c').evictTags(['x'])],
    ['the cache', (manager) => manager.cache('c').clear()],
    ['everything', (manager) => manager.clear()],
  ])('K12 evicting %s leaves nothing alive anywhere', async (_, evict) => {
    const [a, b] = [await open(), await open()]
    for (const manager of [a, b]) for (const id of ids) await manager.cache('c').getOrLoad(id, () => 'old', opts)
    await evict(a)
    expect(await a.cache('c').getMany(ids)).toEqual(ids.map(() => undefined))
    await eventually(async () => expect(await b.cache('c').getMany(ids)).toEqual(ids.map(() => undefined)))
    const c = await open()
    expect(await c.cache('c').getMany(ids)).toEqual(ids.map(() => undefined))
  })

  test('a key is loaded once for all processes, and who waits is woken by the fill', async () => {
    const all = [await open(), await open(), await open()]
    for (const id of ids.slice(0, 6)) {
      const slow = gate<string>()
      let loads = 0
      const reads = all.map((manager) =>
        manager.cache('c').getOrLoad(id, () => {
          loads++
          return slow.pass()
        }),
      )
      await slow.entered
      slow.open('value')
      expect(await Promise.all(reads)).toEqual(['value', 'value', 'value'])
      expect(loads).toBe(1)
    }
  })

  test('copies are served without asking any node, until another process evicts them', async () => {
    const [a, b] = [await open({ maxStaleness: '30s' }), await open()]
    for (const id of ids) await a.cache('c').getOrLoad(id, () => 'old')
    await eventually(async () => {
      await house.cluster.resetStats()
      for (const id of ids) expect(await a.cache('c').getOrLoad(id, () => 'none')).toBe('old')
      const { evalsha = 0, mget = 0 } = await house.cluster.commandStats()
      expect(evalsha + mget).toBe(0)
    })
    await b.cache('c').evictMany(ids)
    await eventually(async () => {
      for (const id of ids) expect(await a.cache('c').getOrLoad(id, () => 'new')).toBe('new')
    })
  })

  test('a pattern is looked for on every node, and a prefix evicted on all', async () => {
    const options = { caches: { h: { hierarchical: true } } }
    const [a, b] = [await open(options), await open(options)]
    await a.cache('c').putMany([...ids, 'other'].map((id) => [id, 1]))
    expect(await a.cache('c').evictMatching('id*')).toBe(ids.length)
    expect(await b.cache('c').getMany([...ids, 'other'])).toEqual([...ids.map(() => undefined), 1])
    const keys = ids.map((id) => ['user', 7, id])
    await a.cache('h').putMany(keys.map((key) => [key, 1]))
    expect(await b.cache('h').getMany(keys)).toEqual(ids.map(() => 1))
    await a.cache('h').evictPrefix(['user', 7])
    await eventually(async () => expect(await b.cache('h').getMany(keys)).toEqual(ids.map(() => undefined)))
  })

  test('the newest version stays, and values are loaded ahead by one process', async () => {
    const [a, b] = [await open(), await open()]
    const version = (value: unknown): number => value as number
    for (const id of ids.slice(0, 12)) {
      await a.cache('c').put(id, 2, { version })
      await b.cache('c').put(id, 1, { version })
      expect(await b.cache('c').get(id)).toBe(2)
    }
    for (const id of ids.slice(0, 12)) {
      const key = `r${id}`
      await a.cache('c').getOrLoad(key, () => 'old', { ttl: '1m', refreshAhead: 0.000_001 })
      // Due at once: its life is long against what has passed of it.
      await eventually(async () =>
        expect(await a.cache('c').getOrLoad(key, () => 'new', { ttl: '1m', refreshAhead: 0.000_001 })).toBe('new'),
      )
      await eventually(async () => expect(await b.cache('c').get(key)).toBe('new'))
    }
  })

  test('a client of the user leads to the same cluster', async () => {
    const client = new Cluster(house.cluster.seeds, { lazyConnect: true, redisOptions: { maxRetriesPerRequest: null } })
    const [a, b] = [await open({ shared: redis({ client, ...told }) }), await open()]
    await a.cache('c').put('k', 1)
    expect(await b.cache('c').get('k')).toBe(1)
    await a.close()
    expect(await client.get(keyOf('c', 'k'))).not.toBeNull()
    client.disconnect()
  })

  test('a seed that takes connections and answers nothing keeps nobody from the cluster, and ends with close()', async () => {
    const sockets = new Set<Socket>()
    const silent = createServer((socket) => {
      sockets.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => sockets.delete(socket))
        .resume()
    }).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    try {
      const a = await open({ shared: redis({ cluster: [{ host: '127.0.0.1', port }, ...house.cluster.seeds] }) })
      await a.cache('c').put('k', 1)
      expect(await a.cache('c').get('k')).toBe(1)
      await a.close()
      await eventually(() => sockets.size === 0)
    } finally {
      for (const socket of sockets) socket.destroy()
      silent.close()
    }
  })

  test('a key prefix of the client moves keys to other slots, and everything with them', async () => {
    const shared = redis({ cluster: house.cluster.seeds, keyPrefix: '{p}', ...told })
    const [a, b] = [await open({ shared, maxStaleness: '30s' }), await open({ shared })]
    await a.cache('c').putMany(ids.map((id) => [id, 1]))
    expect(await b.cache('c').getMany(ids)).toEqual(ids.map(() => 1))
    const owner = await house.cluster.ownerOf(slotOf('{p}'))
    expect(await owner.command('DBSIZE')).toBe((await house.cluster.keys()).length)
    expect(await b.cache('c').evictMatching('id*')).toBe(ids.length)
    await eventually(async () => expect(await a.cache('c').getMany(ids)).toEqual(ids.map(() => undefined)))
  })

  test('what no node has a connection for is answered by the method, and the rest by the cluster', async () => {
    expectWarnings()
    const a = await open()
    await a.cache('c').putMany(ids.map((id) => [id, 'shared']))
    const away = house.cluster.masters[0]!
    const its: string[] = []
    for (const id of ids) if ((await house.cluster.ownerOf(keyOf('c', id))) === away) its.push(id)
    const others = ids.filter((id) => !its.includes(id))
    expect(its.length).toBeGreaterThan(5)
    away.freeze()
    try {
      await a.cache('c').evictMany(ids)
      expect(a.stats().deferredEvictions).toBe(its.length)
    } finally {
      away.resume()
    }
    await eventually(() => a.stats().deferredEvictions === 0)
    expect((await house.cluster.keys('t:c:*')).filter((key) => !key.endsWith(':written'))).toEqual([])
    expect(others.length).toBeGreaterThan(5)
  })
})

test('G1 a marker that was lost does not come back below a number it has had', async () => {
  const proxies = await house.proxies()
  const shared = redis({ cluster: house.cluster.seeds, natMap: natMap(proxies), commandTimeout: '10s', ...told })
  const [a, b] = [await open({ shared, local: false }), await open({ local: false })]
  await a.cache('c').getOrLoad('warm', () => 1)
  const { createMarkers } = scriptsOf(told.feed)
  const marker = 't:tag:{*%3Ax}'
  let evicts = 0
  for (const proxy of proxies.values()) {
    // The counter has been read, and the marker is about to be created with that number.
    proxy.onData(async (chunk, { direction }) => {
      if (direction !== 'toServer' || !chunk.includes(createMarkers.sha) || !chunk.includes(marker) || evicts++ > 0)
        return
      await b.evictTags(['x'])
      await (await house.cluster.ownerOf(slotOf(marker))).command('DEL', marker)
    })
  }
  await a.cache('c').getOrLoad('k', () => 'old', opts)
  expect(evicts).toBeGreaterThan(0)
  const c = await open()
  expect(await c.cache('c').get('k')).toBeUndefined()
})

describe('a slot on its way to another node', () => {
  const key = keyOf('c', 'k')
  const slot = slotOf(key)

  test.each(['importing', 'migrating', 'keys-moved', 'done'] as const)(
    'loads, evicts and puts go on at step %s, and copies are told of',
    async (at) => {
      const [a, b] = [await open({ maxStaleness: '30s' }), await open()]
      expect(await a.cache('c').getOrLoad('k', () => 'old')).toBe('old')
      expect(await a.cache('c').getOrLoad('k', () => 'none')).toBe('old')
      const from = await house.cluster.ownerOf(slot)
      const to = house.cluster.masters.find((node) => node !== from)!
      const slow = gate<string>()
      let loading: Promise<unknown> | undefined
      await house.cluster.moveSlot(slot, to, {
        between: async (step) => {
          if (step !== at) return
          await b.cache('c').evict('k')
          expect(b.stats().deferredEvictions).toBe(0)
          await eventually(async () => expect(await a.cache('c').get('k')).toBeUndefined())
          expect(await a.cache('c').getOrLoad('k', () => 'new')).toBe('new')
          expect(await b.cache('c').getOrLoad('k', () => 'none')).toBe('new')
          await b.cache('c').put('k', 'put')
          await eventually(async () => expect(['put', undefined]).toContain(await a.cache('c').get('k')))
          await b.cache('c').evict('k')
          await eventually(async () => expect(await a.cache('c').get('k')).toBeUndefined())
          // A load that is under way goes on over the rest of the migration.
          loading = a.cache('c').getOrLoad('k', () => slow.pass())
          await slow.entered
        },
      })
      slow.open('last')
      expect(await loading).toBe('last')
      expect(await b.cache('c').getOrLoad('k', () => 'none')).toBe('last')
      await b.cache('c').evict('k')
      await eventually(async () => expect(await a.cache('c').get('k')).toBeUndefined())
      await house.cluster.moveSlot(slot, from)
    },
  )

  test('while the slot of a queue moves, reads see what waits, and what is refused then is accepted later', async () => {
    const manager = await open({ local: false })
    class Rows {
      readonly written: string[] = []
      @Cacheable({ manager, cache: 'rows' })
      async find(_id: string): Promise<string> {
        return 'old'
      }

      @WriteBehind({ manager, cache: 'rows', key: (id: string) => id, maxDelay: '1h' })
      async save(written: readonly string[]): Promise<void> {
        this.written.push(...written)
      }
    }
    const rows = new Rows()
    await rows.save(['a', 'b'])
    const slotOfQueue = slotOf('t:queue:{rows}:values')
    const home = await house.cluster.ownerOf(slotOfQueue)
    const to = house.cluster.masters.find((node) => node !== home)!
    const refusals: unknown[] = []
    await house.cluster.moveSlot(slotOfQueue, to, {
      between: async () => {
        await manager.cache('rows').evictMany(['a', 'b'])
        expect([await rows.find('a'), await rows.find('b')]).toEqual(['a', 'b'])
        await rows.save(['c']).catch((error: unknown) => refusals.push(error))
      },
    })
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'CW_SHARED_REFUSED' })
    await rows.save(['c'])
    await manager.writes('rows').flush()
    expect(rows.written.toSorted()).toEqual(['a', 'b', 'c'])
    await house.cluster.moveSlot(slotOfQueue, home)
  })

  test('G1 a put that is redirected does not come after the evict that followed it', async () => {
    const from = await house.cluster.ownerOf(slot)
    const to = house.cluster.masters.find((node) => node !== from)!
    const proxies = await house.proxies()
    const seeds = [...proxies.values()].map(({ port }) => ({ host: '127.0.0.1', port }))
    const a = await open({ shared: redis({ cluster: seeds, natMap: natMap(proxies), commandTimeout: '20s' }) })
    const b = await open()
    await a.cache('c').put('k', 'first')
    const proxy = proxies.get(from.port)!
    proxy.hold('toServer')
    const putting = a.cache('c').put('k', 'old', { ttl: '1h' })
    const evicting = a.cache('c').evict('k')
    await house.cluster.moveSlot(slot, to)
    proxy.release('toServer')
    await Promise.all([putting, evicting])
    expect(await b.cache('c').get('k')).toBeUndefined()
    expect(await house.cluster.command(key, 'EXISTS', key)).toBe(0)
    await house.cluster.moveSlot(slot, from)
  })

  test('an evict after the move refuses the fill of a load that began before', async () => {
    const [a, b] = [await open(), await open()]
    const from = await house.cluster.ownerOf(slot)
    const to = house.cluster.masters.find((node) => node !== from)!
    const slow = gate<string>()
    const loading = a.cache('c').getOrLoad('k', () => slow.pass())
    await slow.entered
    await house.cluster.moveSlot(slot, to)
    await b.cache('c').evict('k')
    slow.open('old')
    expect(await loading).toBe('old')
    await eventually(async () => expect(await b.cache('c').getOrLoad('k', () => 'new')).toBe('new'))
    await eventually(async () => expect(await a.cache('c').getOrLoad('k', () => 'newer')).toBe('new'))
    await house.cluster.moveSlot(slot, from)
  })

  test('a node that joins, and has no slots yet, is found by the redirections to it', async () => {
    const [a, b] = [await open(), await open()]
    const to = await house.cluster.addMaster()
    await house.cluster.moveSlot(slot, to, {
      between: async (step) => {
        if (step !== 'keys-moved') return
        expect(await a.cache('c').getOrLoad('k', () => 'new')).toBe('new')
        expect(await b.cache('c').getOrLoad('k', () => 'none')).toBe('new')
        await b.cache('c').evict('k')
        expect(b.stats().deferredEvictions).toBe(0)
        await eventually(async () => expect(await a.cache('c').get('k')).toBeUndefined())
      },
    })
  })
})
