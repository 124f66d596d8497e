import { TypeRegistry } from '../../../src/kernel/registered-types'
import { encodeArguments } from '../../../src/key/canonical'
import { createKeyspace, longestSpelledKey, withPartition } from '../../../src/key/keyspace'

// The judge is the slot function ioredis itself routes by.
const slotOf = jest.requireActual<(key: string) => number>('cluster-key-slot')
const types = new TypeRegistry()
const encode = (...parts: unknown[]) => encodeArguments(parts, types)
const products = createKeyspace({ prefix: 'shop', cache: 'products', version: 1 })

describe('the keys of a cache', () => {
  test('are readable', () => {
    expect(products.entryKey(encode(42))).toBe('shop:products:1:{#42}')
    expect(`${products.entryKey(encode(42))}:written`).toBe('shop:products:1:{#42}:written')
    expect(products.markerKey('category:7')).toBe('shop:tag:{category%3A7}')
    expect(products.counterKey).toBe('shop:counter')
    const named = createKeyspace({ prefix: 'shop-eu', cache: 'ProductService.findById', version: 2 })
    expect(named.entryKey('a')).toBe('shop-eu:ProductService.findById:2:{a}')
    const versioned = createKeyspace({ prefix: 'shop', cache: 'products', version: 1, shape: 3 })
    expect(versioned.entryKey(encode(42))).toBe('shop:products:1.3:{#42}')
  })

  test('of a number and of its text as a version are one', () => {
    const [one, other] = [3, '3'].map((shape) => createKeyspace({ prefix: 'p', cache: 'c', version: 1, shape }))
    expect(one!.entryKey('a')).toBe(other!.entryKey('a'))
  })

  test('K2 two methods without a cache name have keys of their own', () => {
    const keys = ['OrderRepo.findOne', 'UserRepo.findOne'].map((cache) =>
      createKeyspace({ prefix: 'p', cache, version: 1 }).entryKey(encode(1)),
    )
    expect(new Set(keys).size).toBe(2)
  })

  test('K4 an entry and its side key share a cluster slot, which is that of the arguments alone', () => {
    const long = 'x'.repeat(10_000)
    for (const text of [
      ':',
      '{',
      '}',
      '{}',
      '}{',
      ',',
      '\n',
      '🎉',
      '\ud800',
      '',
      long,
      '{user1000}.following',
      '}:refresh',
    ]) {
      const args = encode(text)
      const entry = products.entryKey(args)
      expect(slotOf(entry)).toBe(slotOf(`${products.entryKey(args)}:written`))
      const tag = entry.slice(entry.indexOf('{') + 1, entry.indexOf('}'))
      expect(tag).not.toBe('')
      expect(slotOf(entry)).toBe(slotOf(tag))
      expect(entry.endsWith('}')).toBe(true)
    }
  })

  test('cannot be forged through a prefix, a cache name, a version, a tag or an argument', () => {
    const odd = [
      'a',
      'tag',
      'clear',
      'counter',
      '1',
      '',
      "''",
      'a:1',
      'a:tag',
      '{a}',
      'a:1:{a',
      '}',
      ':',
      '%3A',
      'a:',
      '%',
      '\n',
      '{a}:refresh',
    ]
    const versions = [
      [1, undefined],
      [2, undefined],
      [10, undefined],
      [1, 1],
      ...odd.filter((text) => text !== '1').map((text) => [1, text] as const),
    ] as const
    const seen = new Map<string, string>()
    const note = (key: string, what: string) => {
      if (/[{}].*[{}].*[{}]/s.test(key)) throw new Error(`${what} has braces beside its hash tag: ${key}`)
      const other = seen.get(key) ?? what
      if (other !== what) throw new Error(`${other} and ${what} share ${key}`)
      seen.set(key, what)
    }
    for (const prefix of odd) {
      for (const cache of odd) {
        for (const [version, shape] of versions) {
          const keyspace = createKeyspace({ prefix, cache, version, shape })
          for (const text of odd) {
            const parts = [prefix, cache, version, shape, text]
            note(keyspace.entryKey(encode(text)), JSON.stringify(['entry', ...parts]))
            note(`${keyspace.entryKey(encode(text))}:written`, JSON.stringify(['written', ...parts]))
            note(keyspace.markerKey(text), JSON.stringify(['tag', prefix, text]))
          }
          note(keyspace.counterKey, JSON.stringify(['counter', prefix]))
        }
      }
    }
    expect(seen.size).toBe(2 * versions.length * odd.length ** 3 + odd.length ** 2 + odd.length)
  })
})

describe('long arguments', () => {
  const digested = /^shop:products:1:\{([^{}]*)%sha256-[\w-]{43}\}$/

  test.each([
    ['ASCII', 'x'],
    ['two bytes', 'é'],
    ['three bytes', '☕'],
    ['four bytes', '🎉'],
  ])('are spelled out up to the limit in UTF-8 bytes and digested beyond it (%s)', (_name, unit) => {
    const most = Math.floor(longestSpelledKey / Buffer.byteLength(unit))
    expect(products.entryKey(encode(unit.repeat(most)))).toBe(`shop:products:1:{${unit.repeat(most)}}`)
    const [, head] = digested.exec(products.entryKey(encode(unit.repeat(most + 1)))) ?? []
    expect(head).not.toBe('')
    expect(unit.repeat(most).startsWith(head ?? '-')).toBe(true)
  })

  test('keep a readable beginning that is cut in no escape and no surrogate pair', () => {
    const rest = 'y'.repeat(300)
    for (let lead = 40; lead <= 50; lead++) {
      for (const odd of ['🎉', ':', '\ud800', '%']) {
        const [, head] = digested.exec(products.entryKey(encode('x'.repeat(lead) + odd + rest))) ?? []
        expect(head).toMatch(/^x{40,48}(🎉|%3A|%uD800|%25)?y*$/u)
      }
    }
  })

  test('differ when the arguments differ, wherever that is', () => {
    const long = 'x'.repeat(500)
    const texts = [long, `${long}y`, `y${long}`, `${long.slice(1)}y`, `${long}\ud800`, `${long}\ud801`, `${long}\ufffd`]
    expect(new Set(texts.map((text) => products.entryKey(encode(text)))).size).toBe(texts.length)
    expect(products.entryKey(encode(long))).toBe(products.entryKey(encode(long)))
  })

  test('cannot be spelled by arguments that look like their digest', () => {
    const key = products.entryKey(encode('x'.repeat(500)))
    const spelled = key.slice(key.indexOf('{') + 1, -1)
    expect(products.entryKey(encode(spelled))).not.toBe(key)
    expect(products.markerKey('x'.repeat(500))).toMatch(/^shop:tag:\{x{48}%sha256-[\w-]{43}\}$/)
  })
})

describe('partitions', () => {
  test('stand before the arguments', () => {
    expect(withPartition('acme', encode(1, 'a'), types)).toBe('acme;#1,a')
    expect(withPartition(undefined, encode(), types)).toBe('!none;!none')
  })

  test('cannot be spelled from inside another partition, nor without one', () => {
    const parts = ['a', 'a;b', 'a;', ';', 'b', '', 'a,b', 1, null, ['a'], { a: 'b;' }]
    const all = parts.flatMap((partition) => parts.map((part) => withPartition(partition, encode(part), types)))
    all.push(...parts.map((part) => encode(part)), ...parts.map((part) => encode('a', part)))
    expect(new Set(all).size).toBe(parts.length ** 2 + 2 * parts.length)
  })

  test('that cannot be encoded are refused', () => {
    expect(() => withPartition(() => 'a', 'x', types)).toThrow('it is a function')
  })
})
