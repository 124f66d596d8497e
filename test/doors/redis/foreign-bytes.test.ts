import type { CacheManager } from 'cachewright'
import { Redis } from 'ioredis'
import { keyOf, redisHouse } from './processes'

const house = redisHouse()
const key = keyOf('c', 'a')
let raw: Redis
let one: CacheManager
let unreadable: string[]
let failures: string[]

beforeEach(async () => {
  raw = new Redis(house.server.url)
  one = house.open({ local: false })
  await one.ready()
  unreadable = []
  failures = []
  one.on('unreadable', ({ error }) => unreadable.push(error.code))
  one.on('sharedFailure', ({ error }) => failures.push(String(error)))
})
afterEach(() => raw.disconnect())

async function frameOf(value: unknown): Promise<Buffer> {
  await one.cache('c').put('a', value)
  return (await raw.getBuffer(key))!
}

describe('what stands at a key and is no entry', () => {
  test.each([
    ['text', async () => Buffer.from('hello')],
    ['JSON', async () => Buffer.from('{"id":1}')],
    ['one byte of a frame', async () => Buffer.of(0xca)],
    ['a truncated frame', async () => (await frameOf('x'.repeat(500))).subarray(0, 300)],
    ['a padded frame', async () => Buffer.concat([await frameOf('x'), Buffer.of(0)])],
    [
      'a damaged frame',
      async () => {
        const frame = await frameOf('x'.repeat(100))
        frame[frame.length - 5]! ^= 1
        return frame
      },
    ],
    [
      'another key’s frame',
      async () => {
        await one.cache('c').put('b', 'b')
        return (await raw.getBuffer(keyOf('c', 'b')))!
      },
    ],
  ])('%s is a miss, an event, and replaced by the next load', async (_what, make) => {
    await raw.set(key, await make())
    unreadable.length = 0
    expect(await one.cache('c').get('a')).toBeUndefined()
    expect(unreadable).toEqual(['CW_ENTRY_UNREADABLE'])
    expect(await one.cache('c').getOrLoad('a', async () => 'new')).toBe('new')
    expect(await one.cache('c').get('a')).toBe('new')
    expect(failures).toEqual([])
  })

  test('every truncation and every flipped byte is a miss or the very value', async () => {
    const frame = await frameOf({ text: 'value', at: new Date(5) })
    for (let at = 0; at < frame.length; at++) {
      const flipped = Buffer.from(frame)
      flipped[at]! ^= 0xff
      await raw.set(key, at % 2 === 0 ? frame.subarray(0, at) : flipped)
      expect(await one.cache('c').get('a')).toBeUndefined()
    }
    await raw.set(key, frame)
    expect(await one.cache('c').get('a')).toEqual({ text: 'value', at: new Date(5) })
  })

  test('a frame of a later version is left alone', async () => {
    const frame = await frameOf('x')
    frame[2]! = 99
    await raw.set(key, frame, 'PX', 60_000)
    expect(await one.cache('c').get('a')).toBeUndefined()
    expect(await one.cache('c').getOrLoad('a', async () => 'mine')).toBe('mine')
    await one.cache('c').getOrLoad('a', async () => 'mine')
    expect((await raw.getBuffer(key))!.equals(frame)).toBe(true)
    expect(await raw.pttl(key)).toBeGreaterThan(50_000)
    expect(unreadable).toEqual([])
  })

  test('another type of Redis is a miss and no more', async () => {
    await raw.rpush(key, 'a', 'b')
    expect(await one.cache('c').getOrLoad('a', async () => 1)).toBe(1)
    expect(failures.join()).toContain('WRONGTYPE')
    expect(await raw.lrange(key, 0, -1)).toEqual(['a', 'b'])
    await one.cache('c').evict('a')
    expect(await one.cache('c').getOrLoad('a', async () => 2)).toBe(2)
    expect(await one.cache('c').get('a')).toBe(2)
  })
})

describe('what others do to a key during a load', () => {
  test.each([
    ['deleted', () => raw.del(key), undefined],
    ['overwritten', () => raw.set(key, 'foreign'), undefined],
    ['flushed', () => raw.flushall(), undefined],
  ])('%s: the fill is refused', async (_what, act, found) => {
    const superseded = jest.fn()
    one.on('superseded', superseded)
    const value = await one.cache('c').getOrLoad('a', async () => {
      await act()
      return 'old'
    })
    expect(value).toBe('old')
    expect(superseded).toHaveBeenCalledTimes(1)
    expect(await one.cache('c').get('a')).toBe(found)
  })
})

describe('a server that takes no writes', () => {
  test('that is full still serves hits, and misses are answered', async () => {
    const other = await house.another(['--maxmemory-policy', 'noeviction'])
    const cached = house.open({ local: false }, { url: other.url })
    await cached.cache('c').put('a', 1)
    await other.command('CONFIG', 'SET', 'maxmemory', '1')
    for (const manager of [cached, house.open({ local: false }, { url: other.url })]) {
      expect(await manager.cache('c').getOrLoad('a', async () => 2)).toBe(1)
      expect(await manager.cache('c').getOrLoad('b', async () => 2)).toBe(2)
      expect(await manager.cache('c').get('a')).toBe(1)
    }
    await other.command('CONFIG', 'SET', 'maxmemory', '0')
    await cached.cache('c').getOrLoad('b', async () => 3)
    expect(await cached.cache('c').get('b')).toBe(3)
  })
})
