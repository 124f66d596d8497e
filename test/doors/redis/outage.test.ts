import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Cache, createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'
import { Redis } from 'ioredis'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import type { RedisServer } from '../../support/redis-server'
import { expectWarnings, redisHouse, timeOf } from './processes'

const house = redisHouse()
afterEach(() => void jest.restoreAllMocks())

// A busy machine is slow, but not slower than this.
const slack = 200

describe('a server that stops answering', () => {
  test('delays a call by one commandTimeout, whatever the call was doing', async () => {
    const server = await house.another()
    const one = house.open({}, { url: server.url, commandTimeout: 300 })
    await one.cache('c').put('warm', 1, { tags: ['x'] })
    const slow = gate<number>()
    const began = one.cache('c').getOrLoad('a', () => slow.pass())
    await slow.entered
    server.freeze()
    slow.open(1)
    expect(await timeOf(() => began)).toBeLessThan(300 + slack)
    for (const call of [
      () => one.cache('c').getOrLoad('b', async () => 1),
      () => one.cache('c').getOrLoad('c', async () => 1, { tags: ['x'] }),
      () => one.cache('c').put('d', 1, { tags: ['x'] }),
      () => one.cache('c').evict('e'),
      () => one.cache('c').evictMany(['e', 'f']),
      () => one.cache('c').evictTags(['x']),
      () => one.cache('c').getMany(['g', 'h']),
    ]) {
      expect(await timeOf(call)).toBeLessThan(300 + slack)
    }
    expect(
      await timeOf(() =>
        Promise.all(Array.from({ length: 200 }, (_, id) => one.cache('c').getOrLoad(['n', id], async () => id))),
      ),
    ).toBeLessThan(300 + 2 * slack)
    expect(await timeOf(() => one.clear())).toBeLessThan(300 + slack)
    server.resume()
    await eventually(async () => {
      await one.cache('c').getOrLoad('healed', async () => 1)
      return (await house.open({}, { url: server.url }).cache('c').get('healed')) === 1
    })
  })

  test('does so for a caller’s stock client too', async () => {
    const server = await house.another()
    const client = new Redis(server.url, { enableOfflineQueue: true, maxRetriesPerRequest: 20 })
    client.on('error', () => {})
    const one = createCacheManager({ shared: redis({ client, commandTimeout: 300 }) })
    await one.ready()
    server.freeze()
    expect(await timeOf(() => one.cache('c').getOrLoad('a', async () => 1))).toBeLessThan(300 + slack)
    server.resume()
    await server.kill()
    await eventually(async () => (await timeOf(() => one.cache('c').getOrLoad({}, async () => 1))) < 100)
    await one.close()
    client.disconnect()
  })
})

describe('a server that is slow', () => {
  // Nearly as slow as it may be, so that two questions one after the other would take longer.
  const commandTimeout = 400
  const delay = 300

  async function slowly(change: (cache: Cache) => Promise<unknown>): Promise<number> {
    const { proxy, one } = await house.pairWithProxy({ maxStaleness: '1h' }, { commandTimeout })
    const cache = one.cache('c')
    await cache.getOrLoad('a', () => 'old', { ttl: '1s', staleIfError: '1m', tags: ['x'] })
    await change(cache)
    proxy.delay(delay, 'toClient')
    const took = await timeOf(() => cache.getOrLoad('a', () => 'new', { staleIfError: '1m', tags: ['x'] }))
    proxy.delay(0)
    return took
  }

  test('G4 delays a call by one commandTimeout in all, also where a value past its life is loaded anew', async () => {
    expect(await slowly((cache) => cache.expire('a'))).toBeLessThan(commandTimeout + slack - 50)
    // The new value takes its place all the same, when the server has granted that.
    const other = house.open()
    await eventually(async () => (await other.cache('c').get('a')) === 'new')
  })

  test('G4 and where a dead entry has to be replaced', async () => {
    expect(await slowly((cache) => cache.evictTags(['x']))).toBeLessThan(commandTimeout + slack - 50)
  })
})

describe('a server that answers late', () => {
  test('still does what it was told', async () => {
    const server = await house.another()
    const one = house.open({}, { url: server.url, commandTimeout: 100 })
    await one.cache('c').put('a', 'old')
    server.freeze()
    await one.cache('c').evict('a')
    server.resume()
    await eventually(async () => (await house.open({}, { url: server.url }).cache('c').get('a')) === undefined)
  })
})

describe('a server that is gone', () => {
  async function used(server: RedisServer): Promise<ReturnType<typeof house.open>> {
    const one = house.open({}, { url: server.url })
    await one.ready()
    await one.cache('c').put('a', 1)
    return one
  }

  test('delays nothing, also for the calls that were waiting for it', async () => {
    const server = await house.another()
    const one = await used(server)
    const failures = jest.fn()
    one.on('sharedFailure', failures)
    server.freeze()
    const waiting = one.cache('c').getOrLoad('b', async () => 2)
    const ended = server.kill()
    expect(await timeOf(() => waiting)).toBeLessThan(250 + slack)
    await ended
    await eventually(async () => (await timeOf(() => one.cache('c').getOrLoad({}, async () => 1))) < 50)
    const took = await timeOf(() =>
      Promise.all(Array.from({ length: 100 }, (_, id) => one.cache('c').getOrLoad(['n', id], async () => id))),
    )
    expect(took).toBeLessThan(slack)
    await one.cache('c').evict('a')
    await one.cache('c').put('a', 2)
    await one.cache('c').evictTags(['x'])
    await one.clear()
    expect(failures).toHaveBeenCalled()
  })

  test('is used again when it is back, empty and without its scripts', async () => {
    const server = await house.another()
    const one = await used(server)
    await server.restart()
    await eventually(async () => {
      await one.cache('c').getOrLoad('b', async () => 2, { tags: ['x'] })
      return (await house.open({}, { url: server.url }).cache('c').get('b')) === 2
    })
    await one.cache('c').evictTags(['x'])
    expect(await one.cache('c').get('b')).toBeUndefined()
  })

  test('is used as soon as it answers by a manager that was made without it', async () => {
    expectWarnings()
    const server = await house.another()
    await server.kill()
    const one = house.open({}, { url: server.url })
    expect((await one.ready()).shared).toBe('away')
    expect(await one.cache('c').getOrLoad('a', async () => 1)).toBe(1)
    await server.start()
    await eventually(async () => {
      await one.cache('c').getOrLoad('b', async () => 2)
      return (await house.open({}, { url: server.url }).cache('c').get('b')) === 2
    })
    expect((await one.ready()).shared).toBe('connected')
  })

  test('loses its scripts in between, and nobody notices', async () => {
    const one = house.open({ local: false })
    await one.cache('c').put('a', 1, { tags: ['x'] })
    const failures = jest.fn()
    one.on('sharedFailure', failures)
    await house.server.command('SCRIPT', 'FLUSH')
    expect(await one.cache('c').getOrLoad('b', async () => 2, { tags: ['y'] })).toBe(2)
    await house.server.command('SCRIPT', 'FLUSH')
    await one.cache('c').evictTags(['x'])
    expect(await one.cache('c').get('a')).toBeUndefined()
    expect(await one.cache('c').get('b')).toBe(2)
    expect(failures).not.toHaveBeenCalled()
  })

  test('cut at any moment: each call is answered, and nothing is unhandled', async () => {
    const proxy = await house.proxy()
    const one = house.open({}, { url: proxy.url })
    await one.ready()
    for (let round = 0; round < 20; round++) {
      const cut = round % 3
      const value = await one.cache('c').getOrLoad(['a', round], async () => {
        if (cut === 0) proxy.cut()
        return round
      })
      expect(value).toBe(round)
      if (cut === 1) proxy.cut()
      await one.cache('c').put(['b', round], round, { tags: ['x'] })
      if (cut === 2) proxy.cut()
      await one.cache('c').evictTags(['x'])
    }
    await eventually(async () => {
      await one.cache('c').getOrLoad('z', async () => 1)
      return (await house.open().cache('c').get('z')) === 1
    })
  })
})

describe('close()', () => {
  test.each(['answers', 'is frozen', 'is gone', 'never was'])(
    'lets the process end though the server %s',
    async (what) => {
      const server = await house.another()
      if (what === 'never was') await server.kill()
      const child = spawn(process.execPath, ['-r', 'esbuild-register', `${__dirname}/closes.program.ts`, server.url], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      const exited = once(child, 'exit')
      await once(child.stdout, 'data')
      if (what === 'is frozen') server.freeze()
      if (what === 'is gone') await server.kill()
      child.stdin.end()
      expect(await timeOf(() => exited)).toBeLessThan(4_000)
      expect(child.exitCode).toBe(0)
    },
    20_000,
  )
})
