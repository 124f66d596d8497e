import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { createCodec } from '../../src/codec/codec'
import { decodeFrame, encodeFrame, type FrameHeader } from '../../src/codec/frame'
import { copySnapshot, freezeOwned, handOut, takeSnapshot } from '../../src/codec/snapshot'
import { isCacheError } from '../../src/kernel/errors'
import { expectSame } from '../rooms/codec/same-value'
import { Box, Money, NotFound, Point, types } from '../rooms/codec/samples'

const codec = createCodec(types)

const string = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom(
    '~',
    '~u',
    '~M',
    '~~',
    '~r0',
    '&',
    '__proto__',
    'constructor',
    '\ud800',
    '\udfff~',
    'length',
    '0',
    '-1',
  ),
)
const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53))

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(undefined, null, true, false),
  number,
  string,
  fc.bigInt(),
  // Node 20 finds two invalid dates different.
  fc.date({ noInvalidDate: true }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.float64Array(),
  fc.webUrl().map((url) => new URL(url)),
  fc.tuple(string, fc.constantFrom('', 'g', 'iy', 'su')).chain(([source, flags]) => {
    try {
      return fc.constant(new RegExp(source, flags))
    } catch {
      return fc.constant(/x/)
    }
  }),
  fc.bigInt().map((cents) => new Money(cents)),
  fc.string().map((id) => new NotFound(id)),
)

const { value: rich } = fc.letrec<{ value: unknown }>((tie) => {
  const value = tie('value')
  return {
    value: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      leaf,
      fc.array(value),
      fc.sparseArray(value),
      fc.dictionary(string, value),
      fc.array(fc.tuple(value, value)).map((entries) => new Map(entries)),
      fc.array(value).map((members) => new Set(members)),
      fc.tuple(number, value).map(([x, y]) => new Point(x, y)),
      value.map((content) => new Box(content)),
      fc
        .tuple(string, value, value)
        .map(([message, cause, extra]) => Object.assign(new RangeError(message, { cause }), { extra })),
    ),
  }
})

/** Ties some of a value's objects together: each choice puts one reachable container into another. */
function knot(value: unknown, choices: readonly [number, number][]): unknown {
  const containers: object[] = []
  const collect = (part: unknown): void => {
    if (typeof part !== 'object' || part === null || containers.includes(part)) return
    // Not into Box: what it encodes may not lead back to it.
    if (part instanceof Box) return
    if (
      Array.isArray(part) ||
      part instanceof Map ||
      part instanceof Set ||
      Object.getPrototypeOf(part) === Object.prototype
    ) {
      containers.push(part)
      const parts = part instanceof Map || part instanceof Set ? part.values() : Object.values(part)
      for (const inner of parts) collect(inner)
    }
  }
  collect(value)
  for (const [from, to] of choices) {
    const holder = containers[from % containers.length]
    const held = containers[to % containers.length]
    if (holder instanceof Map) holder.set('knot', held)
    else if (holder instanceof Set) holder.add(held)
    else if (Array.isArray(holder)) holder.push(held)
    else if (holder !== undefined) Object.assign(holder, { knot: held })
  }
  return value
}

const knotted = fc
  .tuple(rich, fc.array(fc.tuple(fc.nat(50), fc.nat(50)), { maxLength: 4 }))
  .map(([value, choices]) => knot(value, choices))

const header: FrameHeader = {
  key: 'k',
  fillId: Buffer.from('12345678'),
  stamp: 5,
  createdAt: 1,
  expiresAt: 2,
  loadTime: 3,
  tags: ['a', 'b'],
  staleUntil: 2,
  isError: false,
  validator: undefined,
}

function throughFrame(value: unknown): unknown {
  const { format, payload } = codec.encode(takeSnapshot(value, types))
  const frame = decodeFrame(encodeFrame(header, format, payload), 'k')
  if (frame.kind !== 'value') throw new Error(frame.kind)
  return codec.decode(frame.format, frame.payload)
}

test('K7 every path gives the value back, with its cycles', () => {
  fc.assert(
    fc.property(knotted, (value) => {
      const snapshot = takeSnapshot(value, types)
      expectSame(snapshot.value, value)
      expectSame(copySnapshot(snapshot, types), value)
      expectSame(handOut(snapshot, types), value)
      const decoded = throughFrame(value)
      expectSame(decoded, value)
      expectSame(freezeOwned(decoded, types).value, value)
    }),
    { numRuns: 400 },
  )
})

test('a value is plain exactly if JSON brings it back', () => {
  const jsonLike = fc.oneof(
    rich,
    fc.jsonValue({ noUnicodeString: false } as never),
    fc.anything({ withNullPrototype: true, withSparseArray: true }),
  )
  let plain = 0
  fc.assert(
    fc.property(jsonLike, (value) => {
      const snapshot = takeSnapshot(value, types)
      let back: unknown
      let same = true
      try {
        back = JSON.parse(JSON.stringify(value))
        deepStrictEqual(back, value)
      } catch {
        same = false
      }
      expect(snapshot.plain).toBe(same)
      if (same) plain++
    }),
    { numRuns: 1000 },
  )
  expect(plain).toBeGreaterThan(100)
})

test('C99 random bytes, and frames spoiled at random, are never an entry and never an exception', () => {
  const real = encodeFrame(header, 1, Buffer.from('{"a":"~d5"}'))
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((rest) => Uint8Array.of(0xca, 0x56, 1, 0, ...rest)),
    fc.tuple(fc.nat(real.length - 1), fc.uint8Array({ maxLength: 9 })).map(([at, patch]) => {
      const spoiled = Buffer.from(real)
      spoiled.set(patch.subarray(0, real.length - at), at)
      return spoiled
    }),
    fc.tuple(fc.nat(real.length), fc.nat(real.length)).map(([from, to]) => real.subarray(from, to)),
  )
  fc.assert(
    fc.property(bytes, (given) => {
      const spoiled = Buffer.from(given)
      fc.pre(!spoiled.equals(real))
      expect(['unreadable', 'newer', 'lease']).toContain(decodeFrame(spoiled, 'k').kind)
    }),
    { numRuns: 5000 },
  )
})

test('C99 a payload made of the forms of typed JSON is read or is CW_ENTRY_UNREADABLE, and pollutes nothing', () => {
  const word = fc.oneof(
    fc.constantFrom(
      '~u',
      '~n',
      '~M',
      '~S',
      '~O',
      '~H',
      '~E',
      '~C',
      '~r0',
      '~r1',
      '~r9',
      '~d1',
      '~b1',
      '~x0/g/a',
      '~lx:',
      '~BBuffer/AA==',
    ),
    fc.constantFrom('Point', 'Money', 'Box', 'NotFound', 'Error', '__proto__', 'constructor', 'prototype'),
    fc.string({ maxLength: 3 }).map((rest) => `~${rest}`),
    fc.integer({ min: -1, max: 5 }),
  )
  const { node } = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 5, depthSize: 'medium' },
      word,
      fc.array(tie('node')),
      fc
        .tuple(fc.constantFrom('~M', '~S', '~O', '~H', '~E', '~C'), fc.array(tie('node')))
        .map(([head, rest]) => [head, ...rest]),
      fc.dictionary(fc.constantFrom('a', '__proto__', 'constructor', 'prototype', 'message', 'cause'), tie('node')),
    ),
  }))
  let readable = 0
  fc.assert(
    fc.property(node, fc.boolean(), (form, refers) => {
      const text = (refers ? '&' : '') + JSON.stringify(form)
      try {
        const value = codec.decode(1, Buffer.from(text))
        readable++
        expectSame(throughFrame(value), value)
      } catch (error) {
        // What a hostile text makes of a class with functions need not be something that can be written again.
        if (!isCacheError(error)) throw error
      }
      expect(Object.keys(Object.prototype)).toEqual([])
      expect(({} as Record<string, unknown>).a).toBeUndefined()
    }),
    { numRuns: 1500 },
  )
  expect(readable).toBeGreaterThan(150)
})

test('random text is read or is CW_ENTRY_UNREADABLE', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 1), fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (format, text) => {
      try {
        codec.decode(format, Buffer.from(text))
      } catch (error) {
        expect(isCacheError(error) && error.code).toBe('CW_ENTRY_UNREADABLE')
      }
    }),
    { numRuns: 2000 },
  )
})
