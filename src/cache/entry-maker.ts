import type { CompleteClock } from '../kernel/clock'
import { describeThrown } from '../kernel/describe'
import type { Entry, EntryWatch } from '../kernel/entry'
import { type CacheError, cacheError, isCacheError } from '../kernel/errors'
import { earliestRefresh } from '../policies/early-refresh'
import { lifeOf } from '../policies/expiry'
import type { Policies } from '../policies/policies'
import { staleUntil } from '../policies/staleness'
import type { CacheObserver } from './cache-observer'
import { copyError } from './cached-error'
import type { Held, Isolation } from './isolation'
import type { TagNames } from './tag-names'
import type { Kept, Terms } from './tier'

/** Where a value comes from, as its entry records it. */
export interface Origin {
  readonly stamp: number
  readonly verifiedAt: number
  readonly loadMs: number
  readonly watch?: EntryWatch | undefined
}

/** When an entry was made, when its time is up, and when it is time for a new one. */
export type Times = Pick<Entry, 'createdAt' | 'expiresAt' | 'staleUntil' | 'refreshAt'>

/** A value that was just decoded, and whether it is what `JSON.parse` made. */
export interface Decoded {
  readonly value: unknown
  readonly isPlain: boolean
}

/** What an entry says of its value. */
type Words = Pick<Entry, 'tags' | 'version' | 'validator' | 'isError'>

/** Makes entries of values: the one place where a value is made safe to keep and its expiry is set. */
export class EntryMaker {
  constructor(
    private readonly isolation: Isolation,
    private readonly clock: CompleteClock,
    private readonly observer: CacheObserver,
    private readonly names: TagNames,
  ) {}

  /** The entry of a value from the source; undefined, and reported, if it cannot be carried. */
  make(key: string, value: unknown, kept: Kept, terms: Terms, origin: Origin): Entry | undefined {
    try {
      const held = this.isolation.hold(value)
      const now = this.clock.now()
      const expiresAt = now + lifeOf(kept.ttlMs, terms.ttlJitter)
      const { tags, version, validator, staleWhileRevalidateMs = terms.policies.staleWhileRevalidateMs } = kept
      const times = timesOf(now, expiresAt, origin.loadMs, { ...terms.policies, staleWhileRevalidateMs })
      return this.#entry(key, held, { tags, version, validator, isError: false }, times, origin)
    } catch (error) {
      this.observer.refused(key, asRefusal(error))
      return undefined
    }
  }

  /** The entry of an error that is an answer. Nothing stands in for it when its time is up. */
  makeError(key: string, error: unknown, tags: readonly string[], terms: Terms, origin: Origin): Entry {
    const lifeMs = lifeOf(terms.policies.cacheErrors?.ttlMs ?? 0, terms.ttlJitter)
    const createdAt = this.clock.now()
    const expiresAt = createdAt + lifeMs
    const times = { createdAt, expiresAt, staleUntil: expiresAt, refreshAt: Number.POSITIVE_INFINITY }
    return this.#entry(key, this.#heldError(error), { ...errorWords, tags }, times, origin)
  }

  /** The entry of a value that was just decoded, so that nobody else holds it, and whose expiry is known. */
  adopt(key: string, value: Decoded, words: Omit<Words, 'version'>, times: Times, origin: Origin): Entry {
    const held = words.isError ? this.#heldError(value.value) : this.isolation.adopt(value.value, value.isPlain)
    return this.#entry(key, held, { ...words, version: undefined }, times, origin)
  }

  #heldError(error: unknown): Held {
    return { held: copyError(error, this.isolation), bytes: errorBytes, constant: false }
  }

  #entry(key: string, { held, bytes, constant }: Held, words: Words, times: Times, origin: Origin): Entry {
    const settled = constant ? Promise.resolve(this.isolation.give(held)) : undefined
    const { tags, version, validator, isError } = words
    const markers = this.names.of(key, tags)
    return { watch: undefined, held, bytes, settled, tags, markers, version, validator, isError, ...times, ...origin }
  }
}

/** When the life of an entry ends, and what may happen before and after. */
export function timesOf(createdAt: number, expiresAt: number, loadMs: number, policies: Policies): Times {
  const refreshAt = earliestRefresh({ createdAt, expiresAt, loadMs }, policies)
  return {
    createdAt,
    expiresAt,
    staleUntil: staleUntil(expiresAt, policies),
    refreshAt: policies.staleWhileRevalidateMs > 0 ? Math.min(refreshAt, expiresAt) : refreshAt,
  }
}

const errorWords = { version: undefined, validator: undefined, isError: true }

// Not worth weighing: message and stack.
const errorBytes = 2_000

/** What keeps a value from being kept, or from being handed out, as an error for the event. */
export function asRefusal(error: unknown): CacheError {
  return isCacheError(error)
    ? error
    : cacheError('CW_VALUE_UNSUPPORTED', `It cannot be copied: ${describeThrown(error)}`, error)
}
