import { deepStrictEqual, throws } from 'node:assert'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { copySnapshot, freezeOwned, handOut, takeSnapshot } from '../../../src/codec/snapshot'
import { isCacheError } from '../../../src/kernel/errors'
import { TypeRegistry } from '../../../src/kernel/registered-types'
import { expectSame } from './same-value'
import { Box, carried, Money, NotFound, Point, Stack, types } from './samples'

const none = new TypeRegistry()

function refusalOf(value: unknown, registry = none): string {
  try {
    takeSnapshot(value, registry)
  } catch (error) {
    if (isCacheError(error) && error.code === 'CW_VALUE_UNSUPPORTED' && error instanceof TypeError) return error.message
    throw error
  }
  throw new Error('was not refused')
}

describe('a snapshot', () => {
  test.each(Object.entries(carried))('K7 equals the value it was taken of: %s', (_, make) => {
    const value = make()
    const snapshot = takeSnapshot(value, types)
    expectSame(snapshot.value, value)
    expectSame(copySnapshot(snapshot, types), value)
    expectSame(handOut(snapshot, types), value)
    expectSame(freezeOwned(copySnapshot(snapshot, types), types).value, value)
  })

  test.each(Object.entries(carried))('shares no object with the value or with other copies: %s', (_, make) => {
    const value = make()
    const snapshot = takeSnapshot(value, types)
    const parts = reachable(value)
    const copies = [snapshot.value, copySnapshot(snapshot, types), copySnapshot(snapshot, types)]
    for (const copy of copies) for (const part of reachable(copy)) expect(parts.has(part)).toBe(false)
    const [, one, two] = copies.map((copy) => reachable(copy))
    for (const part of one!) expect(two!.has(part)).toBe(false)
  })

  test.each(Object.entries(carried))('copies are mutable all the way: %s', (_, make) => {
    for (const part of reachable(copySnapshot(takeSnapshot(make(), types), types))) {
      expect(Object.isFrozen(part) && Object.keys(part).length > 0).toBe(false)
      expect(Object.isExtensible(part)).toBe(true)
    }
  })

  test.each(Object.entries(carried))('freezing in place keeps the very object: %s', (_, make) => {
    const copy = copySnapshot(takeSnapshot(make(), types), types)
    expect(freezeOwned(copy, types).value).toBe(copy)
    expect(freezeOwned(copy, types).value).toBe(copy)
  })

  test.each(Object.entries(carried))('taken of a snapshot says the same: %s', (_, make) => {
    const first = takeSnapshot(make(), types)
    const { value, ...rest } = takeSnapshot(first.value, types)
    expectSame(value, first.value)
    expect(rest).toEqual({ plain: first.plain, bytes: first.bytes, renewable: first.renewable })
  })

  test('jest finds it strictly equal to the original too', () => {
    const value = { at: new Date(5), tags: new Set(['a']), prices: new Map([['x', 1]]), list: [1, { a: undefined }] }
    expect(takeSnapshot(value, none).value).toStrictEqual(value)
  })
})

describe('what a snapshot lets nobody change', () => {
  const { value } = takeSnapshot(
    {
      rows: [{ a: 1 }],
      at: new Date(7),
      map: new Map([['k', { v: 1 }]]),
      set: new Set([1]),
      expression: /x/i,
      error: new Error('e', { cause: { c: 1 } }),
      point: new Point(1, { y: 2 }),
    },
    types,
  ) as {
    value: {
      rows: { a: number }[]
      at: Date
      map: Map<string, { v: number }>
      set: Set<number>
      expression: RegExp
      error: Error
      point: Point
    }
  }

  const attempts: Record<string, (it: typeof value) => unknown> = {
    'a property': (it) => Object.assign(it, { rows: 1 }),
    'a new property': (it) => Object.assign(it, { more: 1 }),
    'a row': (it) => Object.assign(it.rows[0]!, { a: 2 }),
    'an array': (it) => it.rows.push({ a: 3 }),
    'a date': (it) => it.at.setFullYear(1999),
    'a date, by a property': (it) => Object.assign(it.at, { zone: 'UTC' }),
    'a date in UTC': (it) => it.at.setUTCMilliseconds(1),
    'a map': (it) => it.map.set('k', { v: 2 }),
    'a map, by clearing': (it) => it.map.clear(),
    'a value in a map': (it) => Object.assign(it.map.get('k')!, { v: 2 }),
    'a set': (it) => it.set.delete(1),
    'an expression': (it) => it.expression.compile('y'),
    'an error': (it) => Object.assign(it.error, { message: 'f' }),
    'the cause of an error': (it) => Object.assign(it.error.cause as object, { c: 2 }),
    'an instance': (it) => Object.assign(it.point, { x: 2 }),
    'a part of an instance': (it) => Object.assign(it.point.y as object, { y: 3 }),
    'the protection of a date': (it) => Object.defineProperty(it.at, 'setTime', { value: Date.prototype.setTime }),
    'the prototype': (it) => Object.setPrototypeOf(it, null),
  }

  test.each(Object.entries(attempts))('%s', (_, attempt) => {
    const before = copySnapshot({ value, plain: false, bytes: 0, renewable: false }, types)
    throws(() => attempt(value), TypeError)
    deepStrictEqual(value, before)
  })

  test('the message of a date, map or set says what to do', () => {
    throws(() => value.map.delete('k'), /came from a cache and is read-only: copy it first, or use isolation: 'copy'/)
  })

  test('reading goes on as before', () => {
    expect([...value.map.keys()]).toEqual(['k'])
    expect(value.expression.test('aXb')).toBe(true)
    expect('aXb'.replace(value.expression, '-')).toBe('a-b')
    expect(JSON.stringify(value.at)).toBe('"1970-01-01T00:00:00.007Z"')
    expect(structuredClone(value.at)).toEqual(new Date(7))
    expect(value.point.sum).toBe(2)
  })
})

describe('what cannot be frozen', () => {
  const renewable: Record<string, [value: () => unknown, change: (it: never) => void]> = {
    Buffer: [() => Buffer.from('abc'), (it: Buffer) => it.fill(0)],
    ArrayBuffer: [() => new Uint8Array([1, 2]).buffer, (it: ArrayBuffer) => new Uint8Array(it).fill(0)],
    URL: [() => new URL('http://a/'), (it: URL) => it.searchParams.set('x', '1')],
    'RegExp with state': [() => /a/g, (it: RegExp) => it.test('aa')],
    'registered with functions': [() => new Money(5n), (it: Money) => it.add(1n)],
  }

  test.each(Object.entries(renewable))('is copied for each reader: %s', (_, [make, change]) => {
    const snapshot = takeSnapshot({ deep: [make()] }, types)
    expect(snapshot.renewable).toBe(true)
    const first = handOut(snapshot, types) as { deep: never[] }
    expect(Object.isFrozen(first.deep)).toBe(true)
    change(first.deep[0]!)
    expectSame(handOut(snapshot, types), { deep: [make()] })
    expectSame(copySnapshot(snapshot, types), { deep: [make()] })
  })

  test('everything else is handed out as it is', () => {
    const snapshot = takeSnapshot({ at: new Date(1), map: new Map(), x: /x/ }, none)
    expect(snapshot.renewable).toBe(false)
    expect(handOut(snapshot, none)).toBe(snapshot.value)
  })

  test('a copied view does not carry the buffer it looks into', () => {
    const copy = takeSnapshot(Buffer.from('pooled'), none).value as Buffer
    expect(copy.buffer.byteLength).toBe(6)
  })
})

describe('a refusal names place, reason and remedy', () => {
  class Order {}
  const anonymous = (() => class {})()
  const cases: Record<string, [value: () => unknown, message: RegExp]> = {
    'a function': [
      () => ({ rows: [1, 2, 3, { save() {} }] }),
      /`?\$\.rows\[3\]\.save`? is a function; return plain data/,
    ],
    'a symbol': [() => [Symbol('s')], /\$\[0\] is a symbol/],
    'a symbol key': [() => ({ a: { [Symbol('s')]: 1 } }), /\$\.a has a property named by Symbol\(s\)/],
    'a root function': [() => () => 1, /: \$ is a function/],
    'a promise': [() => ({ p: Promise.resolve(1) }), /\$\.p is a promise; await it/],
    'a WeakMap': [() => [new WeakMap()], /\$\[0\] holds its content weakly/],
    'a WeakRef': [() => [new WeakRef({})], /\$\[0\] holds its content weakly/],
    'a generator': [() => (function* () {})(), /\$ is an iterator/],
    'an iterator': [() => new Map().keys(), /\$ is an iterator/],
    'a stream': [() => ({ s: new ReadableStream() }), /\$\.s is a stream/],
    'an async iterable': [() => (async function* () {})(), /\$ is a stream or an async iterable/],
    'an unregistered instance': [
      () => ({ order: new Order() }),
      /\$\.order is an instance of class Order, .*list the class in the manager's `types` option, or return plain data/,
    ],
    'an anonymous class': [() => new anonymous(), /\$ is an instance of an anonymous class/],
    'an unregistered error': [() => new (class Odd extends Error {})('x'), /\$ is an instance of class Odd/],
    'a subclassed array': [
      () => new (class Rows extends Array {})(),
      /\$ is an instance of class Rows, a subclass of Array/,
    ],
    'a subclassed Map': [() => new (class Index extends Map {})(), /\$ is an instance of class Index/],
    'an array with names': [() => 'abc'.match(/b/), /\$ is an array with a property 'index'/],
    'a date with names': [() => Object.assign(new Date(), { zone: 'UTC' }), /\$ has properties of its own/],
    'a boxed primitive': [() => new String('x'), /\$ is a boxed primitive/],
    'a pretended Map': [() => Object.create(Map.prototype), /\$ is an instance of class Map/],
    'a pretended URL': [() => Object.create(URL.prototype), /\$ is an instance of class URL/],
    arguments: [
      function (this: void, ..._: unknown[]) {
        // biome-ignore lint/complexity/noArguments: the very thing to refuse
        return arguments
      },
      /\$ is an instance of Arguments/,
    ],
    'a throwing getter': [
      () => ({
        a: {
          get b() {
            throw new Error('no')
          },
        },
      }),
      /\$\.a\.b threw while it was read/,
    ],
    'a throwing proxy': [
      () => [
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error('no')
            },
          },
        ),
      ],
      /\$\[0\] threw/,
    ],
    'a part of a Map': [() => new Map([['k', { f: () => 1 }]]), /\$\.get\("k"\)\.f is a function/],
    'a key of a Map': [() => new Map([[() => 1, 1]]), /\$\.keys\(\) is a function/],
    'a member of a Set': [() => new Set([[() => 1]]), /\$\.values\(\)\[0\] is a function/],
    'an odd property name': [() => ({ 'a-b': () => 1 }), /\$\["a-b"\] is a function/],
    'the cause of an error': [() => new Error('x', { cause: () => 1 }), /\$\.cause is a function/],
  }
  test.each(Object.entries(cases))('%s', (_, [make, message]) => {
    expect(refusalOf(make())).toMatch(message)
  })

  test('depth, with a readable path', () => {
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level++) deep = { a: deep }
    expect(refusalOf(deep)).toMatch(/^.{0,200}nested more than 1000 levels/)
  })

  test('breadth is not depth', () => {
    const rows = Array.from({ length: 5000 }, (_, id) => ({ id, tags: [new Date(id)] }))
    deepStrictEqual(takeSnapshot(rows, none).value, rows)
  })

  test('depth, when the stack ends first', () => {
    let deep: unknown = 1
    for (let level = 0; level < 900; level++) deep = [deep]
    const messages = new Set<string>()
    const atTheEnd = (): void => {
      try {
        atTheEnd()
      } catch {
        // On the way back there is ever more stack; somewhere it suffices for the walk to begin and not to end.
      }
      if (messages.size > 0) return
      try {
        takeSnapshot(deep, none)
      } catch (error) {
        if (isCacheError(error)) messages.add(error.code)
      }
    }
    try {
      atTheEnd()
    } catch {
      // The outermost frames may lack the stack even for that.
    }
    expect([...messages]).toEqual(['CW_VALUE_UNSUPPORTED'])
  })

  test('registered classes whose functions fail', () => {
    const boom = new Error('boom')
    const registry = new TypeRegistry([
      {
        type: Money,
        encode: () => {
          throw boom
        },
        decode: () => new Money(1n),
      } as never,
      { type: Box, encode: () => JSON.parse('{"__proto__":1}'), decode: () => new Box(1) } as never,
      { type: Order, encode: () => () => 1, decode: () => new Order() } as never,
      { type: Point, encode: () => 1, decode: () => 1 } as never,
    ])
    expect(refusalOf([new Money(1n)], registry)).toMatch(/\$\[0\] has an `encode` \(of 'Money'\) that threw/)
    expect(refusalOf([new Box(1n)], registry)).toMatch(/\$\[0\] has a `__proto__`/)
    expect(refusalOf([new Order()], registry)).toMatch(/\$\[0\]\.encode\(\) is a function/)
    expect(refusalOf(new Point(1, 1), registry)).toMatch(/returned no object/)
    throws(
      () => takeSnapshot(new Money(1n), registry),
      (error: Error) => error.cause === boom,
    )
  })

  test('a cycle through functions', () => {
    const box = new Box(1)
    box.content = { back: box }
    expect(refusalOf([box], types)).toMatch(/\$\[0\]\.encode\(\)\[0\]\.back refers back to itself/)
  })

  test('a registered subclass of a built-in without functions', () => {
    expect(refusalOf(new Stack(), types)).toMatch(
      /\$ is an instance of class Stack, whose content is not in its properties/,
    )
  })
})

describe('details', () => {
  test('frozen objects share their hidden class, or each would take several times its memory and be slow to read', () => {
    setFlagsFromString('--allow-natives-syntax')
    const alike = new Function('one', 'two', 'return %HaveSameMap(one, two)') as (one: unknown, two: unknown) => boolean
    for (const make of [
      (id: number) => ({ id, a: 1, b: 'x' }),
      (id: number) => new Point(id, 1),
      (id: number) => new Date(id),
    ]) {
      const taken = takeSnapshot([make(1), make(2)], types).value as unknown[]
      expect(alike(taken[0], taken[1])).toBe(true)
    }
  })

  test('entities may form cycles', () => {
    const order = new Point(1, [] as unknown[])
    ;(order.y as unknown[]).push(new Point(2, order))
    const copy = takeSnapshot(order, types).value as Point
    expect((copy.y as Point[])[0]!.y).toBe(copy)
    expect(copy).toBeInstanceOf(Point)
  })

  test('registered errors stay errors', () => {
    const copy = takeSnapshot(new NotFound('7'), types).value as NotFound
    expect(Object.prototype.toString.call(copy)).toBe('[object Error]')
    expect([copy.id, copy.message, copy instanceof NotFound]).toEqual(['7', 'no 7', true])
  })

  test('objects of another realm become our own', () => {
    const foreign = runInNewContext(
      '({ a: [1, new Date(5), new Map([[1, new Set([2])]]), new TypeError("t"), /x/], f: new Float32Array(2) })',
    )
    const { value } = takeSnapshot(foreign, none) as { value: { a: unknown[] } }
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(value.a[1]).toBeInstanceOf(Date)
    expect(value.a[2]).toBeInstanceOf(Map)
    expect(value.a[3]).toBeInstanceOf(TypeError)
    expect(runInNewContext('class X {}; [new X()]')).toHaveLength(1)
    expect(refusalOf(runInNewContext('class Date {}; [new Date()]'))).toMatch(/\$\[0\] is an instance of class Date/)
  })

  test('a date made under a faked clock is a date', () => {
    jest.useFakeTimers({ now: 5 })
    try {
      expect((takeSnapshot([new Date()], none).value as Date[])[0]!.getTime()).toBe(5)
    } finally {
      jest.useRealTimers()
    }
  })

  test('nothing of a value reaches Object.prototype', () => {
    for (const make of Object.values(carried)) copySnapshot(takeSnapshot(make(), types), types)
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  test('plain says whether JSON would do', () => {
    const plain = (value: unknown): boolean => takeSnapshot(value, types).plain
    for (const value of [null, 1, '~x', [], [{ a: [null] }], '\ud800', JSON.parse('{"__proto__":1}')])
      expect(plain(value)).toBe(true)
    const twice = {}
    for (const value of [
      undefined,
      -0,
      Number.NaN,
      1n,
      [undefined],
      new Array(1),
      new Date(),
      Object.create(null),
      [twice, twice],
    ]) {
      expect(plain(value)).toBe(false)
    }
  })
})

function reachable(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found
  found.add(value)
  if (value instanceof Map) for (const part of [...value].flat()) reachable(part, found)
  if (value instanceof Set) for (const part of value) reachable(part, found)
  if (value instanceof Error) for (const name of ['cause', 'errors']) reachable(Reflect.get(value, name), found)
  if (!ArrayBuffer.isView(value)) for (const part of Object.values(value)) reachable(part, found)
  return found
}
