import { registeredType, TypeRegistry } from '../../../src/kernel/registered-types'

/** A class carried by its properties. */
export class Point {
  constructor(
    readonly x: number,
    readonly y: unknown,
  ) {}

  get sum(): number {
    return this.x + 1
  }
}

/** An error class carried by its properties. */
export class NotFound extends Error {
  override readonly name = 'NotFound'
  constructor(readonly id: string) {
    super(`no ${id}`)
  }
}

/** A class with private state, carried by functions. */
export class Money {
  #cents: bigint
  constructor(cents: bigint) {
    this.#cents = cents
  }

  get cents(): bigint {
    return this.#cents
  }

  add(cents: bigint): void {
    this.#cents += cents
  }
}

/** A container carried by functions, which may lead back to itself. */
export class Box {
  constructor(public content: unknown) {}
}

/** A subclass of a built-in, registered without functions. */
export class Stack extends Map<string, number> {}

export const types: TypeRegistry = new TypeRegistry([
  Point,
  NotFound,
  Stack,
  registeredType(Money, { encode: (money) => money.cents, decode: (cents) => new Money(cents) }),
  registeredType(Box, { encode: (box) => [box.content], decode: ([content]) => new Box(content) }),
])

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const withOwnProto = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as object
const holed: unknown[] = [1, undefined, 3]
holed.length = 6
delete holed[0]
const expression = /a(b)c\/\n/giu
expression.lastIndex = 3
const failure = Object.assign(new TypeError('bad', { cause: new Error('root') }), { code: 'E_BAD', at: new Date(5) })
const bare = Object.assign(Object.create(null) as object, { a: 1, b: new Date(1) })
const shared = { deep: [1] }
const cyclic: Record<string, unknown> = { name: 'loop', when: new Date(9) }
cyclic.self = cyclic
cyclic.list = [cyclic, new Map<unknown, unknown>([[cyclic, new Set([cyclic])]])]

/** Every kind of value that is carried, by name. */
export const carried: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  false: () => false,
  zero: () => 0,
  'minus zero': () => -0,
  number: () => 1.5e300,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  '-Infinity': () => Number.NEGATIVE_INFINITY,
  bigint: () => -(2n ** 200n),
  'empty string': () => '',
  string: () => 'ünïcode ✓ 💡',
  'lone surrogates': () => '\ud800 and \udc00',
  'string that looks like a mark': () => ['~u', '~', '~~', '~M', '~d5', '~r0', '&', { '~u': '~u' }],
  'array that looks like a container': () => [
    ['~M', 1, 2],
    ['~C', 'Point', {}],
    ['~H', 5],
  ],
  'ISO-looking string': () => '2024-01-01T00:00:00.000Z',
  'object with a numeric key': () => ({ 1: 'x' }),
  'plain object': () => ({ a: 1, b: { c: [true, null, 'x'] }, d: '' }),
  'object with undefined': () => ({ a: undefined, b: [undefined] }),
  'own __proto__': () => withOwnProto,
  'own __proto__ beside a Date': () => ({ row: withOwnProto, at: new Date(0) }),
  'own constructor and toJSON': () => ({ constructor: { prototype: { a: 1 } }, toJSON: 'x', d: new Date(1) }),
  'null-prototype object': () => bare,
  'null-prototype object with __proto__': () => Object.assign(Object.create(null) as object, { ['__proto__']: 1n }),
  'empty array': () => [],
  'nested arrays': () => [[], [[]], [1, [2, [3]]]],
  'array with holes': () => holed,
  'far sparse array': () => Object.assign([], { 4294967294: 'last' }),
  Date: () => new Date(1700000000123),
  'invalid Date': () => new Date(Number.NaN),
  'Date before 1970': () => new Date(-1),
  Map: () =>
    new Map<unknown, unknown>([
      ['a', 1],
      [{ k: 1 }, new Date(3)],
      [Number.NaN, undefined],
      [null, [1n]],
    ]),
  Set: () => new Set<unknown>([1, 'a', { b: 2 }, Number.NaN, new Set([1])]),
  RegExp: () => expression,
  'stateless RegExp': () => /x\/y/su,
  URL: () => new URL('https://user:pw@example.org:8080/a%20b?q=1#h'),
  Error: () => new Error('plain'),
  'error with all parts': () => failure,
  'error without message': () => new RangeError(),
  AggregateError: () => new AggregateError([new Error('one'), 2, undefined], 'many'),
  'error without a stack': () => {
    const error = new Error('m')
    Reflect.deleteProperty(error, 'stack')
    return error
  },
  'error with its own name': () => Object.assign(new Error('m'), { name: 'Custom' }),
  Buffer: () => Buffer.from('some bytes'),
  'empty Buffer': () => Buffer.alloc(0),
  Uint8Array: () => bytes(0, 1, 255),
  'view into a larger buffer': () => new Uint8Array(bytes(1, 2, 3, 4, 5, 6).buffer, 2, 3),
  Int16Array: () => Int16Array.from([-1, 2]),
  Float64Array: () => Float64Array.from([Number.NaN, -0, 1.5]),
  BigUint64Array: () => BigUint64Array.from([2n ** 63n]),
  ArrayBuffer: () => bytes(9, 8, 7).buffer,
  DataView: () => new DataView(bytes(1, 2, 3).buffer, 1),
  shared: () => ({ one: shared, two: shared, dates: [failure.at, failure.at] }),
  cyclic: () => cyclic,
  'registered instance': () => new Point(1, new Map([['p', new Point(2, undefined)]])),
  'registered error': () => new NotFound('42'),
  'registered with functions': () => [new Money(5n), { m: new Money(-1n) }],
  'registered container': () => new Box(new Box({ when: new Date(4) })),
}
