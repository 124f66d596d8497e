import { createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'
import { failFast, listenOnly } from '../../../src/redis/client-options'
import { eventually, throughout } from '../../support/eventually'
import { expectWarnings, redisHouse, timeOf } from './processes'

// C86 G4 what a circuit must find out by itself, and what must not open it.

const house = redisHouse()

/** How long a connection may be silent here, in place of ten seconds. */
const silenceMs = 1_500

beforeEach(() => {
  for (const options of [failFast, listenOnly] as { socketTimeout: number }[])
    jest.replaceProperty(options, 'socketTimeout', silenceMs)
})
afterEach(() => void jest.restoreAllMocks())

test.each(['options', 'client'])('the circuit opens whatever timeout the %s of ioredis have', async (form) => {
  const server = await house.another()
  const { Redis } = await import('ioredis')
  const its = { host: '127.0.0.1', port: server.port, commandTimeout: 100, lazyConnect: true }
  const one = createCacheManager({
    shared: form === 'options' ? redis({ options: its }) : redis({ client: new Redis(its) }),
  })
  await one.ready()
  server.freeze()
  await one.cache('c').getOrLoad('first', async () => 1)
  const took = await timeOf(async () => {
    for (let id = 0; id < 20; id++) await one.cache('c').getOrLoad(id, async () => 1)
  })
  server.resume()
  await one.close()
  expect(took).toBeLessThan(500)
})

test('a server that answers too late is asked no more, however long that lasts', async () => {
  const proxy = await house.proxy()
  const one = house.open({}, { url: proxy.url, commandTimeout: 100 })
  await one.ready()
  const states: string[] = []
  one.on('circuit', ({ state }) => states.push(state))
  proxy.delay(75)
  await one.cache('c').getOrLoad('first', async () => 1)
  await eventually(() => states.length === 1)
  await throughout(2 * silenceMs, () => {
    expect(states).toEqual(['open'])
    expect(proxy.accepted).toBe(2)
  })
  proxy.delay(0)
  await eventually(() => states.length === 2, { within: 1_000 })
}, 10_000)

test('a connection that is accepted and leads nowhere is made anew', async () => {
  expectWarnings()
  const proxy = await house.proxy()
  proxy.hold()
  const one = house.open({}, { url: proxy.url })
  expect((await one.ready()).shared).toBe('away')
  for (const connection of proxy.connections) connection.hold()
  proxy.release()
  await eventually(() => proxy.accepted >= 4, { within: 5_000 })
  await eventually(async () => (await one.ready()).shared === 'connected')
}, 15_000)

test('so is one that leads nowhere while nothing is told either', async () => {
  const proxy = await house.proxy()
  const one = house.open({}, { url: proxy.url })
  await one.ready()
  const states: string[] = []
  one.on('circuit', ({ state }) => states.push(state))
  const listens = (text: string): boolean => /subscribe/i.test(text)
  for (const connection of proxy.connections) {
    if (listens(connection.sent('toServer'))) connection.cut()
    else connection.hold()
  }
  await one.cache('c').getOrLoad('a', async () => 1)
  await eventually(() => states.length === 1)
  await eventually(() => states.at(-1) === 'closed', { within: 5_000 })
  await eventually(async () => {
    await one.cache('c').getOrLoad('b', async () => 2)
    return (await house.open().cache('c').get('b')) === 2
  })
}, 15_000)
