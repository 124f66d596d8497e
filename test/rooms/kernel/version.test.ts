import fc from 'fast-check'
import { versionText } from '../../../src/kernel/version'

test('texts sort as the versions do', () => {
  const version = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 }),
    fc.integer(),
    fc.constantFrom(0, -0, -1e-17, 1e-18, -0.5, 2 ** 53),
  )
  fc.assert(
    fc.property(version, version, (one, other) => {
      if (one < other) expect(versionText(one) <= versionText(other)).toBe(true)
      if (Math.abs(one - other) > 1e-15 && one < other) expect(versionText(one) < versionText(other)).toBe(true)
      if (one === other) expect(versionText(one)).toBe(versionText(other))
    }),
  )
  const ascending = [-(2n ** 100n), -1n, 0n, 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 100n]
  expect(ascending.map(versionText).toSorted()).toEqual(ascending.map(versionText))
  expect([-1, -0.5, -1e-17, 0].map(versionText).toSorted()).toEqual([-1, -0.5, -1e-17, 0].map(versionText))
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, '1', null, undefined, {}, new Date(Number.NaN), 10n ** 39n])(
  '%p is no version',
  (version) => {
    expect(() => versionText(version)).toThrow(TypeError)
  },
)
