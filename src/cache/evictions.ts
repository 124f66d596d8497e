import type { CacheFailure } from '../events/error-handler'
import type { CompleteClock } from '../kernel/clock'
import type { RemovalCause } from '../kernel/entry'
import { cacheError } from '../kernel/errors'
import type { Background } from './background'
import type { CacheObserver } from './cache-observer'
import type { FlightRegistry } from './flight-registry'
import type { LocalTier } from './local-tier'
import type { SharedTier } from './shared-tier'
import type { StaleAnswers } from './stale-answers'
import type { TagMarkers } from './tag-markers'
import type { TagNames } from './tag-names'
import { currentTransaction } from './transaction'
import type { WriteFence } from './write-fence'

/** What {@link Evictions} work with. */
export interface EvictionsParts {
  readonly local: LocalTier
  /** Undefined where there is no shared tier. */
  readonly shared: SharedTier | undefined
  readonly flights: FlightRegistry
  /** Puts and evicts of this process. */
  readonly fence: WriteFence
  readonly markers: TagMarkers
  readonly names: TagNames
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly background: Background
  readonly stale: StaleAnswers
  readonly maxStalenessMs: number
  /** How long a value may be served past a life that an operation ends. */
  readonly staleMs: number
  /** How long markers of evicted tags are kept at least. */
  readonly markerLifeMs: number
}

type Evicted = Partial<Pick<CacheFailure, 'key' | 'tags'>>

/** Evictions from every tier of one cache; the path is told in tier.ts. */
export class Evictions {
  constructor(private readonly parts: EvictionsParts) {}

  /**
   * Removes keys from every tier.
   *
   * @returns whether the shared tier has taken all of it; what it has not is left to the journal
   */
  async evict(keys: readonly string[]): Promise<boolean> {
    if (this.#waits(keys, () => this.evict(keys))) return true
    for (const key of keys) this.parts.observer.evict({ key })
    return this.remove(keys)
  }

  /**
   * Ends the life of entries: what a policy allows past it may still be served, until the next value takes their place.
   * Loads in progress are not kept.
   */
  async expire(keys: readonly string[]): Promise<void> {
    if (this.#waits(keys, () => this.expire(keys))) return
    const { shared, fence, flights, local, stale, background, observer, staleMs } = this.parts
    const endHere = (): void => {
      for (const key of keys) {
        fence.note(key)
        flights.outdate(key)
        stale.wake(key)
        if (shared === undefined) local.expire(key, staleMs)
        else local.drop(key, 'expired')
      }
    }
    for (const key of keys) observer.evict({ key })
    endHere()
    if (shared === undefined) return
    try {
      await background.follow(shared.writes.expireMany(keys, staleMs))
    } finally {
      // Meanwhile another reader may have fetched the old value from the shared tier.
      endHere()
    }
  }

  /**
   * The same, until no process serves what was there any more. Whoever hears of it drops it within milliseconds; but who
   * is cut off cannot be asked, and believes its copy for as long as trust lasts. So that is waited for.
   *
   * @throws CW_EVICTION_DEFERRED
   */
  async evictEverywhere(keys: readonly string[]): Promise<void> {
    const { shared, background, maxStalenessMs } = this.parts
    if (shared !== undefined && maxStalenessMs === Number.POSITIVE_INFINITY) {
      throw cacheError(
        'CW_OPTION_INVALID',
        'An evict cannot be acknowledged where `maxStaleness` is Infinity: a process that is cut off would serve its copy for ever.',
      )
    }
    if (this.#waits(keys, () => this.evictEverywhere(keys))) return
    await background.follow(this.#evictUntilUnbelieved(keys))
  }

  async #evictUntilUnbelieved(keys: readonly string[]): Promise<void> {
    const { shared, clock, maxStalenessMs } = this.parts
    const isThrough = await this.evict(keys)
    if (!isThrough) {
      throw cacheError(
        'CW_EVICTION_DEFERRED',
        'The shared tier could not be reached, so others may still serve what was to be evicted. It is sent again until it gets through; see `stats().deferredEvictions`.',
      )
    }
    if (shared !== undefined) await new Promise<void>((resolve) => void clock.setTimer(resolve, maxStalenessMs))
  }

  /** Removes every entry that carries one of the tags. */
  async evictTags(tags: readonly string[]): Promise<void> {
    if (this.#waits('all', () => this.evictTags(tags))) return
    this.parts.observer.evict({ tags })
    await this.#raise(this.parts.names.inCache(tags), { tags })
  }

  /** Removes the entry of a key, and those of all keys that begin with its parts. */
  async evictPrefix(key: string): Promise<void> {
    if (this.#waits('all', () => this.evictPrefix(key))) return
    this.parts.observer.evict({ key })
    await Promise.all([this.#raise([this.parts.names.prefix(key)], { key }), this.remove([key])])
  }

  /** Removes every entry. */
  async clear(): Promise<void> {
    if (this.#waits('all', () => this.clear())) return
    this.parts.observer.evict({})
    this.clearHere()
    if (this.parts.shared === undefined) return
    try {
      await this.#moveMarkers([this.parts.names.all], 'clear', {})
    } finally {
      this.clearHere()
    }
  }

  /** The local half of {@link clear}. */
  clearHere(): void {
    this.parts.fence.noteAll()
    this.parts.flights.revokeAll()
    this.parts.local.clear()
  }

  /**
   * Removes the entries whose keys match a pattern: in the shared tier by looking at every key there is.
   *
   * @returns how many there were
   */
  async evictMatching(pattern: string, matches: (key: string) => boolean): Promise<number> {
    const { shared, local, flights, observer } = this.parts
    const evicted = new Set<string>()
    const evictHere = async (): Promise<void> => {
      const here = [...local.keys(), ...flights.keys()].filter(matches)
      for (const key of here) evicted.add(key)
      if (here.length > 0) await this.remove(here)
    }
    await evictHere()
    if (shared !== undefined) {
      for await (const { keys, digested } of shared.lookups.matching(pattern)) {
        for (const key of [...keys, ...digested]) evicted.add(key)
        await this.remove(keys)
        await shared.writes.evictStored(digested)
        // It is not known here which keys those were.
        if (digested.length > 0) local.clear('invalidated')
      }
      // Whoever read from the shared tier meanwhile.
      await evictHere()
    }
    for (const key of evicted) observer.evict({ key })
    return evicted.size
  }

  /** The same as {@link evict}, though nobody is told. */
  async remove(keys: readonly string[]): Promise<boolean> {
    const { shared, background } = this.parts
    for (const key of keys) this.dropHere(key)
    if (shared === undefined) return true
    try {
      return await background.follow(shared.writes.evictMany(keys))
    } finally {
      // Meanwhile another reader may have fetched the old value from the shared tier.
      for (const key of keys) this.dropHere(key)
    }
  }

  /** Removes a key in this process, where no load or put of it that began before will be kept. */
  dropHere(key: string, cause: RemovalCause = 'explicit', version?: string): void {
    this.parts.fence.note(key, version)
    this.forgetHere(key, cause)
  }

  /** The same for loads alone: a put that began before may be kept. */
  forgetHere(key: string, cause: RemovalCause): void {
    this.parts.flights.revoke(key)
    this.parts.stale.wake(key)
    this.parts.local.drop(key, cause)
  }

  /** Whether this waits for the end of the transaction it is made in; see transaction.ts. */
  #waits(keys: readonly string[] | 'all', evict: () => Promise<unknown>): boolean {
    const transaction = currentTransaction()
    if (transaction === undefined) return false
    transaction.touch(this.parts.flights, keys)
    transaction.defer(evict)
    return true
  }

  async #raise(names: readonly string[], what: Evicted): Promise<void> {
    this.parts.flights.detachTagged()
    try {
      await this.#moveMarkers(names, 'evict', what)
    } finally {
      this.parts.flights.detachTagged()
    }
  }

  async #moveMarkers(names: readonly string[], operation: 'evict' | 'clear', what: Evicted): Promise<void> {
    const { markers, background, markerLifeMs, clock, observer } = this.parts
    try {
      await background.follow(markers.evict(names, markerLifeMs, clock.now()))
    } catch (error) {
      observer.failed(operation, error, what)
    }
  }
}
