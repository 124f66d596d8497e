/** For how long past its life a value may be served, and on what occasion. */
export interface Staleness {
  /** Milliseconds in which it is served at once, while a newer one is loaded in the background. */
  readonly staleWhileRevalidateMs: number
  /** Milliseconds in which it is served where a newer one could not be loaded. */
  readonly staleIfErrorMs: number
}

/** When nobody may be served a value any more that expires at this moment. */
export function staleUntil(expiresAt: number, { staleWhileRevalidateMs, staleIfErrorMs }: Staleness): number {
  return expiresAt + Math.max(staleWhileRevalidateMs, staleIfErrorMs)
}

/** What an entry says of its life; clock readings. */
export interface Life {
  readonly expiresAt: number
  /** The end of the windows it was kept with: what is served past it would be past its physical life too. */
  readonly staleUntil: number
}

/** Whether a value past its life may be served while it is loaded anew. */
export function mayRevalidate(life: Life, { staleWhileRevalidateMs }: Staleness, now: number): boolean {
  return now < Math.min(life.staleUntil, life.expiresAt + staleWhileRevalidateMs)
}

/** Whether a value past its life may stand in for one that could not be loaded, or not in time. */
export function mayStandIn(life: Life, { staleWhileRevalidateMs, staleIfErrorMs }: Staleness, now: number): boolean {
  return now < Math.min(life.staleUntil, life.expiresAt + Math.max(staleWhileRevalidateMs, staleIfErrorMs))
}

/** How long a value may be served past its life; `otherwise` for a life without end, which does not tell. */
export function staleLife({ expiresAt, staleUntil }: Life, otherwise: number): number {
  return expiresAt === Number.POSITIVE_INFINITY ? otherwise : staleUntil - expiresAt
}
