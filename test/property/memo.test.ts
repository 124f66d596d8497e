import fc from 'fast-check'
import { encodeArguments } from '../../src/key/canonical'
import { type MemoKey, MemoKeys } from '../../src/memo/memo-keys'
import { RecentResults } from '../../src/memo/recent-results'

const keys = new MemoKeys({ where: 'Rows.find', marks: { keys: [], ignored: [] } }, undefined)

// Small alphabets of what the stand-ins and the texts of keys are made of, so that near misses are common.
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('\0', '!', '#', '1', 'n', ',', 'a', '%', '0'), maxLength: 4 }),
  fc.constantFrom('\0!none', '\0!null', '!null', '\0#1,#1', '#1,#1', '%00', '\0%00', "''", "\0''", 'NaN', 'true', '1n'),
)
const part = fc.oneof(
  text,
  fc.constantFrom(undefined, null, true, false, 0, -0, 1, Number.NaN, Infinity, 0n, 1n, new Date(0)),
  fc.array(text, { maxLength: 2 }),
  fc.record({ a: text }),
)
const list = fc.array(part, { maxLength: 3 })

/** As a `Map` compares: all that a memo does with stand-ins. */
const isOne = (one: unknown, other: unknown): boolean => new Map([[one, 1]]).has(other)

test('K1 K5 the stand-ins of two calls are one exactly where the texts of their keys are', () => {
  fc.assert(
    fc.property(list, list, (one, other) => {
      const sameText = encodeArguments(one, undefined) === encodeArguments(other, undefined)
      expect(isOne(keys.ofCall(one), keys.ofCall(other))).toBe(sameText)
      expect(isOne(keys.ofCall(one), keys.of(one))).toBe(true)
      expect(keys.textOf(one)).toBe(encodeArguments(one, undefined))
    }),
    { numRuns: 3_000 },
  )
})

const step = fc.oneof(
  fc.record({
    act: fc.constantFrom('get', 'set', 'peek', 'delete'),
    key: fc.constantFrom(0, 1, 2, 3, 'a', Number.NaN),
  }),
  fc.constant({ act: 'clear', key: 0 }),
)

test('the recent results are those of a plain list in order of use', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), (max, steps) => {
      const results = new RecentResults(max)
      // The model: a map in order of use, the oldest first.
      const model = new Map<MemoKey, number>()
      steps.forEach(({ act, key }, value) => {
        const known = model.get(key)
        if (act === 'set') {
          results.set(key, value, Infinity)
          model.delete(key)
          if (model.size === max) model.delete(model.keys().next().value!)
          model.set(key, value)
        } else if (act === 'get') {
          expect(results.get(key)?.value).toBe(known)
          if (known !== undefined) {
            model.delete(key)
            model.set(key, known)
          }
        } else if (act === 'delete') {
          const found = results.peek(key)
          if (found !== undefined) results.delete(found)
          model.delete(key)
        } else if (act === 'clear') {
          results.clear()
          model.clear()
        }
        expect(results.peek(key)?.value).toBe(model.get(key))
        expect(results.size).toBe(model.size)
      })
      for (const [key, value] of model) expect(results.peek(key)?.value).toBe(value)
    }),
    { numRuns: 1_000 },
  )
})
