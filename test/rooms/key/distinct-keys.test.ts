import { TypeRegistry } from '../../../src/kernel/registered-types'
import { encodeArguments } from '../../../src/key/canonical'

const types = new TypeRegistry()
const encode = (...parts: unknown[]) => encodeArguments(parts, types)

describe('keys neither collide nor split', () => {
  test('K1 no two of 200 000 random three-character ids share a key', () => {
    const ids = new Set(['ABA', 'AAb'])
    const unit = () => String.fromCharCode(33 + Math.floor(Math.random() * 300))
    while (ids.size < 200_000) ids.add(unit() + unit() + unit())
    expect(new Set(Array.from(ids, (id) => encode(id))).size).toBe(200_000)
  })

  test('K3 values of different kinds that look alike have different keys', () => {
    const alike = [
      1,
      '1',
      1n,
      '1n',
      true,
      'true',
      null,
      undefined,
      'null',
      'undefined',
      Number.NaN,
      'NaN',
      '',
      '#1',
      [1],
    ]
    expect(new Set(alike.map((value) => encode(value))).size).toBe(alike.length)
  })

  test('K3 f(1) and f(1, undefined) share a key, f(1, null) and f(undefined, 1) have their own', () => {
    expect(encode(1, undefined, undefined)).toBe(encode(1))
    expect(encode(undefined)).toBe(encode())
    expect(new Set([encode(1), encode(1, null), encode(undefined, 1), encode(null), encode()]).size).toBe(5)
  })

  test('C12 C13 C50 order, number and grouping of arguments count', () => {
    const lists = [[5, 1], [1, 5], [5, 1, null], [[5, 1]], [5], [[5], 1], [1, 2, 3], [1, 2]]
    expect(new Set(lists.map((list) => encode(...list))).size).toBe(lists.length)
  })

  test('C18 a single null argument is an argument', () => {
    expect(encode(null)).toBe(encode(null))
    expect(encode(null)).not.toBe(encode())
  })

  test('K4 where one argument ends and the next begins cannot be forged', () => {
    const lists = [
      ['a:b', 'c'],
      ['a', 'b:c'],
      ['a', ''],
      ['a'],
      ['a,b'],
      ['a', 'b'],
      ["a,''"],
      ['[a', 'b]'],
      [['a', 'b']],
    ]
    expect(new Set(lists.map((list) => encode(...list))).size).toBe(lists.length)
  })

  test('K4 colons, braces, commas, line ends, emoji, lone surrogates and 10 kB stay apart, in UTF-8 too', () => {
    const texts = [
      ':',
      '{',
      '}',
      '{}',
      ',',
      '\n',
      '\r\n',
      '🎉',
      '\ud83c',
      '\udf89',
      '\udf89\ud83c',
      '\ufffd',
      '%',
      '%7B',
      '%uD83C',
    ]
    const long = 'x'.repeat(10_000)
    const all = [...texts, long, `${long}y`].map((text) => Buffer.from(encode(text)).toString('hex'))
    expect(new Set(all).size).toBe(texts.length + 2)
  })

  test('K5 an object by its properties, in whatever order; a Map and a Set by content', () => {
    expect(encode({ a: 1, b: 2 })).toBe(encode({ b: 2, a: 1 }))
    expect(
      encode(
        new Map([
          ['a', 1],
          ['b', 2],
        ]),
      ),
    ).toBe(
      encode(
        new Map([
          ['b', 2],
          ['a', 1],
        ]),
      ),
    )
    expect(encode(new Set([{ a: 1, b: 2 }, 3]))).toBe(encode(new Set([3, { b: 2, a: 1 }])))
    expect(encode(new Map([['a', 1]]))).not.toBe(encode({ a: 1 }))
    expect(encode(new Set(['a']))).not.toBe(encode(['a']))
  })

  test('K5 a Date, its ISO string and its number are three', () => {
    const date = new Date(1.7e12)
    expect(new Set([encode(date), encode(date.toISOString()), encode(date.getTime()), encode(`@${+date}`)]).size).toBe(
      4,
    )
  })
})
