import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { CacheManager } from 'cachewright'
import { eventually } from '../../support/eventually'
import type { RedisServer } from '../../support/redis-server'
import { expectWarnings, keyOf, redisHouse } from './processes'

// The address stays, and what answers there is another server, or has become of another kind.

const house = redisHouse()
afterEach(() => void jest.restoreAllMocks())

const read = (manager: CacheManager, value: string) => manager.cache('c').getOrLoad('k', async () => value)

describe('a server that has been restarted', () => {
  test('G5 is not read before the evicts are sent again that it may have lost', async () => {
    const server = await house.another()
    const proxy = await house.proxy(server)
    const one = house.open({}, { url: proxy.url, commandTimeout: '2s' })
    await one.ready()
    await one.cache('c').put('k', 'old')
    await server.command('SAVE')
    await one.cache('c').evict('k')

    // The first thing asked of it is who it is; a read that is sent behind that is answered behind it.
    const asked: { release(): void }[] = []
    proxy.onData((chunk, { direction, connection }) => {
      if (direction !== 'toServer' || !/info\r\n\$6\r\nserver/i.test(String(chunk))) return
      connection.hold('toClient')
      asked.push({ release: () => connection.release('toClient') })
    })
    await server.restart()
    expect(await server.command('EXISTS', keyOf('c', 'k'))).toBe(1)
    await eventually(() => asked.length >= 2)
    const during = read(one, 'new')
    for (const { release } of asked) release()
    expect(await during).toBe('new')
    await eventually(async () => (await server.command('EXISTS', keyOf('c', 'k'))) === 0)
    expect(await read(one, 'new')).toBe('new')
  })
})

describe('a server that may not write', () => {
  test.each([
    ['has lost its replicas', ['CONFIG', 'SET', 'min-replicas-to-write', '1']],
    ['was made a replica', ['REPLICAOF', '127.0.0.1', '1']],
  ])('G2 is not believed for telling of no change: it %s', async (_what, command) => {
    const server = await house.another()
    const one = house.open({ maxStaleness: 200 }, { url: server.url })
    await one.ready()
    await read(one, 'old')
    await server.command(...command)
    await eventually(async () => expect(await read(one, 'new')).toBe('new'), { within: 2_000 })
  })

  test('G5 is left for the one that its address leads to by now', async () => {
    const [former, next] = [await house.another(), await house.another()]
    const proxy = await house.proxy(former)
    const one = house.open({ maxStaleness: 200 }, { url: proxy.url })
    await one.ready()
    proxy.leadTo(next.port)
    await former.command('REPLICAOF', '127.0.0.1', String(next.port))
    await one.cache('c').evict('k')
    const note = `${keyOf('c', 'k')}:written`
    await eventually(async () => (await next.command('EXISTS', note)) === 1, { within: 3_000 })
    await eventually(() => one.stats().deferredEvictions === 0)
  })
})

describe('an address that leads elsewhere', () => {
  /** Connections to a server, among them one with this id there. */
  async function withId(server: RedisServer, id: number): Promise<Socket[]> {
    const sockets = Array.from({ length: 60 }, () => connect(server.port, '127.0.0.1'))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    expect(await server.command('CLIENT', 'LIST')).toContain(`id=${id} `)
    return sockets
  }

  test('G2 takes both connections along, so that notices do not go to a stranger', async () => {
    const [former, next] = [await house.another(), await house.another()]
    const proxy = await house.proxy(former)
    // Ids that the other server has yet to give.
    for (let id = 0; id < 30; id++) await former.command('PING')
    const one = house.open({ maxStaleness: '30s' }, { url: proxy.url })
    const two = house.open({}, { url: next.url })
    await Promise.all([one.ready(), two.ready()])
    const clients = String(await former.command('CLIENT', 'LIST'))
    const strangers = await withId(next, Number(/id=(\d+) .* sub=1 /.exec(clients)![1]))
    try {
      proxy.leadTo(next.port)
      proxy.connections.find((connection) => /tracking/i.test(connection.sent('toServer')))!.cut()
      await eventually(async () => {
        await read(one, 'old')
        return (await next.command('EXISTS', keyOf('c', 'k'))) === 1
      })
      await two.cache('c').evict('k')
      await eventually(async () => expect(await read(one, 'new')).toBe('new'), { within: 2_000 })
    } finally {
      for (const socket of strangers) socket.destroy()
    }
  })
})

describe('a server that is too old', () => {
  test('is refused by name, and methods are answered without it', async () => {
    expectWarnings()
    const proxy = await house.proxy()
    proxy.onData((chunk, { direction }) => {
      if (direction !== 'toClient') return
      return Buffer.from(chunk.toString('latin1').replace(/redis_version:\d+/, 'redis_version:6'), 'latin1')
    })
    const one = house.open({}, { url: proxy.url })
    const failures: unknown[] = []
    one.on('sharedFailure', ({ error }) => failures.push(error))
    expect(await one.ready()).toMatchObject({ shared: 'away' })
    expect(String(failures)).toMatch(/127\.0\.0\.1:\d+ is of version 6\.\d+\S*; 7\.0 or later is needed/)
    expect(await read(one, 'value')).toBe('value')
    expect(await house.server.command('EXISTS', keyOf('c', 'k'))).toBe(0)
  })
})
