import { createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'
import { Redis } from 'ioredis'
import { warningsDuring } from '../../support/warnings'
import { keyOf, redisHouse } from './processes'

const house = redisHouse()

describe('redis()', () => {
  test.each([
    ['no address', {}, /give one of/],
    ['two addresses', { url: 'redis://x', options: {} }, /got url and options/],
    ['a url that is not set', { url: undefined }, /`url` is not set/],
    ['an empty url', { url: '' }, /`url` is not set/],
    ['no client', { client: undefined }, /must be a client of ioredis/],
    ['a cluster of none', { cluster: [] }, /`cluster` must be a list of nodes/],
    ['a node that is none', { cluster: [5] }, /`cluster`: a node is given as/],
    ['another database of a cluster', { cluster: ['a:1'], db: 2 }, /a cluster has one database, 0; `db` is 2/],
    ['no sentinels', { sentinels: [], name: 'm' }, /`sentinels` must be a list of addresses/],
    ['sentinels without a name', { sentinels: [{ host: 'a' }] }, /beside `sentinels` give `name`/],
    ['a commandTimeout that is none', { url: 'redis://x', commandTimeout: 'soon' }, /commandTimeout.*not a duration/],
  ])('refuses %s', (_what, where, message) => {
    const call = (): unknown => redis(where as unknown as Parameters<typeof redis>[0])
    expect(call).toThrow(message)
    expect(call).toThrow(expect.objectContaining({ code: 'CW_OPTION_INVALID' }))
  })

  test('takes a url, options and a client, with options of ioredis beside', async () => {
    const client = new Redis(house.server.url, {
      keyPrefix: 'mine:',
      maxRetriesPerRequest: 20,
      enableOfflineQueue: true,
    })
    const factories = [
      redis({ url: house.server.url, connectionName: 'by-url' }),
      redis({ options: { port: house.server.port, host: '127.0.0.1' }, connectionName: 'by-options' }),
      redis({ client, connectionName: 'by-client' }),
    ]
    const managers = factories.map((shared) => createCacheManager({ shared, prefix: 'p', local: false }))
    for (const manager of managers) expect((await manager.ready()).shared).toBe('connected')
    const names = String(await house.server.command('CLIENT', 'LIST'))
    for (const name of ['by-url', 'by-options', 'by-client']) expect(names).toContain(`name=${name}`)

    await managers[0]!.cache('c').put('a', 1)
    expect(await managers[1]!.cache('c').get('a')).toBe(1)
    // The client's own keyPrefix holds for the cache too, for each of its keys.
    expect(await managers[2]!.cache('c').get('a')).toBeUndefined()
    expect(await managers[2]!.cache('c').getOrLoad('a', async () => 2, { tags: ['x'] })).toBe(2)
    expect(await managers[2]!.cache('c').getMany(['a', 'b'])).toEqual([2, undefined])
    await managers[2]!.cache('c').evictTags(['x'])
    expect(await managers[2]!.cache('c').get('a')).toBeUndefined()
    await managers[2]!.cache('c').put('a', 3)
    await managers[2]!.cache('c').evict('a')
    expect(await managers[2]!.cache('c').get('a')).toBeUndefined()
    const keys = (await house.server.command('KEYS', '*')) as string[]
    expect(keys.filter((key) => !/^(?:mine:)?p:/.test(key))).toEqual([])
    expect(keys).toContain('mine:p:counter')

    for (const manager of managers) await manager.close()
    // What it did not make stays open.
    expect(await client.ping()).toBe('PONG')
    client.disconnect()
  })

  test('keeps databases and prefixes apart', async () => {
    const one = house.open()
    const elsewhere = house.open({}, { db: 3 })
    const other = house.open({ prefix: 'u' })
    await one.cache('c').put('a', 1)
    expect(await elsewhere.cache('c').get('a')).toBeUndefined()
    expect(await other.cache('c').get('a')).toBeUndefined()
    await Promise.all([elsewhere.clear(), other.clear()])
    expect(await house.open().cache('c').get('a')).toBe(1)
    expect(await house.server.command('EXISTS', keyOf('c', 'a'))).toBe(1)
  })

  test('says away, and only warns, where there is no server', async () => {
    const manager = createCacheManager({ shared: redis({ url: 'redis://127.0.0.1:1' }) })
    const warnings = await warningsDuring(async () => {
      expect((await manager.ready()).shared).toBe('away')
      expect(await manager.cache('c').getOrLoad('a', async () => 1)).toBe(1)
    })
    expect(warnings).toHaveLength(1)
    await manager.close()
  })
})
