import type { CacheStats } from '../events/stats'
import { type CompleteClock, systemClock } from '../kernel/clock'
import type { Entry, RemovalCause } from '../kernel/entry'
import { type Lookup, miss } from '../kernel/lookup'
import type { Background } from './background'
import type { CacheObserver } from './cache-observer'
import { asRefusal, type EntryMaker } from './entry-maker'
import { dependOn, Flight, FlightRegistry, wouldWaitForItself } from './flight'
import type { Isolation } from './isolation'
import type { LocalTier } from './local-tier'
import type { SharedTier } from './shared-tier'
import type { TagMarkers } from './tag-markers'
import type { TagNames } from './tag-names'
import type { Loaded, LoadRequest, Terms, Tier } from './tier'
import { WriteFence, type WriteTicket } from './write-fence'

/** What a {@link TieredCache} works with. */
export interface TieredCacheParts {
  readonly local: LocalTier
  /** Undefined where there is no shared tier. */
  readonly shared: SharedTier | undefined
  /** What is asked when the local tier has no answer: the shared tier, or the source itself. */
  readonly below: Tier
  readonly markers: TagMarkers
  readonly names: TagNames
  readonly entries: EntryMaker
  readonly isolation: Isolation
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly background: Background
  /** How old the word of the shared tier may be that a caller is answered on. */
  readonly maxStalenessMs: number
  /** How long markers of evicted tags are kept at least. */
  readonly markerLifeMs: number
}

/** A write in progress, from before the method is called until its value is put. */
export interface Write {
  readonly ticket: WriteTicket
  readonly stamp: number
  /** Whether the shared tier answered when the write began; one that did not is not waited for again. */
  readonly isReachable: boolean
  /** When it began, by the machine's own clock, whatever clock the manager was given: it is held against a server's. */
  readonly beganAt: number
}

/** A value to be put under an encoded key. */
export interface Put {
  readonly key: string
  readonly value: unknown
}

interface Accepted {
  readonly key: string
  readonly entry: Entry
}

/**
 * One named cache over its tiers, by encoded keys. The read path and the evict path are told in tier.ts; here they are
 * walked.
 */
export class TieredCache {
  readonly #flights = new FlightRegistry()
  readonly #fence = new WriteFence()
  // What the feed told: it says nothing of whose value is newer, only that a copy may be old.
  readonly #changes = new WriteFence()

  constructor(private readonly parts: TieredCacheParts) {}

  /** The answer of the local tier, if it has one now. */
  hit(key: string): Promise<unknown> | undefined {
    const { local, observer, isolation } = this.parts
    const entry = local.hit(key)
    if (entry === undefined) return undefined
    try {
      const answer = entry.settled ?? Promise.resolve(isolation.give(entry.held))
      observer.hit(key, entry, 'local')
      return answer
    } catch (error) {
      // A class's own `decode` that fails must not fail the call.
      local.drop(key, 'invalidated')
      observer.refused(key, asRefusal(error))
      return undefined
    }
  }

  /** The value from the nearest tier that has it, or from the method, called at most once for all who ask meanwhile. */
  read(request: LoadRequest, signal?: AbortSignal): Promise<unknown> {
    return this.hit(request.key) ?? this.#load(request, signal)
  }

  /** What the tiers have, without loading. */
  async lookup(key: string): Promise<Lookup<unknown>> {
    return (await this.lookupMany([key]))[0]!
  }

  async lookupMany(keys: readonly string[]): Promise<Lookup<unknown>[]> {
    const { local, shared, observer } = this.parts
    const found = keys.map((key) => {
      const entry = local.hit(key)
      if (entry === undefined) observer.stats.localMisses++
      else observer.hit(key, entry, 'local')
      return entry
    })
    const missing = [...new Set(keys.filter((_, index) => found[index] === undefined))]
    const fetched = new Map<string, Entry>()
    if (shared !== undefined && missing.length > 0) {
      // A change of one of these keys while the answer is on its way must keep that answer out of the local tier.
      const [write, change] = [this.#fence.begin(), this.#changes.begin()]
      try {
        const entries = await shared.peekMany(missing)
        for (const [index, key] of missing.entries()) {
          const entry = entries[index]
          if (entry === undefined) continue
          fetched.set(key, entry)
          const isLatest = !this.#fence.overlapped(write, key) && !this.#changes.overlapped(change, key)
          if (isLatest) local.keep(key, entry)
        }
      } finally {
        this.#fence.end(write)
        this.#changes.end(change)
      }
    }
    return keys.map((key, index) => {
      const entry = found[index] ?? fetched.get(key)
      if (entry !== undefined) return { found: true, value: this.parts.isolation.give(entry.held) }
      observer.miss(key)
      return miss
    })
  }

  /** Whether there is an entry; no read, and not counted as one. */
  async holds(key: string): Promise<boolean> {
    const { local, shared } = this.parts
    return local.hit(key) !== undefined || (shared !== undefined && (await shared.holds(key)))
  }

  /** To be called before the method whose result will be put; see {@link WriteFence}. */
  async beginWrite(tagged: boolean): Promise<Write> {
    const isReachable = (await this.parts.shared?.knowledge.meet(tagged)) ?? true
    return {
      isReachable,
      beganAt: systemClock.now(),
      ticket: this.#fence.begin(),
      stamp: this.parts.markers.stamp,
    }
  }

  endWrite(write: Write): void {
    this.#fence.end(write.ticket)
  }

  /** Puts the results of one write in every tier. */
  async put(puts: readonly Put[], terms: Terms, write: Write): Promise<void> {
    const accepted: Accepted[] = []
    const emptied: string[] = []
    for (const { key, value } of puts) {
      const tags = terms.tagsIfKept(value)
      if (tags === undefined) continue
      const overlapped = this.#fence.overlapped(write.ticket, key)
      if (overlapped) this.parts.observer.superseded(key)
      const origin = { stamp: write.stamp, verifiedAt: this.parts.clock.now(), loadMs: 0 }
      const entry =
        overlapped || terms.ttlMs === 0 ? undefined : this.parts.entries.make(key, value, tags, terms, origin)
      // Whatever stood there is older than this write, so it goes even if the new value cannot stay.
      if (entry === undefined) emptied.push(key)
      else accepted.push({ key, entry })
    }
    const keys = accepted.map(({ key }) => key)
    this.#dropHere(keys, 'replaced')
    const since = this.#fence.now
    const sent = this.#changes.begin()
    const emptying = emptied.length > 0 ? this.#evictKeys(emptied) : undefined
    const kept = await this.parts.background.follow(this.#putShared(accepted, write))
    if (this.parts.shared !== undefined) this.#dropHere(keys, 'replaced', false)
    for (const [index, entry] of kept.entries()) {
      const key = keys[index]!
      this.parts.observer.put(key)
      const isLatest = !this.#fence.overlapped(write.ticket, key, since) && !this.#changes.overlapped(sent, key)
      if (entry !== undefined && isLatest) this.parts.local.keep(key, entry)
    }
    this.#changes.end(sent)
    await emptying
  }

  /** The entries as the local tier may keep them; undefined for those it may not. */
  async #putShared(puts: readonly Accepted[], write: Write): Promise<readonly (Entry | undefined)[]> {
    const { shared } = this.parts
    if (shared === undefined) return puts.map(({ entry }) => entry)
    if (write.isReachable) return shared.writes.putMany(puts, write.beganAt)
    shared.writes.deferPuts(puts.map(({ key }) => key))
    return puts.map(() => undefined)
  }

  /** Removes keys from every tier; see the evict path in tier.ts. */
  async evict(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.parts.observer.evict({ key })
    await this.#evictKeys(keys)
  }

  /** Removes every entry of this cache that carries one of the tags. */
  async evictTags(tags: readonly string[]): Promise<void> {
    this.parts.observer.evict({ tags })
    this.detachTagged()
    await this.#moveMarkers(this.parts.names.inCache(tags))
    this.detachTagged()
  }

  /** Removes every entry of this cache. */
  async clear(): Promise<void> {
    this.parts.observer.evict({})
    this.clearHere()
    if (this.parts.shared === undefined) return
    await this.#moveMarkers([this.parts.names.all])
    this.clearHere()
  }

  /** The local half of {@link clear}. */
  clearHere(): void {
    this.#fence.noteAll()
    this.#flights.revokeAll()
    this.parts.local.clear()
  }

  /** The feed told that this entry changed in the shared tier. */
  changed(key: string): void {
    this.#changes.note(key)
    this.#flights.changed(key)
    this.parts.local.drop(key, 'invalidated')
  }

  /** The feed told that any entry may have changed. */
  changedAll(): void {
    this.#changes.noteAll()
    this.#flights.changedAll()
    this.parts.local.clear('invalidated')
  }

  /** Lets nobody join a load that began before a tag was evicted. */
  detachTagged(): void {
    this.#flights.detachTagged()
  }

  stats(): CacheStats {
    const { observer, local, shared } = this.parts
    return observer.stats.snapshot(local.size, local.bytes, shared !== undefined)
  }

  /** Loads in progress. */
  get loading(): number {
    return this.#flights.size
  }

  async #load(request: LoadRequest, signal: AbortSignal | undefined, since?: number): Promise<unknown> {
    const { observer, markers, clock, background, isolation, shared, maxStalenessMs } = this.parts
    signal?.throwIfAborted()
    const startedAt = clock.now()
    const askedAt = since ?? startedAt
    let flight = this.#flights.find(request.key)
    if (flight !== undefined && wouldWaitForItself(flight)) return request.load(signal ?? flight.signal)
    observer.stats.localMisses++
    if (flight === undefined) {
      if (shared === undefined) observer.miss(request.key)
      flight = this.#flights.start(new Flight(request, markers.stamp, startedAt), (it) => this.#fly(it))
      background.track(flight.promise)
    } else observer.stats.joins++
    const loaded = await this.#wait(flight, signal)
    // What another process evicted between the load's beginning and this call may be in the value, and the shared tier
    // has not said otherwise since.
    if (shared !== undefined && askedAt - flight.vouchedAt > maxStalenessMs) {
      return this.hit(request.key) ?? this.#load(request, signal, askedAt)
    }
    if (loaded.entry === undefined) return loaded.value
    try {
      return isolation.give(loaded.entry.held)
    } catch (error) {
      observer.refused(request.key, asRefusal(error))
      return request.load(signal ?? flight.signal)
    }
  }

  async #fly(flight: Flight): Promise<Loaded> {
    const loaded = await this.parts.below.load(flight)
    const { local, observer } = this.parts
    if (!loaded.keep || loaded.entry === undefined) return loaded
    // A watched copy whose key changed after it was read is older than what was told.
    if (flight.revoked || (flight.changed && loaded.entry.watch !== undefined)) observer.superseded(flight.key)
    // A detached flight may land after a younger one, whose entry then stays.
    else if (!flight.detached || !local.has(flight.key)) local.keep(flight.key, loaded.entry)
    return loaded
  }

  /** Waits for a flight as long as this caller's own signal allows; when the last caller has left, the work is cancelled. */
  async #wait(flight: Flight, signal: AbortSignal | undefined): Promise<Loaded> {
    flight.waiters++
    const done = dependOn(flight)
    if (signal === undefined) return flight.promise.finally(done)
    let leave = (): void => {}
    const left = new Promise<never>((_, reject) => {
      leave = () => {
        if (--flight.waiters === 0) {
          this.#flights.drop(flight)
          flight.abort(signal.reason)
        }
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
    })
    try {
      return await Promise.race([flight.promise, left])
    } finally {
      signal.removeEventListener('abort', leave)
      done()
    }
  }

  async #evictKeys(keys: readonly string[]): Promise<void> {
    this.#dropHere(keys)
    if (this.parts.shared === undefined) return
    await this.parts.background.follow(this.parts.shared.writes.evictMany(keys))
    // Meanwhile another reader may have fetched the old value from the shared tier.
    this.#dropHere(keys)
  }

  #dropHere(keys: readonly string[], cause: RemovalCause = 'explicit', note = true): void {
    for (const key of keys) {
      if (note) this.#fence.note(key)
      this.#flights.revoke(key)
      this.parts.local.drop(key, cause)
    }
  }

  async #moveMarkers(names: readonly string[]): Promise<void> {
    try {
      const { markers, background, markerLifeMs, clock } = this.parts
      await background.follow(markers.evict(names, markerLifeMs, clock.now()))
    } catch (error) {
      this.parts.observer.sharedFailed('tags', error)
    }
  }
}
