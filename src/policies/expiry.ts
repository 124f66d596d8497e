import { random } from '../kernel/clock'

/**
 * The life of one entry: its `ttl`, shortened by up to `jitter` (a fraction) so that entries written together do not
 * all expire together. Never lengthened: a ttl stays a promise.
 */
export function lifeOf(ttlMs: number, jitter: number): number {
  return jitter === 0 || ttlMs === Number.POSITIVE_INFINITY ? ttlMs : ttlMs * (1 - jitter * random())
}

/** How long after its beginning a life of this length is to be renewed ahead of its end; `Infinity`: not at all. */
export function refreshOf(lifeMs: number, share: number | undefined): number {
  return share === undefined ? Number.POSITIVE_INFINITY : lifeMs * share
}
