import { keyOf, redisHouse } from './processes'

const house = redisHouse()

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
