import type { CacheStats } from '../events/stats'
import type { CompleteClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import { type Lookup, miss } from '../kernel/lookup'
import { plainPolicies } from '../policies/policies'
import type { Background } from './background'
import type { CacheObserver } from './cache-observer'
import type { EntryMaker } from './entry-maker'
import { Evictions } from './evictions'
import { FlightRegistry } from './flight-registry'
import type { Isolation } from './isolation'
import { Loads } from './loads'
import type { LocalTier } from './local-tier'
import { isReadPast } from './past-cache'
import type { Seen } from './shared-lookups'
import type { SharedTier } from './shared-tier'
import type { SourceTier } from './source-tier'
import type { StaleAnswers } from './stale-answers'
import type { TagMarkers } from './tag-markers'
import type { TagNames } from './tag-names'
import type { PendingLookup, Tier } from './tier'
import { WriteFence } from './write-fence'
import { Writes } from './writes'

/** What a {@link TieredCache} works with. */
export interface TieredCacheParts {
  readonly cache: string
  readonly local: LocalTier
  /** Undefined where there is no shared tier. */
  readonly shared: SharedTier | undefined
  /** The last tier. */
  readonly source: SourceTier
  /** What is asked when the local tier has no answer: the shared tier, or the source itself. */
  readonly below: Tier
  /** What is asked for a newer value than the present one. */
  readonly refresh: Tier
  /** What waits to be written. */
  readonly pending: PendingLookup
  readonly markers: TagMarkers
  readonly names: TagNames
  readonly entries: EntryMaker
  readonly isolation: Isolation
  readonly stale: StaleAnswers
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly background: Background
  /** How old the word of the shared tier may be that a caller is answered on. */
  readonly maxStalenessMs: number
  /** How long a value may be served past a life that an operation ends. */
  readonly staleMs: number
  /** How long markers of evicted tags are kept at least. */
  readonly markerLifeMs: number
  /** How long others wait for a load. */
  readonly loadDeadlineMs: number
  /** How many values may be loaded anew in the background at once. */
  readonly maxRefreshes: number
}

/**
 * One named cache over its tiers, by encoded keys. The read path and the evict path are told in tier.ts and walked in
 * {@link Loads} and {@link Evictions}; here is what they share, and what the feed tells them.
 */
export class TieredCache {
  readonly loads: Loads
  readonly writes: Writes
  readonly evictions: Evictions
  readonly #flights = new FlightRegistry()
  readonly #fence = new WriteFence()
  readonly #changes = new WriteFence()

  constructor(private readonly parts: TieredCacheParts) {
    const shared = { ...parts, flights: this.#flights, fence: this.#fence, changes: this.#changes }
    this.loads = new Loads({ ...shared, shared: parts.shared?.group, isShared: parts.shared !== undefined })
    this.evictions = new Evictions(shared)
    this.writes = new Writes({ ...shared, evictions: this.evictions })
  }

  get isShared(): boolean {
    return this.parts.shared !== undefined
  }

  /** Whether entries carry markers that are known only when they are loaded, or that a load must be numbered for. */
  isTagged(hasTags: boolean): boolean {
    return hasTags || this.parts.names.isHierarchical
  }

  /** What the tiers have, without loading. */
  async lookup(key: string): Promise<Lookup<unknown>> {
    return (await this.lookupMany([key]))[0]!
  }

  async lookupMany(keys: readonly string[]): Promise<Lookup<unknown>[]> {
    const { local, observer } = this.parts
    const found = keys.map((key) => {
      if (isReadPast(this.#flights, key)) return undefined
      const entry = valueIn(local.hit(key))
      if (entry === undefined) observer.stats.localMisses++
      else observer.hit(key, entry, 'local')
      return entry
    })
    const fetched = await this.fetchMany([...new Set(keys.filter((_, index) => found[index] === undefined))])
    for (const seen of fetched.values()) if (typeof seen === 'string') observer.stats.sharedMisses++
    return keys.map((key, index) => {
      const seen = fetched.get(key)
      const entry = found[index] ?? (typeof seen === 'object' ? valueIn(seen) : undefined)
      if (found[index] === undefined && entry !== undefined) observer.served(key, 'shared', entry)
      if (entry !== undefined) return { found: true, value: this.parts.isolation.give(entry.held) }
      observer.miss(key)
      return miss
    })
  }

  /**
   * What the shared tier has of these keys, in one round trip; the local tier keeps it as well. What there is not is no miss
   * yet: it may be loaded.
   *
   * @param policies of who reads
   */
  async fetchMany(asked: readonly string[], policies = plainPolicies): Promise<ReadonlyMap<string, Seen>> {
    const keys = asked.filter((key) => !isReadPast(this.#flights, key))
    const { local, shared } = this.parts
    if (shared === undefined || keys.length === 0) return new Map()
    // A change of one of these keys while the answer is on its way must keep that answer out of the local tier.
    const [write, change] = [this.#fence.begin(), this.#changes.begin()]
    try {
      const fetched = await shared.lookups.peekMany(keys, policies)
      for (const [key, entry] of fetched) {
        if (typeof entry === 'string') continue
        const isLatest = !this.#fence.overlapped(write, key) && !this.#changes.overlapped(change, key)
        if (isLatest) local.keep(key, entry)
      }
      return fetched
    } finally {
      this.#fence.end(write)
      this.#changes.end(change)
    }
  }

  /** What the tiers have; no read, and not counted as one. */
  async peek(key: string): Promise<Lookup<unknown>> {
    if (isReadPast(this.#flights, key)) return miss
    const { local, shared, isolation } = this.parts
    const entry = valueIn(local.hit(key)) ?? (await shared?.lookups.peek(key))
    return entry === undefined ? miss : { found: true, value: isolation.give(entry.held) }
  }

  /** Milliseconds that an entry has to live, undefined where there is none; no read, and not counted as one. */
  async ttl(key: string): Promise<number | undefined> {
    if (isReadPast(this.#flights, key)) return undefined
    const { local, shared, clock } = this.parts
    // A local copy may be given a shorter life than the entry has.
    const entry = (await shared?.lookups.peek(key)) ?? valueIn(local.hit(key))
    return entry === undefined ? undefined : entry.expiresAt - clock.now()
  }

  /** Whether there is a value; no read, and not counted as one. */
  async holds(key: string): Promise<boolean> {
    return (await this.peek(key)).found
  }

  /** The feed told that this entry changed in the shared tier. */
  changed(key: string): void {
    this.#changes.note(key)
    this.#flights.changed(key)
    this.parts.local.drop(key, 'invalidated')
  }

  /** The feed told that something beside this entry changed: the lease of a refresh. */
  stir(key: string): void {
    this.#flights.stir(key)
  }

  /** The feed told that any entry may have changed. */
  changedAll(): void {
    this.#changes.noteAll()
    this.#flights.changedAll()
    this.parts.local.clear('invalidated')
  }

  /** The local half of clearing this cache and all others. */
  clearHere(): void {
    this.evictions.clearHere()
  }

  /** Lets nobody join a load that began before a tag was evicted. */
  detachTagged(): void {
    this.#flights.detachTagged()
  }

  stats(): CacheStats {
    const { observer, local, shared } = this.parts
    return observer.stats.snapshot(local.size, local.bytes, shared !== undefined)
  }

  /** Values that were not kept since they are over a limit. */
  get tooLarge(): number {
    return this.parts.observer.stats.tooLarge
  }

  /** Some of the keys of the local tier. */
  sampleKeys(most: number): string[] {
    const sample: string[] = []
    for (const key of this.parts.local.keys()) {
      if (sample.length === most) break
      sample.push(key)
    }
    return sample
  }

  /** Loads in progress. */
  get loading(): number {
    return this.#flights.size
  }
}

/** An error that is kept is thrown to whoever would load; to who only looks, there is nothing. */
function valueIn(entry: Entry | undefined): Entry | undefined {
  return entry?.isError ? undefined : entry
}
