import { registeredType, TypeRegistry } from '../../../src/kernel/registered-types'
import { encodeArguments } from '../../../src/key/canonical'
import { type KeyProblem, type KeySource, keyUnsupported } from '../../../src/key/key-problem'

class Money {
  constructor(readonly amount: number) {}
}
class Invoice extends Map<string, number> {}
class Instant extends Date {}
class Bytes extends Uint8Array {}
class Broken {}
class Looping {}
class View extends (DataView as new (buffer: ArrayBuffer) => object) {}
class List extends Array<number> {}

const broken = registeredType(Broken, {
  encode: () => {
    throw new Error('no luck')
  },
  decode: () => new Broken(),
})
const looping = registeredType(Looping, { encode: () => ({ next: new Looping() }), decode: () => new Looping() })
const types = new TypeRegistry([broken, looping])

function problemOf(...parts: unknown[]): KeyProblem {
  try {
    encodeArguments(parts, types)
  } catch (error) {
    return error as KeyProblem
  }
  throw new Error('it was not refused')
}

const ring: { name: string; list?: unknown } = { name: 'ring' }
ring.list = [1, new Map([['me', ring]])]
const selfSet = new Set<unknown>()
selfSet.add(selfSet)
const throwing = {
  get now(): number {
    throw new RangeError('not now')
  },
}
const detached = new Uint8Array(8)
structuredClone(detached.buffer, { transfer: [detached.buffer] })
const oddRegExp = Object.assign(/a/g, { lastIndex: '}{' })
const tagged = Object.assign(new Date(0), { zone: 'UTC' })
const sparse: unknown[] = []
sparse.length = 2 ** 32 - 1
let deep: unknown[] = []
for (let level = 0; level < 100_000; level++) deep = [deep]
const doubled = (pair: (half: unknown) => unknown) => {
  let wide: unknown = 'x'
  for (let level = 0; level < 60; level++) wide = pair(wide)
  return wide
}
const { proxy: revoked, revoke } = Proxy.revocable({}, {})
revoke()

describe('what cannot be part of a key', () => {
  test.each<[string, unknown, string, string]>([
    ['a function', () => 1, '', 'it is a function'],
    ['a class', Money, '', 'it is a function'],
    ['a symbol', Symbol('s'), '', 'it is a symbol'],
    ['a nested function', { filter: { callback: () => 1 } }, '.filter.callback', 'it is a function'],
    ['a function in an array', { a: [0, [() => 1]] }, '.a[1][0]', 'it is a function'],
    ['a function below an odd name', { 'a b': Symbol.iterator }, '["a b"]', 'it is a symbol'],
    ['a function in a Map', new Map([['on', () => 1]]), '.get(on)', 'it is a function'],
    [
      'a function as a key of a Map',
      new Map<unknown, number>([
        [1, 1],
        [() => 1, 1],
      ]),
      '.keys()[1]',
      'it is a function',
    ],
    ['a function in a Set', new Set([1, () => 1]), '.values()[1]', 'it is a function'],
    ['a property named by a symbol', { a: { [Symbol('s')]: 1 } }, '.a', 'it has a property named by a symbol'],
    [
      'an array with properties',
      { m: /b/.exec('abc') },
      '.m',
      'it has a property of its own (.groups) besides its content',
    ],
    ['a date with properties', tagged, '', 'it has a property of its own (.zone) besides its content'],
    ['a Map with a symbol', Object.assign(new Map(), { [Symbol('s')]: 1 }), '', 'it has a property named by a symbol'],
    [
      'an array with a number beyond all',
      Object.assign([1], { 4294967295: 1 }),
      '',
      'it has a property of its own (["4294967295"]) besides its content',
    ],
    [
      'an array with half an index',
      Object.assign([1], { '0.5': 1 }),
      '',
      'it has a property of its own (["0.5"]) besides its content',
    ],
    ['a promise', Promise.resolve(1), '', 'it is a promise'],
    ['a WeakMap', new WeakMap(), '', 'it is a WeakMap'],
    ['a WeakSet', new WeakSet(), '', 'it is a WeakSet'],
    ['a WeakRef', new WeakRef({}), '', 'it is a WeakRef'],
    ['an error', new TypeError('x'), '', 'it is an Error'],
    ['a boxed string', Object('x'), '', 'it is a boxed primitive'],
    ['a generator', (function* () {})(), '', 'it is a generator'],
    ['an iterator', new Map().keys(), '', 'it is an iterator'],
    ['shared memory', new SharedArrayBuffer(1), '', 'it is shared memory'],
    ['a namespace', Math, '', 'it has a property named by a symbol'],
    [
      'an instance',
      { price: new Money(1) },
      '.price',
      'it is an instance of Money, a class this cache manager was not told about',
    ],
    ['an anonymous instance', new (class {})(), '', 'it is an instance of an anonymous class'],
    [
      'a Map subclass',
      new Invoice(),
      '',
      'it is an instance of Invoice, a class this cache manager was not told about',
    ],
    [
      'a Date subclass',
      new Instant(0),
      '',
      'it is an instance of Instant, a class this cache manager was not told about',
    ],
    ['an Array subclass', List.of(1), '', 'it is an instance of List, a class this cache manager was not told about'],
    [
      'a typed array subclass',
      new Bytes(1),
      '',
      'it is an instance of Bytes, a class this cache manager was not told about',
    ],
    [
      'a DataView subclass',
      new View(new ArrayBuffer(1)),
      '',
      'it is an instance of View, a class this cache manager was not told about',
    ],
    ['an object made from an object', Object.create({ a: 1 }), '', 'its prototype is an object and not a class'],
    [
      'what only poses as a Date',
      Object.create(Date.prototype),
      '',
      'it is an instance of Date, a class this cache manager was not told about',
    ],
    ['what only poses as a URL', Object.create(URL.prototype), '', 'reading it throws'],
    ['what contains itself', ring, '.list[1].get(me)', 'it contains itself'],
    ['a Set in itself', selfSet, '.values()[0]', 'it contains itself'],
    ['a getter that throws', { at: throwing }, '.at.now', 'reading it throws'],
    ['a revoked proxy', [revoked], '[0]', 'reading it throws'],
    ['a detached view', detached, '', 'reading it throws'],
    ['an odd lastIndex', oddRegExp, '', 'its `lastIndex` is not a number'],
    ['an encode that throws', [new Broken()], '[0]', 'the `encode` of its class Broken threw'],
    ['four thousand million holes', sparse, '', 'it has more than 1000000 elements'],
  ])('%s', (_name, value, path, reason) => {
    expect(problemOf('first', value)).toMatchObject({ name: 'KeyProblem', index: 1, path, reason })
  })

  test('nesting without end is refused with a reason, not with the end of the stack', () => {
    expect(problemOf(deep)).toMatchObject({ reason: 'it is nested deeper than 500 levels', path: '[0]'.repeat(500) })
    expect(problemOf(new Looping())).toMatchObject({ reason: 'it is nested deeper than 500 levels' })
  })

  test.each<[string, (half: unknown) => unknown]>([
    ['arrays', (half) => [half, half]],
    ['objects', (half) => ({ a: half, b: half })],
    ['maps', (half) => new Map([[half, half]])],
    ['sets', (half) => new Set([[half], [half]])],
  ])('%s that double at each of 60 levels are refused early', (_kind, pair) => {
    expect(problemOf(doubled(pair))).toMatchObject({ reason: 'it has more than 1000000 elements' })
  })

  test('an object that only claims a name is judged by its prototype', () => {
    expect(encodeArguments([{ constructor: 'Money' }], types)).toBe('(constructor=Money)')
  })
})

describe('the error a user sees', () => {
  const messageOf = (source: KeySource, ...parts: unknown[]) =>
    keyUnsupported(problemOf(...parts), 'ProductService.find', source).message

  test('names class, method and parameter, and what to do', () => {
    const error = keyUnsupported(problemOf(1, { filter: { callback: () => 1 } }), 'ProductService.find', 'argument')
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ code: 'CW_KEY_UNSUPPORTED' })
    expect(error.message).toBe(
      'ProductService.find: parameter 2 (.filter.callback) cannot be part of a cache key: it is a function. ' +
        'Leave it out with @CacheIgnore(), or pick what identifies the call with @CacheKey() or `key`.',
    )
  })

  test('names the class to register', () => {
    expect(messageOf('argument', new Money(1))).toBe(
      'ProductService.find: parameter 1 cannot be part of a cache key: it is an instance of Money, a class this cache ' +
        "manager was not told about. List Money in the manager's `types` option, leave it out with @CacheIgnore(), " +
        'or pick what identifies the call with @CacheKey() or `key`.',
    )
    expect(messageOf('argument', new (class {})())).toContain("List the class in the manager's `types` option")
  })

  test('speaks of the function that made the key or the partition', () => {
    expect(messageOf('key', 'a', Symbol('s'))).toBe(
      'ProductService.find: part 2 of the key cannot be part of a cache key: it is a symbol. ' +
        'Use strings, numbers, dates, or arrays and plain objects of them.',
    )
    expect(messageOf('partition', { id: Symbol('s') })).toContain('what `partition` returned (.id) cannot be part')
  })

  test('keeps what a getter threw as the cause, and a long path short', () => {
    expect(keyUnsupported(problemOf(throwing), 'A.b', 'argument').cause).toEqual(new RangeError('not now'))
    expect(keyUnsupported(problemOf(Symbol('s')), 'A.b', 'argument')).not.toHaveProperty('cause')
    expect(messageOf('argument', deep).length).toBeLessThan(450)
  })
})
