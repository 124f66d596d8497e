import { takeSnapshot } from '../../../src/codec/snapshot'
import { TypeRegistry } from '../../../src/kernel/registered-types'

const bytesOf = (value: unknown): number => takeSnapshot(value, new TypeRegistry()).bytes

// Exact figures, so that a change of the estimate is a decision; measured heap growth is within a tenth of them.
test.each<[name: string, value: unknown, bytes: number]>([
  ['nothing', null, 0],
  ['a small integer', 7, 0],
  ['a double', 7.5, 16],
  ['a string of one-byte characters', 'é'.repeat(1000), 1016],
  ['a string of two-byte characters', '✓'.repeat(1000), 2016],
  ['a long string with one wide character', `${'x'.repeat(999)}✓`, 2016],
  ['a small object', { a: 1 }, 56],
  ['a larger object', { a: 1, b: 2, c: 3, d: 4, e: 5 }, 96],
  ['an array', Array.from({ length: 100 }, (_, at) => at), 848],
  ['a Buffer', Buffer.alloc(1000), 1192],
  ['a Date', new Date(), 272],
  ['a large bigint', 2n ** 640n, 104],
])('%s', (_, value, bytes) => {
  expect(bytesOf(value)).toBe(bytes)
})

test('what is met twice is counted once', () => {
  const shared = { text: 'x'.repeat(1000) }
  expect(bytesOf([shared, shared]) - bytesOf([shared, 1])).toBe(0)
})
