import type { CompleteClock } from '../kernel/clock'
import { describeThrown } from '../kernel/describe'
import type { Entry, EntryWatch } from '../kernel/entry'
import { type CacheError, cacheError, isCacheError } from '../kernel/errors'
import { lifeOf, refreshOf } from '../policies/expiry'
import type { CacheObserver } from './cache-observer'
import type { Held, Isolation } from './isolation'
import type { TagNames } from './tag-names'
import type { Terms } from './tier'

/** Where a value comes from, as its entry records it. */
export interface Origin {
  readonly stamp: number
  readonly verifiedAt: number
  readonly loadMs: number
  readonly watch?: EntryWatch | undefined
  readonly version?: string | undefined
}

/** When an entry's time is up, and when it is time for a new one. */
export type Times = Pick<Entry, 'expiresAt' | 'refreshAt'>

/** Makes entries of values: the one place where a value is made safe to keep and its expiry is set. */
export class EntryMaker {
  constructor(
    private readonly isolation: Isolation,
    private readonly clock: CompleteClock,
    private readonly observer: CacheObserver,
    private readonly names: TagNames,
  ) {}

  /** The entry of a value from the source; undefined, and reported, if it cannot be carried. */
  make(key: string, value: unknown, tags: readonly string[], terms: Terms, origin: Origin): Entry | undefined {
    try {
      const held = this.isolation.hold(value)
      const now = this.clock.now()
      const lifeMs = lifeOf(terms.ttlMs, terms.ttlJitter)
      const refreshAt = now + refreshOf(lifeMs, terms.refreshAhead)
      return this.#entry(key, held, tags, { expiresAt: now + lifeMs, refreshAt }, origin)
    } catch (error) {
      this.observer.refused(key, asRefusal(error))
      return undefined
    }
  }

  /** The entry of a value that was just decoded, so that nobody else holds it, and whose expiry is known. */
  adopt(key: string, value: unknown, tags: readonly string[], times: Times, origin: Origin): Entry {
    return this.#entry(key, this.isolation.adopt(value), tags, times, origin)
  }

  #entry(key: string, { held, bytes, constant }: Held, tags: readonly string[], times: Times, origin: Origin): Entry {
    const settled = constant ? Promise.resolve(this.isolation.give(held)) : undefined
    const markers = this.names.of(key, tags)
    return { watch: undefined, version: undefined, held, bytes, settled, tags, markers, ...times, ...origin }
  }
}

/** What keeps a value from being kept, or from being handed out, as an error for the event. */
export function asRefusal(error: unknown): CacheError {
  return isCacheError(error)
    ? error
    : cacheError('CW_VALUE_UNSUPPORTED', `It cannot be copied: ${describeThrown(error)}`, error)
}
