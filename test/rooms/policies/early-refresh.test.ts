import fc from 'fast-check'
import { drawsRefresh, earliestRefresh } from '../../../src/policies/early-refresh'

const life = { createdAt: 1_000, expiresAt: 11_000, loadMs: 50 }

test('a share of its life', () => {
  expect(earliestRefresh(life, { refreshAhead: 0.8, xfetchBeta: 1 })).toBe(9_000)
  expect(earliestRefresh(life, { refreshAhead: undefined, xfetchBeta: 1 })).toBe(Number.POSITIVE_INFINITY)
  const endless = { ...life, expiresAt: Number.POSITIVE_INFINITY }
  expect(earliestRefresh(endless, { refreshAhead: 0.8, xfetchBeta: 1 })).toBe(Number.POSITIVE_INFINITY)
})

describe('C129 by chance', () => {
  test('exactly when the inequality of XFetch holds', () => {
    const positive = fc.double({ min: 1e-3, max: 1e4, noNaN: true })
    const drawn = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(
        positive,
        positive,
        drawn,
        fc.double({ min: 0, max: 20_000, noNaN: true }),
        (loadMs, beta, u, now) => {
          const lot = Math.max(u, Number.MIN_VALUE)
          const holds = now - loadMs * beta * Math.log(lot) >= 11_000
          expect(drawsRefresh({ expiresAt: 11_000, loadMs }, beta, now, u)).toBe(holds)
        },
      ),
    )
  })

  test('a lot of 0 neither divides nor hangs, and wins only where it may', () => {
    expect(drawsRefresh(life, 1, 10_999, 0)).toBe(true)
    expect(drawsRefresh({ expiresAt: 11_000, loadMs: 0 }, 1, 10_999, 0)).toBe(false)
    expect(drawsRefresh({ expiresAt: Number.POSITIVE_INFINITY, loadMs: 50 }, 1, 10_999, 0)).toBe(false)
  })

  test('what takes longer to load, or is asked for more eagerly, is refreshed earlier', () => {
    const lot = 0.5
    const earliest = (loadMs: number, beta: number): number => {
      for (let now = 0; ; now++) if (drawsRefresh({ expiresAt: 11_000, loadMs }, beta, now, lot)) return now
    }
    expect(earliest(100, 1)).toBeLessThan(earliest(10, 1))
    expect(earliest(10, 4)).toBeLessThan(earliest(10, 1))
  })

  test('no lot wins before the moment that is named as the earliest', () => {
    const early = earliestRefresh(life, { refreshAhead: 'xfetch', xfetchBeta: 2 })
    expect(early).toBe(7_000)
    // Once in 10^17 draws.
    expect(drawsRefresh(life, 2, early - 1, 1e-17)).toBe(false)
    expect(drawsRefresh(life, 2, early + 200, 1e-17)).toBe(true)
    expect(earliestRefresh({ ...life, loadMs: 60_000 }, { refreshAhead: 'xfetch', xfetchBeta: 1 })).toBe(1_000)
  })
})
