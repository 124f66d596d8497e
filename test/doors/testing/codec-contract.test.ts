import { isDeepStrictEqual } from 'node:util'
import { registeredType, type TypeRegistration } from 'cachewright'
import { codecContract } from 'cachewright/testing'
import { Box, carried, NotFound, Point, Money as SampleMoney, Stack } from '../../rooms/codec/samples'

beforeEach(() => void jest.spyOn(process, 'emitWarning').mockImplementation())
afterEach(() => void jest.restoreAllMocks())

class Money {
  #cents: number
  readonly labels: string[]

  constructor(cents: number, labels: string[] = []) {
    this.#cents = cents
    this.labels = labels
  }

  get cents(): number {
    return this.#cents
  }
}

const samples = { nothing: () => new Money(0), debt: () => ({ owed: [new Money(-5, ['a'])] }) }
const cents = (value: unknown): unknown =>
  value instanceof Money ? value.cents : (value as { owed: Money[] }).owed.map((its) => its.cents)
const same = (one: unknown, other: unknown): boolean =>
  isDeepStrictEqual(cents(one), cents(other)) && isDeepStrictEqual(one, other)

const sound = registeredType(Money, {
  encode: ({ cents, labels }) => ({ cents, labels: [...labels] }),
  decode: (encoded) => new Money(encoded.cents, encoded.labels),
})

describe('a type that is carried by functions', () => codecContract({ test, types: [sound], samples, same }))

describe('what the cache carries by itself', () => {
  const types = [
    Point,
    NotFound,
    Stack,
    registeredType(SampleMoney, { encode: (money) => money.cents, decode: (its) => new SampleMoney(its) }),
    registeredType(Box, { encode: (box) => [box.content], decode: ([content]) => new Box(content) }),
  ]
  const kinds = [
    'minus zero',
    'bigint',
    'Map',
    'RegExp',
    'error with all parts',
    'Buffer',
    'cyclic',
    'array with holes',
  ]
  const registered = Object.keys(carried).filter((name) => name.startsWith('registered'))
  const samples = Object.fromEntries([...kinds, ...registered].map((name) => [name, carried[name]!]))
  codecContract({ test, types, samples })
})

const one = new Money(-5, ['a'])
const faults: Readonly<Record<string, readonly [TypeRegistration, ...failing: string[]]>> = {
  'is registered without functions': [Money, 'is the same from the method, from memory and from the shared tier'],
  'loses a field': [
    registeredType(Money, { encode: ({ cents }) => cents, decode: (its) => new Money(its) }),
    'is the same from the method, from memory and from the shared tier',
  ],
  'comes back as another class': [
    registeredType(Money, { encode: ({ cents }) => ({ cents }), decode: (its) => its as unknown as Money }),
    'is the same from the method, from memory and from the shared tier',
  ],
  drifts: [
    registeredType(Money, {
      encode: ({ cents, labels }) => ({ cents, labels }),
      decode: (its) => new Money(its.cents - 1, its.labels),
    }),
    'is the same after many travels',
  ],
  'cannot be encoded': [
    registeredType(Money, {
      encode: () => {
        throw new Error('no')
      },
      decode: () => new Money(0),
    }),
    'is the same after many travels',
    'belongs to nobody else',
  ],
  'cannot be decoded': [
    registeredType(Money, {
      encode: () => 0,
      decode: () => {
        throw new Error('no')
      },
    }),
    'is the same after many travels',
  ],
  'is one object for all': [registeredType(Money, { encode: () => 0, decode: () => one }), 'belongs to nobody else'],
}

test.each(Object.entries(faults))('a type that %s is refused', async (_fault, [type, ...failing]) => {
  const tests = new Map<string, () => Promise<void>>()
  const declare = (name: string, run: () => Promise<void>): unknown => tests.set(name, run)
  codecContract({ test: declare, types: [type], samples: { money: () => new Money(-5, ['a']) }, same })
  const failed: string[] = []
  for (const [name, run] of tests) await run().catch(() => failed.push(name.replace('money: ', '')))
  expect(failed).toEqual(expect.arrayContaining(failing))
})

test('says why a value is not kept, and looks at classes whatever is the same', async () => {
  const says = async (type: TypeRegistration): Promise<string> => {
    const tests: (() => Promise<void>)[] = []
    const declare = (_name: string, run: () => Promise<void>): unknown => tests.push(run)
    codecContract({ test: declare, types: [type], samples: { money: () => new Money(1) }, same: () => true })
    return String(await Promise.all(tests.map((run) => run())).catch((error: unknown) => error))
  }
  expect(await says(faults['cannot be encoded']![0])).toMatch('the value is not carried')
  expect(await says(faults['comes back as another class']![0])).toMatch('is of another class')
})

test('refuses what it cannot work with', () => {
  const given = { test, types: [], samples: {} }
  expect(() => codecContract({ ...given, samples: { a: 1 } } as never)).toThrow('each of which makes a value')
  expect(() => codecContract({ ...given, sample: {} } as never)).toThrow('Did you mean `samples`?')
  expect(() => codecContract({ test, types: [] } as never)).toThrow('option `samples` must be')
})
