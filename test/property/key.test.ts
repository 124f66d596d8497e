import fc from 'fast-check'
import { TypeRegistry } from '../../src/kernel/registered-types'
import { encodeArguments } from '../../src/key/canonical'
import { createKeyspace, withPartition } from '../../src/key/keyspace'

// The judge is the slot function ioredis itself routes by.
const slotOf = jest.requireActual<(key: string) => number>('cluster-key-slot')

class Money {
  constructor(readonly amount: unknown) {}
}
class Weight {
  constructor(readonly amount: unknown) {}
}
const types = new TypeRegistry([Money, Weight])
const encode = (parts: readonly unknown[]) => encodeArguments(parts, types)

// Small alphabets, made of the encoding's own punctuation, so that equal and nearly equal values are common.
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."ab0#!~^@'%{}[]():;,=|\n\ud83c\udf89"), maxLength: 3 }),
  fc.constantFrom(
    '!null',
    '#0',
    '#1n',
    '[]',
    '()',
    "''",
    '!none',
    '@0',
    '~set(#0)',
    '~map()',
    '^Money:#0',
    'a=#0',
    '%27',
    '%s',
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
)
const bytes = fc.uint8Array({ maxLength: 2, max: 2 })
const leaf = fc.oneof(
  { arbitrary: text, weight: 4 },
  fc.constantFrom(undefined, null, true, false, 0, -0, 1, -1, Number.NaN, Infinity, -Infinity, 0n, 1n, -1n),
  fc.double(),
  fc.bigInt(),
  fc.constantFrom(0, 1, Number.NaN).map((time) => new Date(time)),
  fc.constantFrom(/a/, /a/g, /a,g/, /[(]/, /(?:)/).map((regExp) => new RegExp(regExp)),
  fc.constantFrom('a:b', 'http://a/', 'http://a/?b=1').map((url) => new URL(url)),
  bytes.map((array) => Uint8Array.from(array)),
  bytes.map((array) => Int8Array.from(array)),
  bytes.map((array) => Buffer.from(array)),
  bytes.map((array) => Uint8Array.from(array).buffer),
  bytes.map((array) => new DataView(Uint8Array.from(array).buffer)),
)
const name = fc.oneof(fc.constantFrom('a', 'b', 'a=#0', '__proto__', '0', '10', '9'), text)
const { value } = fc.letrec<{ value: unknown }>((tie) => {
  const inner = tie('value')
  return {
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { arbitrary: leaf, weight: 3 },
      fc.array(inner, { maxLength: 3 }),
      fc.dictionary(name, inner, { maxKeys: 3 }),
      fc.array(fc.tuple(inner, inner), { maxLength: 3 }).map((entries) => new Map(entries)),
      fc.array(inner, { maxLength: 3 }).map((elements) => new Set(elements)),
      inner.map((amount) => new Money(amount)),
      inner.map((amount) => new Weight(amount)),
    ),
  }
})
const list = fc.array(value, { maxLength: 4 })

/** Whether two values are the same argument; knows nothing of the encoding. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return a === b || (Number.isNaN(a) && Number.isNaN(b))
  }
  const kind = Object.getPrototypeOf(a) ?? Object.prototype
  if (kind !== (Object.getPrototypeOf(b) ?? Object.prototype)) return false
  if (a instanceof Date) return same(a.getTime(), (b as Date).getTime())
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b)
  if (a instanceof ArrayBuffer) return same(new Uint8Array(a), new Uint8Array(b as ArrayBuffer))
  if (a instanceof DataView) return same(a.buffer, (b as DataView).buffer)
  if (a instanceof Map) return sameElements([...a], [...(b as Map<unknown, unknown>)])
  if (a instanceof Set) return sameElements([...a], [...(b as Set<unknown>)])
  const names = Object.keys(a)
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false
  if (names.length !== Object.keys(b).length) return false
  const [one, two] = [a as Record<string, unknown>, b as Record<string, unknown>]
  return names.every((key) => Object.hasOwn(two, key) && same(one[key], two[key]))
}

function sameElements(left: unknown[], right: unknown[]): boolean {
  const rest = [...right]
  return (
    left.every((element) => {
      const at = rest.findIndex((other) => same(element, other))
      if (at >= 0) rest.splice(at, 1)
      return at >= 0
    }) && rest.length === 0
  )
}

function sameCall(left: readonly unknown[], right: readonly unknown[]): boolean {
  const length = (parts: readonly unknown[]) => parts.findLastIndex((part) => part !== undefined) + 1
  return same(left.slice(0, length(left)), right.slice(0, length(right)))
}

/** The same value built another way: other order, other zero, other objects. */
function rebuilt(given: unknown): unknown {
  if (given === 0) return Object.is(given, 0) ? -0 : 0
  if (typeof given !== 'object' || given === null) return given
  if (given instanceof Map) return new Map([...given].reverse().map(([k, v]) => [rebuilt(k), rebuilt(v)]))
  if (given instanceof Set) return new Set([...given].reverse().map(rebuilt))
  if (Array.isArray(given)) return given.map(rebuilt)
  if (given instanceof Money) return new Money(rebuilt(given.amount))
  if (given instanceof Weight) return new Weight(rebuilt(given.amount))
  const prototype = Object.getPrototypeOf(given) as object | null
  if (prototype !== Object.prototype && prototype !== null) return given
  const copy = Object.create(prototype === null ? Object.prototype : null) as object
  for (const [key, inner] of Object.entries(given).reverse()) {
    Object.defineProperty(copy, key, { value: rebuilt(inner), enumerable: true })
  }
  return copy
}

const runs = { numRuns: 4000 }

describe('keys over arbitrary arguments', () => {
  test('K3 K4 K5 two lists have one text exactly when they are the same call', () => {
    const seen = { same: 0, different: 0 }
    const pair = fc.oneof(
      fc.tuple(list, list),
      fc.tuple(fc.array(leaf, { maxLength: 2 }), fc.array(leaf, { maxLength: 2 })),
      fc.tuple(value, value).map(([a, b]) => [[a], [b]] as const),
      fc
        .tuple(list, value, fc.nat(3))
        .map(([parts, other, at]) => [parts, parts.map((part, i) => (i === at ? other : part))] as const),
    )
    fc.assert(
      fc.property(pair, ([left, right]) => {
        const expected = sameCall(left, right)
        seen[expected ? 'same' : 'different']++
        expect([encode(left) === encode(right), left, right]).toEqual([expected, left, right])
      }),
      { numRuns: 20_000 },
    )
    expect(seen.same).toBeGreaterThan(100)
    expect(seen.different).toBeGreaterThan(1000)
  })

  test('K4 no two of many values share a text', () => {
    const byText = new Map<string, unknown>()
    for (const sample of fc.sample(value, 30_000)) {
      const key = encode([sample])
      if (byText.has(key)) expect(same(byText.get(key), sample)).toBe(true)
      byText.set(key, sample)
    }
    expect(byText.size).toBeGreaterThan(5000)
  })

  test('K5 the same call built another way has the same text', () => {
    fc.assert(
      fc.property(list, fc.nat(2), (parts, trailing) => {
        const again = [...parts.map(rebuilt), ...Array<undefined>(trailing).fill(undefined)]
        expect(encode(again)).toBe(encode(parts))
      }),
      runs,
    )
  })

  test('a text is never empty, holds no brace and no control character, and survives UTF-8', () => {
    fc.assert(
      fc.property(list, (parts) => {
        const key = encode(parts)
        expect(key).toMatch(/^[^{}\p{Cc}]+$/u)
        expect(Buffer.from(key).toString()).toBe(key)
      }),
      runs,
    )
  })

  test('K4 every key stands in the slot of its side key, and no text of a user moves it or passes for another', () => {
    const word = fc.oneof(text, fc.string({ unit: 'binary', maxLength: 90 }))
    const shape = fc.option(fc.oneof(word, fc.constantFrom('tag', '1', '1.1', '2')), { nil: undefined })
    const place = fc.record({ prefix: word, cache: word, version: fc.nat(2), shape })
    fc.assert(
      fc.property(place, place, list, list, word, (here, there, left, right, tag) => {
        const [one, two] = [createKeyspace(here), createKeyspace(there)]
        const entry = one.entryKey(encode(left))
        expect(slotOf(entry)).toBe(slotOf(`${one.entryKey(encode(left))}:written`))
        expect(slotOf(entry)).toBe(slotOf(entry.slice(entry.indexOf('{') + 1, -1)))
        expect(entry).toMatch(/^[^{}]*\{[^{}]+\}$/)
        const alike = same(here, there) && sameCall(left, right)
        expect(entry === two.entryKey(encode(right))).toBe(alike)
        expect([one.markerKey(tag), `${two.entryKey(encode(right))}:written`, two.counterKey]).not.toContain(entry)
      }),
      runs,
    )
  })

  test('partitions split the keys of a cache exactly', () => {
    fc.assert(
      fc.property(fc.tuple(value, list), fc.tuple(value, list), ([a, left], [b, right]) => {
        const one = withPartition(a, encode(left), types)
        expect(one === withPartition(b, encode(right), types)).toBe(same(a, b) && sameCall(left, right))
        expect(one).not.toBe(encode(left))
        expect(one).toBe(withPartition(rebuilt(a), encode(left), types))
      }),
      runs,
    )
  })
})
