import { runInNewContext } from 'node:vm'
import { registeredType, TypeRegistry } from '../../../src/kernel/registered-types'
import { encodeArguments } from '../../../src/key/canonical'

class Money {
  constructor(
    readonly amount: number,
    readonly currency: string,
  ) {}
}
class Percent {
  constructor(readonly value: number) {}
}
class Sku {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  get text(): string {
    return this.#text
  }
}
class OrderLines extends Array<string> {}

const sku = registeredType(Sku, { name: 'sku{v:2}', encode: (s) => s.text, decode: (text: string) => new Sku(text) })
const types = new TypeRegistry([Money, Percent, sku, OrderLines])
const encode = (...parts: unknown[]) => encodeArguments(parts, types)
const bytes = [1, 2, 250]
const nullProto = (properties: object) => Object.assign(Object.create(null) as object, properties)

describe('the text of an argument list', () => {
  test.each<[string, unknown[]]>([
    ['!none', []],
    ['product-42', ['product-42']],
    ["''", ['']],
    ["a,''", ['a', '']],
    ['café ☕ 日本 🎉', ['café ☕ 日本 🎉']],
    ['two words', ['two words']],
    ['a/b?c&d+e*f"g\\h<i>`j$k', ['a/b?c&d+e*f"g\\h<i>`j$k']],
    ['%25%7B%7D%2C%3A%3B%28%29%5B%5D%3D%7C', ['%{},:;()[]=|']],
    ['%00%09%0A%1F%7F%80%9F', ['\0\t\n\u001f\u007f\u0080\u009f']],
    ['%uD83Dx%uDE00', ['\ud83dx\ude00']],
    ['%2342', ['#42']],
    ['%21null', ['!null']],
    ['%401', ['@1']],
    ['%7Emap%28%29', ['~map()']],
    ['%5EMoney%3A', ['^Money:']],
    ["%27'", ["''"]],
    ['%7Ea,%5Ea,%40a,%23a,%21a,%27a', ['~a', '^a', '@a', '#a', '!a', "'a"]],
    ['a#b!c@d~e^f', ['a#b!c@d~e^f']],
    ['#42', [42]],
    ['#0', [-0]],
    ['#-1.5', [-1.5]],
    ['#1e+21', [1e21]],
    ['#NaN', [Number.NaN]],
    ['#-Infinity', [-Infinity]],
    ['#42n', [42n]],
    ['!true,!false,!null,!undefined,#1', [true, false, null, undefined, 1]],
    ['@1700000000000', [new Date(1.7e12)]],
    ['@NaN', [new Date(Number.NaN)]],
    ['[]', [[]]],
    ['[a,[#1,!undefined],!undefined]', [['a', [1, undefined], undefined]]],
    ['[!undefined,b]', [Array(2).fill('b', 1)]],
    ['()', [{}]],
    ['(a=#1,b=(c=x))', [{ b: { c: 'x' }, a: 1 }]],
    ['(10=a,9=b)', [{ 9: 'b', 10: 'a' }]],
    ["(''=#1,%23a=#2,a%3Db=#3)", [{ 'a=b': 3, '': 1, '#a': 2 }]],
    ['(a=!undefined)', [{ a: undefined }]],
    ['(__proto__=#1)', [JSON.parse('{"__proto__":1}')]],
    ['(a=#1)', [nullProto({ a: 1 })]],
    ['~map()', [new Map()]],
    [
      '~map(#1=b,(x=y)=#2,1=a,[k]=!null)',
      [
        new Map<unknown, unknown>([
          ['1', 'a'],
          [1, 'b'],
          [['k'], null],
          [{ x: 'y' }, 2],
        ]),
      ],
    ],
    ['~set(#1,1,a)', [new Set(['a', 1, '1'])]],
    ['~set([#1],[#1])', [new Set([[1], [1]])]],
    ['~regexp(a+%28b%29,gi)', [/a+(b)/gi]],
    ["~regexp(%28?%3A%29,'')", [/(?:)/]],
    ['~url(https%3A//x.test/p?q%3D1%25)', [new URL('https://x.test/p?q=1%')]],
    ['~Buffer(AQL6)', [Buffer.from(bytes)]],
    ['~Uint8Array(AQL6)', [Uint8Array.from(bytes)]],
    ['~Uint8ClampedArray(AQL6)', [Uint8ClampedArray.from(bytes)]],
    ['~Uint16Array(AQD6AA)', [Uint16Array.from([1, 250])]],
    ['~BigInt64Array()', [new BigInt64Array(0)]],
    ['~ArrayBuffer(AQL6)', [Uint8Array.from(bytes).buffer]],
    ['~DataView(AvoA)', [new DataView(Uint8Array.from([...bytes, 0, 9]).buffer, 1, 3)]],
    ['~Uint8Array(Avo)', [Uint8Array.from(bytes).subarray(1)]],
    ['^Money:(amount=#5,currency=EUR)', [new Money(5, 'EUR')]],
    ['^sku%7Bv%3A2%7D:a%2Cb', [new Sku('a,b')]],
    ['[^Percent:(value=#5)]', [[new Percent(5)]]],
    ['^OrderLines:(0=a)', [OrderLines.of('a')]],
  ])('%s', (text, parts) => {
    expect(encode(...parts)).toBe(text)
  })

  test('a regular expression that stands elsewhere in its text is another argument', () => {
    const moved = /a/g
    moved.lastIndex = 3
    expect(encode(moved)).toBe('~regexp(a,g,#3)')
  })

  test('toJSON has no say', () => {
    expect(encode(new Date(0))).toBe('@0')
    expect(() => encode({ a: 1, toJSON: () => 'x' })).toThrow('it is a function')
  })

  test('plain and built-in values of another realm are what they are', () => {
    const foreign = '[{ a: [1] }, new Date(5), new Map([[1, 2]]), new Set([1]), /a/g, new Uint8Array([1, 2, 250])]'
    expect(encode(...runInNewContext(foreign))).toBe('(a=[#1]),@5,~map(#1=#2),~set(#1),~regexp(a,g),~Uint8Array(AQL6)')
  })

  test('a getter and a proxy are read as what they show', () => {
    const shown = new Proxy(
      {
        get a() {
          return 1
        },
      },
      {},
    )
    expect(encode(shown)).toBe('(a=#1)')
    expect(encode(new Proxy([1, 2], {}))).toBe('[#1,#2]')
  })

  test('an object met twice, but not inside itself, is written twice', () => {
    const shared = { a: 1 }
    expect(encode([shared, shared], shared)).toBe('[(a=#1),(a=#1)],(a=#1)')
  })

  test('500 levels of nesting are carried', () => {
    let nested: unknown = 'x'
    for (let level = 0; level < 500; level++) nested = level % 2 === 0 ? [nested] : { a: nested }
    expect(encode(nested)).toContain('(a=[x])')
  })
})
