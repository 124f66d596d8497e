import fc from 'fast-check'
import { mayRevalidate, mayStandIn, staleLife, staleUntil } from '../../../src/policies/staleness'

const windows = (whileRevalidate: number, ifError: number) => ({
  staleWhileRevalidateMs: whileRevalidate,
  staleIfErrorMs: ifError,
})

test.each<[number, number, number, boolean, boolean]>([
  // expired at 100, kept for the longer window
  [0, 0, 100, false, false],
  [10, 0, 100, true, true],
  [10, 0, 109, true, true],
  [10, 0, 110, false, false],
  [10, 50, 110, false, true],
  [10, 50, 149, false, true],
  [10, 50, 150, false, false],
  [50, 10, 149, true, true],
  [0, 50, 100, false, true],
])('windows of %d and %d at %d: revalidating %p, standing in %p', (revalidate, ifError, now, revalidates, standsIn) => {
  const policies = windows(revalidate, ifError)
  const life = { expiresAt: 100, staleUntil: staleUntil(100, policies) }
  expect(mayRevalidate(life, policies, now)).toBe(revalidates)
  expect(mayStandIn(life, policies, now)).toBe(standsIn)
})

test('C69 nothing is served past its physical life, whatever who reads would allow', () => {
  const ms = fc.integer({ min: 0, max: 1_000 })
  fc.assert(
    fc.property(ms, ms, ms, ms, ms, (keptRevalidate, keptIfError, readRevalidate, readIfError, late) => {
      const life = { expiresAt: 500, staleUntil: staleUntil(500, windows(keptRevalidate, keptIfError)) }
      const now = life.staleUntil + late
      const policies = windows(readRevalidate, readIfError)
      expect(mayRevalidate(life, policies, now) || mayStandIn(life, policies, now)).toBe(false)
    }),
  )
})

test('what may be served while it is loaded anew may also stand in for it', () => {
  const ms = fc.integer({ min: 0, max: 1_000 })
  fc.assert(
    fc.property(ms, ms, ms, (revalidate, ifError, now) => {
      const policies = windows(revalidate, ifError)
      const life = { expiresAt: 0, staleUntil: staleUntil(0, policies) }
      expect(!mayRevalidate(life, policies, now) || mayStandIn(life, policies, now)).toBe(true)
    }),
  )
})

test('a life without end does not tell what may follow it', () => {
  expect(staleLife({ expiresAt: 100, staleUntil: 150 }, 7)).toBe(50)
  expect(staleLife({ expiresAt: Number.POSITIVE_INFINITY, staleUntil: Number.POSITIVE_INFINITY }, 7)).toBe(7)
})
