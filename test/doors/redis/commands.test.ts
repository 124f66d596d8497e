import { keyOf, redisHouse } from './processes'

const house = redisHouse()

// What a connection says once, when it opens.
const greeting = ['hello', 'info', 'time', 'script|load', 'select', 'client|setinfo', 'client|setname', 'ping']

async function commands(): Promise<Record<string, number>> {
  const all = await house.server.commandStats()
  for (const name of greeting) delete all[name]
  return all
}

describe('commands', () => {
  test('a hit in the shared tier is one', async () => {
    const one = house.open({ local: false })
    await one.ready()
    await one.cache('c').put('a', 1)
    const load = jest.fn()
    await one.cache('c').getOrLoad('a', load)
    await house.server.resetStats()
    for (let round = 0; round < 5; round++) expect(await one.cache('c').getOrLoad('a', load)).toBe(1)
    expect(load).not.toHaveBeenCalled()
    // Markers of clears are asked for again at half of maxStaleness.
    const { mget: _, ...others } = await commands()
    // What the script itself does is counted too.
    expect(others).toEqual({ evalsha: 5, get: 5, getex: 5 })
  })

  test('a miss is a lease and a fill', async () => {
    const one = house.open()
    await one.ready()
    await one.cache('c').getOrLoad('warm', async () => 1)
    await house.server.resetStats()
    await one.cache('c').getOrLoad('a', async () => 1)
    // The fill is a script that reads and writes.
    const { mget: _, ...others } = await commands()
    expect(others).toEqual({ evalsha: 2, getex: 2, set: 2, getrange: 1 })
  })

  test('a hit in the local tier is none', async () => {
    const one = house.open({ maxStaleness: Infinity })
    await one.ready()
    await one.cache('c').getOrLoad('a', async () => 1)
    await house.server.resetStats()
    for (let round = 0; round < 100; round++) await one.cache('c').getOrLoad('a', async () => 2)
    expect(await commands()).toEqual({})
  })

  test('many keys are one command, and many puts one flush', async () => {
    const one = house.open({ local: false })
    const keys = Array.from({ length: 50 }, (_, id) => `k${id}`)
    await one.ready()
    await one.cache('c').get('warm')
    await house.server.resetStats()
    await one.cache('c').putMany(keys.map((key, id) => [key, id] as const))
    // Each script writes the entry and the note of the write.
    expect(await commands()).toMatchObject({ evalsha: 50, set: 100 })
    await house.server.resetStats()
    expect(await one.cache('c').getMany([...keys, 'none', 'k0'])).toEqual([...keys.keys(), undefined, 0])
    expect((await commands()).mget).toBeLessThanOrEqual(2)
    await house.server.resetStats()
    await one.cache('c').evictMany(keys)
    expect(await commands()).toEqual({ evalsha: 50, unlink: 50, set: 50 })
    expect(await one.cache('c').getMany(keys)).toEqual(keys.map(() => undefined))
  })

  test('a tag or a clear is evicted by one script, however many entries carry it', async () => {
    const one = house.open({ local: false })
    await one.cache('c').putMany(
      Array.from({ length: 200 }, (_, id) => [id, id] as const),
      { tags: ['x'] },
    )
    await house.server.resetStats()
    await one.cache('c').evictTags(['x'])
    expect((await commands()).evalsha).toBe(1)
    expect(await one.cache('c').getMany([0, 100, 199])).toEqual([undefined, undefined, undefined])
    await house.server.resetStats()
    await one.clear()
    const after = await commands()
    expect(after.evalsha).toBe(1)
    expect(after.scan ?? after.keys).toBeUndefined()
  })
})

describe('expiry', () => {
  test('is the entry’s own, and the key’s, and none for ever', async () => {
    const one = house.open()
    await one.cache('c').put('a', 1, { ttl: '1m' })
    await one.cache('c').getOrLoad('b', async () => 1, { ttl: '2m' })
    await one.cache('c').put('c', 1, { ttl: Infinity })
    const left = async (key: string): Promise<number> => Number(await house.server.command('PTTL', keyOf('c', key)))
    expect(await left('a')).toBeGreaterThan(50_000)
    expect(await left('a')).toBeLessThanOrEqual(60_000)
    expect(await left('b')).toBeGreaterThan(110_000)
    expect(await left('b')).toBeLessThanOrEqual(120_000)
    expect(await left('c')).toBe(-1)
  })

  test('a local copy never outlives the entry, nor an entry its own time where the key lost it', async () => {
    const [one, two] = [house.open({ maxStaleness: Infinity }), house.open({ maxStaleness: Infinity })]
    await one.cache('c').put('a', 1, { ttl: 400 })
    await house.server.command('PERSIST', keyOf('c', 'a'))
    const began = performance.now()
    expect(await two.cache('c').get('a')).toBe(1)
    let last = began
    while ((await two.cache('c').get('a')) === 1) {
      last = performance.now()
      if (last - began > 3_000) break
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(last - began).toBeLessThan(450)
    expect(await one.cache('c').get('a')).toBeUndefined()
    expect(await one.cache('c').getOrLoad('a', async () => 2)).toBe(2)
  })
})
