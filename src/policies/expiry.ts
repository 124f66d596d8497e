import { random } from '../kernel/clock'

/**
 * The life of one entry: its `ttl`, shortened by up to `jitter` (a fraction) so that entries written together do not
 * all expire together. Never lengthened: a ttl stays a promise.
 */
export function lifeOf(ttlMs: number, jitter: number): number {
  return jitter === 0 || ttlMs === Number.POSITIVE_INFINITY ? ttlMs : ttlMs * (1 - jitter * random())
}
