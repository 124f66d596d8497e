import { createCodec } from '../../../src/codec/codec'
import { decodeFrame, encodeFrame } from '../../../src/codec/frame'
import { freezeOwned, takeSnapshot } from '../../../src/codec/snapshot'
import { isCacheError } from '../../../src/kernel/errors'
import { TypeRegistry } from '../../../src/kernel/registered-types'
import { expectSame } from './same-value'
import { carried, Point, types } from './samples'

const codec = createCodec(types)

function throughFrame(value: unknown): unknown {
  const { format, payload } = codec.encode(takeSnapshot(value, types))
  const header = {
    key: 'k',
    fillId: Buffer.alloc(8),
    stamp: 1,
    createdAt: 2,
    expiresAt: 3,
    loadTime: 4,
    tags: [],
    staleUntil: 3,
    isError: false,
    validator: undefined,
  }
  const frame = decodeFrame(encodeFrame(header, format, payload), 'k')
  if (frame.kind !== 'value') throw new Error(frame.kind)
  return codec.decode(frame.format, frame.payload)
}

const textOf = (value: unknown): string => codec.encode(takeSnapshot(value, types)).payload.toString()
const read = (text: string, format = 1): unknown => codec.decode(format, Buffer.from(text))

function expectUnreadable(text: string, format = 1): void {
  try {
    codec.decode(format, Buffer.from(text))
  } catch (error) {
    if (isCacheError(error) && error.code === 'CW_ENTRY_UNREADABLE') return
    throw error
  }
  throw new Error(`was read: ${text.slice(0, 80)}`)
}

describe('encode, frame, decode', () => {
  test.each(Object.entries(carried))('K6 K7 comes back deeply equal and of the same type: %s', (_, make) => {
    const value = make()
    expectSame(throughFrame(value), value)
  })

  test.each(Object.entries(carried))('a decoded value gives the snapshot the original gives: %s', (_, make) => {
    const value = make()
    const decoded = freezeOwned(throughFrame(value), types)
    const taken = takeSnapshot(value, types)
    expect([decoded.plain, decoded.renewable, decoded.bytes]).toEqual([taken.plain, taken.renewable, taken.bytes])
  })

  test.each(Object.entries(carried))('writing is canonical enough to be repeated: %s', (_, make) => {
    const value = make()
    expect(textOf(throughFrame(value))).toBe(textOf(value))
  })
})

describe('what is written', () => {
  const cases: readonly [value: unknown, text: string][] = [
    [{ a: 1 }, '{"a":1}'],
    ['~', '"~"'],
    [undefined, '"~u"'],
    [['~x', Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0], '["~~x","~n","~+","~-","~0"]'],
    [-12n, '"~b-12"'],
    [new Date(5), '"~d5"'],
    [new Date(Number.NaN), '"~d"'],
    [/a\/b/gi, '"~x0/gi/a\\\\/b"'],
    [new URL('http://a/'), '"~lhttp://a/"'],
    [Buffer.from('hi'), '"~BBuffer/aGk="'],
    [Uint16Array.of(1), '"~BUint16Array/AQA="'],
    [new Map<unknown, unknown>([['a', new Set([1n])]]), '["~M","a",["~S","~b1"]]'],
    [Object.assign(Object.create(null), { a: 1 }), '["~O",{"a":1}]'],
    [Object.assign([], { 2: 'x' }), '["~H",3,2,"x"]'],
    [new Point(1, 2n), '["~C","Point",{"x":1,"y":"~b2"}]'],
  ]
  test.each(cases)('%p', (value, text) => {
    expect(textOf(value)).toBe(text)
    expectSame(throughFrame(value), value)
  })

  test('objects met again are numbers, only where there are any', () => {
    const at = new Date(1)
    expect(textOf([at, { at }])).toBe('&["~d1",{"at":"~r1"}]')
    expect(textOf([at])).toBe('["~d1"]')
  })
})

describe('C99 a hostile or foreign payload is one kind of error and changes nothing', () => {
  const pollution = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'
  // biome-ignore format: a table
  const unreadable = [
    '', '{', 'null x', '"~"', '"~z"', '"~uu"', '"~U"', '"~b"', '"~b1.5"', '"~b0x1"', '"~b 1"', '"~dabc"', '"~d1e300"', '"~dNaN"',
    '"~r0"', '["~r0"]', '&"~r0"', '&["~r1"]', '&["~r-1"]', '&["~r1e0"]', '&["~r"]', '&["~rx"]', '&["~r0.5"]', '&&[]',
    '"~x"', '"~x0/g"', '"~x0/zz/a"', '"~x0//("', '"~x-1//a"', '"~lnot a url"', '"~l"', '"~B"', '"~B/"', '"~BNope/AA=="',
    '"~BUint16Array/AA=="', '"~B__proto__/AA=="', '"~Bconstructor/AA=="',
    '["~M",1]', '["~O"]', '["~O",[]]', '["~O",1]', '["~O","~u"]', '["~H"]', '["~H",-1]', '["~H",4294967296]', '["~H",1.5]', '["~H","1"]',
    '["~H",2,2,1]', '["~H",2,"__proto__",1]', '["~H",2,0]', '["~Z"]', '["~E"]', '["~E","Error"]', '["~E","Nope",{},{}]',
    '["~E","Object",{},{}]', '["~E","__proto__",{},{}]', '["~E","Error",1,{}]', '["~E","Error",{},[]]', '["~E","Error",{},{},{}]',
    '["~C"]', '["~C","Nope",{}]', '["~C","__proto__",{}]', '["~C","constructor",{}]', '["~C","Object",{}]', '["~C","Point"]', '["~C","Point",1]',
    '["~C","Point",[]]', '["~C","Point",{},{}]', '["~C",["Point"],{}]x', '["~C","Money"]', '["~C","Box",1]',
    '["~C","Money",{"__proto__":{}}]', '&["~C","Box",["~r0"]]',
  ]
  test.each(unreadable)('%s', (text) => expectUnreadable(text))

  test.each(['', '{', '[1', 'undefined', '~u'])('as plain JSON: %s', (text) => expectUnreadable(text, 0))

  test.each([2, 3, 77, 255, -1])('format %d', (format) => expectUnreadable('{}', format))

  test.each([
    pollution,
    `["~O",${pollution}]`,
    `["~E","Error",${pollution},${pollution}]`,
    `["~C","Point",${pollution}]`,
    `["~C","NotFound",${pollution},${pollution}]`,
    `["~M","__proto__",${pollution}]`,
    `&[${pollution},"~r1","~r2"]`,
    '{"__proto__":"~u"}',
    '{"__proto__":["~M"]}',
  ])('prototypes are never taken from data: %s', (text) => {
    const value = read(text) as object
    const expected = text.includes('Point') ? Point.prototype : undefined
    if (expected) expect(Object.getPrototypeOf(value)).toBe(expected)
    expect((value as { polluted?: 1 }).polluted).toBeUndefined()
    expect(({} as { polluted?: 1 }).polluted).toBeUndefined()
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  test('an own __proto__ comes back as a property', () => {
    const value = read('{"__proto__":"~d5"}') as object
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(value, '__proto__')?.value).toEqual(new Date(5))
  })

  test.each(['[', '{"a":', '["~M",1,', '["~S",', '["~O",{"a":', '["~C","Box",['])(
    'a hundred thousand times %s',
    (open) => {
      const close = [...open.replace(/"[^"]*"/g, '').replace(/[^[{]/g, '')]
        .reverse()
        .map((c) => (c === '[' ? ']' : '}'))
        .join('')
      expectUnreadable(`${open.repeat(100_000)}1${close.repeat(100_000)}`)
      expectUnreadable(open.repeat(100_000))
    },
  )

  test('nesting ends where it ends for the writer, however much stack there is', () => {
    const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`
    expect(freezeOwned(read(nested(1000)), types).plain).toBe(true)
    expectUnreadable(nested(1100))
  })

  test('a far array takes no memory', () => {
    const before = process.memoryUsage().heapUsed
    const array = read('["~H",30000000,5,"x"]') as unknown[]
    expect(array).toHaveLength(30_000_000)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50e6)
  })

  test('no constructor runs and no expression is matched', () => {
    const value = read('[["~C","Point",{"x":1}],"~x0//(a+)+$"]') as [Point, RegExp]
    expect(value[0]).toEqual(Object.assign(Object.create(Point.prototype), { x: 1 }))
    expect(value[1].source).toBe('(a+)+$')
  })

  test('a decode that throws anything', () => {
    for (const thrown of [
      new Error('x'),
      undefined,
      null,
      'x',
      Object.create(null),
      {
        get message() {
          throw new Error()
        },
      },
    ]) {
      const registry = new TypeRegistry([
        {
          type: Point,
          encode: () => 1,
          decode: () => {
            throw thrown
          },
        } as never,
      ])
      expect(() => createCodec(registry).decode(1, Buffer.from('["~C","Point",1]'))).toThrow(
        expect.objectContaining({ code: 'CW_ENTRY_UNREADABLE' }),
      )
    }
  })
})

describe('what cannot be written', () => {
  test('a value longer than any string is too large', () => {
    // What JSON.stringify throws beyond half a gigabyte, without the seconds it takes to get there.
    const value = {
      get long() {
        return 'x'.repeat(2 ** 29 + 1e6)
      },
    }
    const snapshot = { value, plain: true, bytes: 0, renewable: false }
    expect(() => codec.encode(snapshot)).toThrow(expect.objectContaining({ code: 'CW_VALUE_TOO_LARGE' }))
  })

  test('an encode that turns bad later is a refusal', () => {
    let calls = 0
    const registry = new TypeRegistry([
      {
        type: Point,
        encode: () => {
          if (calls++ > 0) throw new Error('late')
          return 1
        },
        decode: () => new Point(1, 1),
      } as never,
    ])
    const snapshot = takeSnapshot(new Point(1, 1), registry)
    expect(() => createCodec(registry).encode(snapshot)).toThrow(
      expect.objectContaining({ code: 'CW_VALUE_UNSUPPORTED' }),
    )
  })
})
