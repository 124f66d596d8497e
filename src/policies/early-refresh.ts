/** When a value is loaded anew although it has not expired: a share of its life, or by chance. */
export type EarlyRefresh = number | 'xfetch' | undefined

/** What it takes to know when a value is to be loaded anew. */
export interface EarlyRefreshPolicy {
  readonly refreshAhead: EarlyRefresh
  readonly xfetchBeta: number
}

/** One life of a value: clock readings and how long it took to load, in milliseconds. */
export interface LoadedLife {
  readonly createdAt: number
  readonly expiresAt: number
  readonly loadMs: number
}

// Chance asks for a gap of more than 40 load times once in 10^17 reads.
const longestGap = 40

/** The moment before which a value is certainly not to be loaded anew ahead of its end; `Infinity`: never. */
export function earliestRefresh(
  { createdAt, expiresAt, loadMs }: LoadedLife,
  { refreshAhead, xfetchBeta }: EarlyRefreshPolicy,
): number {
  if (refreshAhead === undefined) return Number.POSITIVE_INFINITY
  if (refreshAhead === 'xfetch') return Math.max(createdAt, expiresAt - longestGap * xfetchBeta * loadMs)
  return createdAt + (expiresAt - createdAt) * refreshAhead
}

/**
 * Whether a read draws the lot to load a value anew: the more likely, the nearer its end and the longer the load takes,
 * so that of many readers one goes ahead shortly before all would have to.
 *
 * XFetch: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015.
 *
 * @param drawn a number in [0, 1)
 */
export function drawsRefresh(
  { expiresAt, loadMs }: Pick<LoadedLife, 'expiresAt' | 'loadMs'>,
  beta: number,
  now: number,
  drawn: number,
): boolean {
  // The logarithm of 0 would be endless.
  return now - loadMs * beta * Math.log(Math.max(drawn, Number.MIN_VALUE)) >= expiresAt
}
