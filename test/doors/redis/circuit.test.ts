import { eventually, throughout } from '../../support/eventually'
import { redisHouse, timeOf } from './processes'

const house = redisHouse()

test('C86 G4 a frozen server is waited for once; then calls do without it, and it is used as soon as it answers', async () => {
  const server = await house.another()
  const one = house.open({ maxStaleness: '1h' }, { url: server.url })
  const cache = one.cache<number>('c')
  await one.ready()
  const states: string[] = []
  one.on('circuit', ({ server: name, state }) => states.push(`${state} ${name}`))
  await cache.put('kept', 1)
  server.freeze()
  await cache.getOrLoad('first', async () => 1)
  const took = await timeOf(async () => {
    for (let id = 0; id < 300; id++) await cache.getOrLoad(['n', id], async () => id)
    for (let id = 0; id < 300; id++) await cache.put(['n', id], id)
    for (let id = 0; id < 300; id++) await cache.evict(['n', id])
    await one.evictTags(['x'])
    await one.clear()
  })
  expect(states).toEqual([`open Redis at 127.0.0.1:${server.port}`])
  // All together little more than one of them alone would wait.
  expect(took).toBeLessThan(1_000)
  expect(one.stats().deferredEvictions).toBeGreaterThan(0)
  server.resume()
  await eventually(() => states.length === 2, { within: 1_000 })
  expect(states[1]).toBe(`closed Redis at 127.0.0.1:${server.port}`)
  await eventually(() => one.stats().deferredEvictions === 0)
  await cache.getOrLoad('again', async () => 1)
  expect(await house.open({}, { url: server.url }).cache('c').get('again')).toBe(1)
})

test('C86 nothing is sent meanwhile but the probe, so nothing old arrives when the server answers', async () => {
  const server = await house.another()
  const one = house.open({}, { url: server.url })
  await one.ready()
  server.freeze()
  await one.cache('c').getOrLoad('first', async () => 1)
  for (let id = 0; id < 100; id++) await one.cache('c').put(['late', id], id)
  server.resume()
  const other = house.open({}, { url: server.url })
  await eventually(() => one.stats().deferredEvictions === 0)
  expect(await other.cache('c').getMany(Array.from({ length: 100 }, (_, id) => ['late', id]))).toEqual(
    Array.from({ length: 100 }, () => undefined),
  )
})

test('G3 a lease that a frozen server grants late is given back behind it, so that others may fill', async () => {
  const server = await house.another()
  const one = house.open({ local: false }, { url: server.url, commandTimeout: 200 })
  const cache = one.cache<number>('c')
  await one.ready()
  await cache.put('warm', 1)
  server.freeze()
  const froze = performance.now()
  const opens = cache.get('warm')
  // The circuit opens while the lease is asked for, and not by it.
  await eventually(() => performance.now() - froze > 50)
  const loads = cache.getOrLoad('a', async () => 1)
  await Promise.all([opens, loads])
  server.resume()
  const other = house.open({}, { url: server.url })
  await other.ready()
  expect(await timeOf(() => other.cache('c').getOrLoad('a', async () => 2))).toBeLessThan(1_000)
  await eventually(
    async () => {
      await cache.getOrLoad('b', async () => 1)
      return (await cache.get('b')) === 1 && (await cache.get('a')) === 2
    },
    { within: 3_000 },
  )
})

test('many writes at once are not taken for a server that has fallen silent: it is asked for a thousand at a time', async () => {
  const proxy = await house.proxy()
  const one = house.open({ local: { maxEntries: 1 } }, { url: proxy.url, commandTimeout: 10_000 })
  await one.ready()
  // What a write has to know of the cache is known from here on.
  await one.cache('c').put('first', 0)
  let sent = ''
  proxy.onData((chunk, { direction }) => {
    if (direction === 'toServer') sent += chunk.toString('latin1')
  })
  const ids = Array.from({ length: 2_500 }, (_, id) => id)
  for (const write of [
    () => one.cache('c').putMany(ids.map((id) => [id, `value ${id}`])),
    () => one.cache('c').evictMany(ids),
  ]) {
    sent = ''
    const keysSent = (): number => new Set(sent.match(/(?<=t:c:1:\{#)\d+(?=\}\r\n)/g)).size
    proxy.hold('toClient')
    const written = write()
    await eventually(() => keysSent() >= 1_000)
    await throughout(100, () => expect(keysSent()).toBe(1_000))
    proxy.release('toClient')
    await written
    expect(keysSent()).toBe(2_500)
  }
  expect(one.stats().deferredEvictions).toBe(0)
  expect(await house.server.command('EXISTS', 't:c:1:{#2499}')).toBe(0)
}, 15_000)

test('a process that is busy before what it sent has left it does not open the circuit', async () => {
  // Longer than by default, as a busy machine may keep the server waiting, too.
  const one = house.open({}, { commandTimeout: 1_000 })
  await one.ready()
  const opened = jest.fn()
  one.on('circuit', opened)
  for (let id = 0; id < 3; id++) {
    const read = one.cache('c').getOrLoad(id, async () => 1)
    busy(1_100)
    await read
  }
  expect(opened).not.toHaveBeenCalled()
}, 10_000)

function busy(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}
