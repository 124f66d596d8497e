import fc from 'fast-check'
import { compilePattern, literalPattern } from '../../../src/key/pattern'

test.each([
  ['*', '', true],
  ['*', 'anything', true],
  ['a*c', 'abbc', true],
  ['a*c', 'abbcd', false],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['[a-c]x', 'bx', true],
  ['[c-a]x', 'bx', true],
  ['[^a-c]x', 'bx', false],
  ['[^a-c]x', 'dx', true],
  ['[]x', 'x', false],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['[\\]]', ']', true],
  ['*a*b', 'xaxb', true],
  ['*a*b', 'xbxa', false],
  ['', '', true],
  ['', 'a', false],
])('%s and %s: %s', (pattern, text, expected) => {
  expect(compilePattern(pattern)(text)).toBe(expected)
})

test('a text as a pattern matches itself and nothing else', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
      const matches = compilePattern(literalPattern(one))
      expect(matches(one)).toBe(true)
      expect(matches(other)).toBe(one === other)
    }),
  )
})

test('many stars on a long key take no longer than the product of their lengths', () => {
  // Tried in every combination, as a regular expression does, this would outlast the test and whoever runs it.
  expect(compilePattern('*a*a*a*a*a*a*a*a*b')('a'.repeat(2_000))).toBe(false)
})
