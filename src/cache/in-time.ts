import type { CompleteClock } from '../kernel/clock'

/** What some work comes to, or `'late'` if it takes longer; the work goes on by itself. */
export async function inTime<Result>(
  work: Promise<Result>,
  ms: number,
  clock: CompleteClock,
): Promise<Result | 'late'> {
  let cancel = (): void => {}
  const late = new Promise<'late'>((resolve) => {
    cancel = clock.setTimer(() => resolve('late'), Math.max(0, ms))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}
