import type { CacheFailure } from '../events/error-handler'
import { type CompleteClock, systemClock } from '../kernel/clock'
import type { Entry, RemovalCause } from '../kernel/entry'
import { cacheError } from '../kernel/errors'
import type { Background } from './background'
import type { CacheObserver } from './cache-observer'
import type { EntryMaker } from './entry-maker'
import type { FlightRegistry } from './flight-registry'
import type { LocalTier } from './local-tier'
import type { Unanswered } from './marker-knowledge'
import type { SharedTier } from './shared-tier'
import type { StaleAnswers } from './stale-answers'
import type { TagMarkers } from './tag-markers'
import type { TagNames } from './tag-names'
import type { Terms } from './tier'
import type { WriteFence, WriteTicket } from './write-fence'

/** What {@link Writes} work with. */
export interface WritesParts {
  readonly local: LocalTier
  /** Undefined where there is no shared tier. */
  readonly shared: SharedTier | undefined
  readonly flights: FlightRegistry
  /** Puts and evicts of this process. */
  readonly fence: WriteFence
  /** What the feed told: it says nothing of whose value is newer, only that a copy may be old. */
  readonly changes: WriteFence
  readonly markers: TagMarkers
  readonly names: TagNames
  readonly entries: EntryMaker
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

/** A write in progress, from before the method is called until its value is put. */
export interface Write {
  readonly ticket: WriteTicket
  readonly stamp: number
  /** Why the shared tier did not answer when the write began, if so; it is not waited for again. */
  readonly unanswered: Unanswered | undefined
  /** When it began, by the machine's own clock, whatever clock the manager was given: it is held against a server's. */
  readonly beganAt: number
}

/** A value to be put under an encoded key. */
export interface Put {
  readonly key: string
  readonly value: unknown
}

interface Accepted extends Put {
  readonly entry: Entry
}

type Evicted = Partial<Pick<CacheFailure, 'key' | 'tags'>>

/** Puts and evictions in every tier of one cache; the evict path is told in tier.ts. */
export class Writes {
  constructor(private readonly parts: WritesParts) {}

  /** To be called before the method whose result will be put; see {@link WriteFence}. */
  async begin(tagged: boolean): Promise<Write> {
    const { shared, fence, markers } = this.parts
    // A value that is put was there before the markers are asked for.
    const began = { beganAt: systemClock.now(), ticket: fence.begin() }
    const unanswered = await shared?.knowledge.meet(tagged)
    return { ...began, unanswered, stamp: markers.stamp }
  }

  end(write: Write): void {
    this.parts.fence.end(write.ticket)
  }

  /** Puts the results of one write in every tier. */
  async put(puts: readonly Put[], terms: Terms, write: Write): Promise<void> {
    const { fence, changes, local, observer, shared, background } = this.parts
    const { accepted, emptied } = this.#sort(puts, terms, write)
    const keys = accepted.map(({ key }) => key)
    for (const { key, entry } of accepted) this.#dropHere(key, 'replaced', entry.version)
    const since = fence.now
    const sent = changes.begin()
    const emptying = this.#empty(emptied, write)
    // It is waited for below, and may fail before.
    emptying.catch(() => {})
    let kept: readonly (Entry | undefined)[] = []
    try {
      kept = await background.follow(this.#putShared(accepted, write))
    } finally {
      if (shared !== undefined) for (const key of keys) this.#forgetHere(key, 'replaced')
      for (const [index, entry] of kept.entries()) {
        const key = keys[index]!
        observer.put(key)
        const isLatest = fence.judge(write.ticket, key, undefined, since) === 'clear' && !changes.overlapped(sent, key)
        if (entry !== undefined && isLatest) local.keep(key, entry)
      }
      changes.end(sent)
      await emptying
    }
  }

  /**
   * Removes keys from every tier.
   *
   * @returns whether the shared tier has taken all of it; what it has not is left to the journal
   */
  async evict(keys: readonly string[]): Promise<boolean> {
    for (const key of keys) this.parts.observer.evict({ key })
    return this.#evictKeys(keys)
  }

  /**
   * Ends the life of entries: what a policy allows past it may still be served, until the next value takes their place.
   * Loads in progress are not kept.
   */
  async expire(keys: readonly string[]): Promise<void> {
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
    this.parts.observer.evict({ tags })
    await this.#raise(this.parts.names.inCache(tags), { tags })
  }

  /** Removes the entry of a key, and those of all keys that begin with its parts. */
  async evictPrefix(key: string): Promise<void> {
    this.parts.observer.evict({ key })
    await Promise.all([this.#raise([this.parts.names.prefix(key)], { key }), this.#evictKeys([key])])
  }

  /** Removes every entry. */
  async clear(): Promise<void> {
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
      if (here.length > 0) await this.#evictKeys(here)
    }
    await evictHere()
    if (shared !== undefined) {
      for await (const { keys, digested } of shared.lookups.matching(pattern)) {
        for (const key of [...keys, ...digested]) evicted.add(key)
        await this.#evictKeys(keys)
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

  /** What may be stored of these, and where nothing may stay. */
  #sort(puts: readonly Put[], terms: Terms, write: Write): { accepted: Accepted[]; emptied: string[] } {
    const { fence, local, observer, entries, clock } = this.parts
    const accepted: Accepted[] = []
    const emptied: string[] = []
    for (const { key, value } of puts) {
      const kept = terms.ifKept(value)
      const standing = local.peek(key)?.version
      const isOlder = kept?.version !== undefined && standing !== undefined && standing > kept.version
      const verdict = isOlder ? 'older' : fence.judge(write.ticket, key, kept?.version)
      if (verdict !== 'clear') observer.superseded(key)
      if (verdict === 'older') continue
      const origin = { stamp: write.stamp, verifiedAt: clock.now(), loadMs: 0 }
      const entry =
        verdict === 'overlapped' || kept === undefined || kept.ttlMs === 0
          ? undefined
          : entries.make(key, value, kept, terms, origin)
      // Whatever stood there is older than this write, so it goes even if the new value cannot stay.
      if (entry === undefined) emptied.push(key)
      else accepted.push({ key, value, entry })
    }
    return { accepted, emptied }
  }

  /** The entries as the local tier may keep them; undefined for those it may not. */
  async #putShared(puts: readonly Accepted[], write: Write): Promise<readonly (Entry | undefined)[]> {
    const { shared } = this.parts
    if (shared === undefined) return puts.map(({ entry }) => entry)
    const { unanswered } = write
    if (unanswered === undefined) return shared.writes.putMany(puts, write.beganAt)
    shared.writes.deferPuts(puts.map(({ key }) => key))
    for (const { key, value } of puts) this.parts.observer.failed('put', unanswered.error, { key, value })
    return puts.map(() => undefined)
  }

  /** Lets nothing stay at these keys; a shared tier that did not answer this write before is not waited for again. */
  async #empty(keys: readonly string[], write: Write): Promise<void> {
    if (keys.length === 0) return
    if (write.unanswered === undefined) return void (await this.#evictKeys(keys))
    for (const key of keys) this.#dropHere(key)
    this.parts.shared?.writes.deferPuts(keys)
    for (const key of keys) this.parts.observer.failed('evict', write.unanswered.error, { key })
  }

  async #evictKeys(keys: readonly string[]): Promise<boolean> {
    const { shared, background } = this.parts
    for (const key of keys) this.#dropHere(key)
    if (shared === undefined) return true
    try {
      return await background.follow(shared.writes.evictMany(keys))
    } finally {
      // Meanwhile another reader may have fetched the old value from the shared tier.
      for (const key of keys) this.#dropHere(key)
    }
  }

  #dropHere(key: string, cause: RemovalCause = 'explicit', version?: string): void {
    this.parts.fence.note(key, version)
    this.#forgetHere(key, cause)
  }

  #forgetHere(key: string, cause: RemovalCause): void {
    this.parts.flights.revoke(key)
    this.parts.stale.wake(key)
    this.parts.local.drop(key, cause)
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
