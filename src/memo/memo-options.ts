import { type Clock, clockRule } from '../kernel/clock'
import type { Duration } from '../kernel/duration'
import { type Rules, rules } from '../kernel/options'

/** Options of `memoize()`, and what `@Memoize` has in common with it. */
export interface MemoOptions<Key> {
  /** Makes the key of the arguments: a value or an array of values. @default all parameters */
  readonly key?: Key
  /** How many results are held; beyond that the one that has not been used for longest goes. @default 1,000 */
  readonly maxEntries?: number
  /** How long a result is held, from the moment it is there; 0 keeps nothing. @default without end */
  readonly ttl?: Duration
  /** The source of time, for tests; asked only where there is a `ttl`. @default the machine's monotonic clock */
  readonly clock?: Clock
}

/** What each of these options may be. */
export const memoRules: Rules<MemoOptions<unknown>> = {
  key: rules.callable,
  maxEntries: rules.count,
  ttl: rules.anything,
  clock: clockRule,
}
