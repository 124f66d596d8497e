import { registeredType } from 'cachewright'
import { expectSame } from '../../rooms/codec/same-value'
import { Box, carried, Money, NotFound, Point, Stack } from '../../rooms/codec/samples'
import { redisHouse } from './processes'

const house = redisHouse()
const types = [
  Point,
  NotFound,
  Stack,
  registeredType(Money, { encode: (money) => money.cents, decode: (cents) => new Money(cents) }),
  registeredType(Box, { encode: (box) => [box.content], decode: ([content]) => new Box(content) }),
]

// What is shown here has nothing to do with how busy the machine is.
const patient = { commandTimeout: 2_000 }

test.each(Object.entries(carried))(
  '%s is the same from the loader, from memory and from Redis',
  async (_what, make) => {
    const one = house.open({ types, maxStaleness: Infinity }, patient)
    const two = house.open({ types, maxStaleness: Infinity }, patient)
    const made = make()
    const load = async (): Promise<unknown> => made
    const paths = [
      await one.cache('c').getOrLoad('a', load),
      await one.cache('c').getOrLoad('a', load),
      await two.cache('c').getOrLoad('a', load),
      await two.cache('c').getOrLoad('a', load),
    ]
    for (const value of paths) expectSame(value, made)
    expect(one.stats().hits).toBe(1)
    expect(two.stats().hits).toBe(2)
    expect(two.stats().loadSuccesses).toBe(0)
    expect(await two.cache('c').lookup('a')).toHaveProperty('found', true)
  },
)

test('what cannot be looked at is refused, and the call is answered', async () => {
  jest.spyOn(process, 'emitWarning').mockImplementation()
  const broken = registeredType(Money, {
    encode: () => {
      throw new Error('no encode')
    },
    decode: () => new Money(1n),
  })
  for (const isolation of ['share', 'freeze', 'copy'] as const) {
    const one = house.open({ types: [broken], local: { isolation } })
    const refused = jest.fn()
    one.on('refused', refused)
    const values = [
      new Money(1n),
      Object.defineProperty({}, 'x', {
        enumerable: true,
        get: () => {
          throw new Error('no getter')
        },
      }),
      new Proxy({}, { ownKeys: () => ['x', 'x'] }),
    ]
    for (const [key, value] of values.entries()) {
      expect(await one.cache(isolation).getOrLoad(key, async () => value)).toBe(value)
      await one.cache(isolation).put(key, value)
    }
    expect(refused).toHaveBeenCalledTimes(6)
  }
  jest.restoreAllMocks()
})
