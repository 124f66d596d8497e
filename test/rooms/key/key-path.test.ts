import { compilePath } from '../../../src/key/key-path'

class Customer {
  constructor(readonly id: number) {}
  get label(): string {
    return `c${this.id}`
  }
}

describe('a path into an argument', () => {
  const order = { customer: new Customer(7), items: [{ sku: 'a' }], note: null, zero: 0 }

  test.each([
    ['customer.id', 7],
    ['customer.label', 'c7'],
    ['items.0.sku', 'a'],
    ['items.1.sku', undefined],
    ['items.length', 1],
    ['zero', 0],
    ['note', null],
    ['note.text', undefined],
    ['missing', undefined],
    ['missing.deeper.still', undefined],
    ['zero.deeper', undefined],
  ])('%s', (path, expected) => {
    expect(compilePath(path)(order)).toBe(expected)
  })

  test('of nothing is undefined', () => {
    expect(compilePath('id')(undefined)).toBeUndefined()
    expect(compilePath('id')(null)).toBeUndefined()
  })

  test('is compiled once and read often', () => {
    const read = compilePath('customer.id')
    expect([read(order), read({ customer: { id: 'x' } }), read(null)]).toEqual([7, 'x', undefined])
  })

  test.each(['', '.', 'a.', '.a', 'a..b'])("'%s' is refused when compiled", (path) => {
    expect(() => compilePath(path)).toThrow(expect.objectContaining({ code: 'CW_OPTION_INVALID' }))
    expect(() => compilePath(path)).toThrow(`got '${path}'`)
  })

  test('that is no string is refused', () => {
    expect(() => compilePath(7 as never)).toThrow('got number')
  })
})
