import type { CacheManager } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { keyOf, redisHouse } from './processes'

const house = redisHouse()

async function pair(options: Parameters<typeof house.open>[0] = {}): Promise<readonly [CacheManager, CacheManager]> {
  const both = [house.open(options), house.open(options)] as const
  await Promise.all(both.map((manager) => manager.ready()))
  return both
}

describe('a value whose load began before the other process changed it', () => {
  type Change = (other: CacheManager) => Promise<unknown>
  const changes: readonly (readonly [string, Change])[] = [
    ['evicts the key', (other) => other.cache('c').evict('a')],
    ['evicts many keys', (other) => other.cache('c').evictMany(['z', 'a'])],
    ['puts', (other) => other.cache('c').put('a', 'new', { tags: ['x'] })],
    ['evicts the tag', (other) => other.cache('c').evictTags(['x'])],
    ['evicts the tag everywhere', (other) => other.evictTags(['x'])],
    ['clears the cache', (other) => other.cache('c').clear()],
    ['clears everything', (other) => other.clear()],
  ]
  const tags = (): readonly string[] => ['x']

  test.each(changes)('is nowhere afterwards when it %s', async (_what, change) => {
    const clock = new ManualClock()
    const [one, two] = await pair({ clock })
    const slow = gate<string>()
    const load = one.cache('c').getOrLoad('a', () => slow.pass(), { tags })
    await slow.entered
    await change(two)
    slow.open('old')
    expect(await load).toBe('old')
    await clock.advance(1_001)

    for (const manager of [one, two, house.open({ clock })]) {
      expect(await manager.cache('c').get('a')).not.toBe('old')
      expect(await manager.cache('c').getOrLoad('a', async () => 'new', { tags })).toBe('new')
    }
  })

  test.each(changes)('is nowhere at once when its own process %s', async (_what, change) => {
    const [one, two] = await pair()
    const slow = gate<string>()
    const load = one.cache('c').getOrLoad('a', () => slow.pass(), { tags })
    await slow.entered
    const changed = change(one)
    const during = one.cache('c').getOrLoad('a', async () => 'new', { tags })
    await changed
    slow.open('old')
    expect(await load).toBe('old')
    // It began before the change had taken effect: it may have either.
    expect(['old', 'new']).toContain(await during)
    for (const manager of [one, two]) expect(await manager.cache('c').get('a')).not.toBe('old')
    expect(await one.cache('c').getOrLoad('a', async () => 'new', { tags })).toBe('new')
  })

  test.each(changes)(
    'is served at most maxStaleness longer from memory when another process %s',
    async (_what, change) => {
      const clock = new ManualClock()
      const [one, two] = await pair({ clock })
      expect(await one.cache('c').getOrLoad('a', async () => 'old', { tags })).toBe('old')
      expect(await two.cache('c').getOrLoad('a', async () => 'none', { tags })).toBe('old')
      await clock.advance(400)
      await one.cache('c').getOrLoad('a', async () => 'none', { tags })
      await change(two)
      expect(await two.cache('c').get('a')).not.toBe('old')
      await clock.advance(1_001)
      for (const manager of [one, two]) expect(await manager.cache('c').get('a')).not.toBe('old')
    },
  )

  test.each([0, 1, 2, 3, 4, 5])(
    'is nowhere afterwards, in the %i-th of many orders',
    async (seed) => {
      let state = seed * 7_919 + 1
      const pick = (count: number): number => {
        state = (state * 48_271) % 2_147_483_647
        return state % count
      }
      const clock = new ManualClock()
      const managers = [...(await pair({ clock })), house.open({ clock, local: false })]
      let row = 0
      for (let round = 0; round < 60; round++) {
        const loads = Array.from({ length: 4 }, () => {
          const manager = managers[pick(3)]!
          const reached = gate<void>()
          const load = manager.cache('c').getOrLoad(
            'a',
            async () => {
              const seen = row
              await reached.pass()
              return seen
            },
            { tags },
          )
          return { load, reached }
        })
        for (let turn = pick(6); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve))
        const written = ++row
        const change = changes.filter(([what]) => what !== 'puts')[pick(6)]![1]
        const early = pick(5)
        if (early < 4) loads[early]!.reached.open()
        await change(managers[pick(3)]!)
        for (const { reached } of loads) reached.open()
        await Promise.all(loads.map(({ load }) => load))
        await clock.advance(1_001)
        const after = await Promise.all(managers.map((manager) => manager.cache<number>('c').get('a')))
        expect(after.filter((seen) => seen !== undefined && seen < written)).toEqual([])
      }
    },
    20_000,
  )
})

describe('without memory of its own, a process', () => {
  test('sees a put or an evict of another one at once, tags and clears within maxStaleness', async () => {
    const clock = new ManualClock()
    const [one, two] = await pair({ local: false, clock })
    for (let round = 0; round < 50; round++) {
      await one.cache('c').put('a', round, { tags: ['x'] })
      expect(await two.cache('c').get('a')).toBe(round)
      await one.cache('c').evict('a')
      expect(await two.cache('c').get('a')).toBeUndefined()
    }
    await one.cache('c').put('a', 1, { tags: ['x'] })
    await one.cache('c').evictTags(['x'])
    await clock.advance(1_001)
    expect(await two.cache('c').get('a')).toBeUndefined()
  })

  test('or one with maxStaleness 0, sees everything at once', async () => {
    const [one, two] = await pair({ maxStaleness: 0 })
    for (let round = 0; round < 50; round++) {
      await one.cache('c').put('a', round, { tags: ['x'] })
      expect(await two.cache('c').get('a')).toBe(round)
      await (round % 3 === 0
        ? one.cache('c').evict('a')
        : round % 3 === 1
          ? one.cache('c').evictTags(['x'])
          : one.clear())
      expect(await two.cache('c').get('a')).toBeUndefined()
    }
  })
})

describe('a lease', () => {
  test('is renewed as long as the loader runs, and the fill takes effect', async () => {
    const clock = new ManualClock()
    const one = house.open({ clock })
    await one.ready()
    const slow = gate<number>()
    const load = one.cache('c').getOrLoad('a', () => slow.pass())
    await slow.entered
    const left = async (): Promise<number> => Number(await house.server.command('PTTL', keyOf('c', 'a')))
    for (let round = 0; round < 4; round++) {
      await house.server.command('PEXPIRE', keyOf('c', 'a'), 2_000)
      await clock.advance(1_667)
      await eventually(async () => (await left()) > 4_000)
    }
    slow.open(1)
    expect(await load).toBe(1)
    expect(await house.open().cache('c').get('a')).toBe(1)
    // The heartbeat of the feed.
    expect(clock.pending).toBe(1)
  })

  test('that was lost is not renewed, and the fill is refused', async () => {
    const clock = new ManualClock()
    const [one, two] = await pair({ clock })
    const slow = gate<number>()
    const load = one.cache('c').getOrLoad('a', () => slow.pass())
    await slow.entered
    await house.server.command('DEL', keyOf('c', 'a'))
    await two.cache('c').getOrLoad('a', async () => 2)
    await clock.advance(20_000)
    slow.open(1)
    expect(await load).toBe(1)
    expect(await house.open().cache('c').get('a')).toBe(2)
  })

  test('of a process that died keeps nobody from an answer, and its place is taken when it has run out', async () => {
    const [one, two] = await pair()
    const never = gate<number>()
    void one.cache('c').getOrLoad('a', () => never.pass())
    await never.entered
    // As if it had died: nobody renews, and the time is up.
    const waiting = two.cache('c').getOrLoad('a', async () => 2)
    await house.server.command('PEXPIRE', keyOf('c', 'a'), 1)
    expect(await waiting).toBe(2)
    await house.server.command('DEL', keyOf('c', 'a'))
    const three = house.open()
    expect(await three.cache('c').getOrLoad('a', async () => 3)).toBe(3)
    expect(await house.open().cache('c').get('a')).toBe(3)
    never.open(1)
    await one.close()
    expect(await house.open().cache('c').get('a')).toBe(3)
  })

  test('is given back when the loader fails, or its value cannot be kept', async () => {
    const one = house.open({ defaults: { maxValueBytes: 1_000 } })
    const gone = async (): Promise<boolean> => (await house.server.command('EXISTS', keyOf('c', 'a'))) === 0
    await expect(
      one.cache('c').getOrLoad('a', async () => {
        throw new Error('no row')
      }),
    ).rejects.toThrow('no row')
    await eventually(gone)
    const refused = jest.fn()
    one.on('refused', refused)
    jest.spyOn(process, 'emitWarning').mockImplementation()
    expect(await one.cache('c').getOrLoad('a', async () => 'x'.repeat(2_000))).toHaveLength(2_000)
    jest.restoreAllMocks()
    expect(refused).toHaveBeenCalledTimes(1)
    await eventually(gone)
    expect(await one.cache('c').getOrLoad('b', async () => 1, { ttl: 0 })).toBe(1)
    await eventually(async () => (await house.server.command('EXISTS', keyOf('c', 'b'))) === 0)
  })

  test('is given back by a load that was revoked or left', async () => {
    const one = house.open()
    await one.ready()
    const leaving = new AbortController()
    const slow = gate<number>()
    const left = one.cache('c').getOrLoad('a', () => slow.pass(), { signal: leaving.signal })
    await slow.entered
    leaving.abort(new Error('left'))
    await expect(left).rejects.toThrow('left')
    slow.open(1)
    await eventually(async () => (await house.server.command('EXISTS', keyOf('c', 'a'))) === 0)
  })
})

describe('a put that is too large', () => {
  test('leaves no older value behind', async () => {
    jest.spyOn(process, 'emitWarning').mockImplementation()
    const [one, two] = await pair({ defaults: { maxValueBytes: 100 } })
    await one.cache('c').put('a', 'old')
    await one.cache('c').put('a', 'x'.repeat(200))
    expect(await one.cache('c').get('a')).toBeUndefined()
    expect(await two.cache('c').get('a')).toBeUndefined()
    jest.restoreAllMocks()
  })
})

describe('a server that forgets everything', () => {
  test('brings no old value back', async () => {
    const clock = new ManualClock()
    const [one, two] = await pair({ clock })
    for (let round = 0; round < 20; round++) {
      await one.cache('c').getOrLoad('a', async () => round, { tags: ['x'] })
      const slow = gate<number>()
      const load = two.cache('c').getOrLoad('b', () => slow.pass(), { tags: ['x'] })
      await slow.entered
      await house.server.command('FLUSHALL')
      await (round % 2 === 0 ? one.cache('c').evictTags(['x']) : one.clear())
      slow.open(round)
      await load
      await clock.advance(1_001)
      for (const manager of [one, two]) {
        expect(await manager.cache('c').get('a')).toBeUndefined()
        expect(await manager.cache('c').get('b')).toBeUndefined()
      }
      await one.cache('c').getOrLoad('heal', async () => 1, { tags: ['x'] })
      await one.cache('c').getOrLoad('healed', async () => 1, { tags: ['x'] })
      expect(await two.cache('c').get('healed')).toBe(1)
    }
  })
})
