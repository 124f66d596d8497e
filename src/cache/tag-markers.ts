import { LRUCache } from 'lru-cache'
import { deferredLifeMs, EvictionJournal } from '../coherence/eviction-journal'
import { joinWatches, type Watch } from '../coherence/invalidation-feed'
import type { CompleteClock } from '../kernel/clock'
import type { MarkerNumber, MarkerNumbers, SharedStore } from '../stores/shared-store'

/** What is known of the tags of an entry: it is alive, it is dead, or the shared tier must be asked. */
export type Verdict = 'alive' | 'dead' | 'unknown'

/** A question to the shared tier, while its answer is on its way. */
interface Asked {
  readonly changed: Set<string>
  /** The counter as known when it was asked: what is learned meanwhile is younger than the answer. */
  readonly counter: number
  /** Everything may have changed. */
  isVoid: boolean
}

interface Marker {
  readonly number: number
  /** Clock reading as of which the shared tier said so. */
  readonly verifiedAt: number
  /** Clock reading until which the marker is sure to live in the shared tier. */
  readonly livesUntil: number
  /** Who has told of its changes since; undefined: nobody. */
  readonly watch: Watch | undefined
}

/**
 * Evicts any number of entries by a tag they carry, in O(1): no index, no scan.
 *
 * One counter per prefix. Evicting a tag raises the counter and writes the new number to the tag's marker. A load
 * remembers the counter as known *before* it began, and its entry is alive as long as each of its tags has a marker not
 * above that number. So a load that began before the evict is dead however late it ends, also for tags that only its
 * result tells; reading an older counter is always safe, it can only cause one load more. A marker that was lost reads
 * as "unknown, so dead", never as "never evicted", and is created anew with the counter's present number, which no
 * lost number can be above. Without a shared tier the same rule holds with the counter in this process.
 *
 * Prior art: FusionCache and HybridCache mark tags by wall-clock time; the counter makes that independent of clocks.
 */
export class TagMarkers {
  /** Evictions of tags that have yet to arrive in the shared tier. */
  readonly journal: EvictionJournal
  readonly #shared: SharedStore | undefined
  readonly #keyOf: (tag: string) => string
  readonly #trustMs: number
  // Losing a marker here costs a question to the shared tier, or a load; so this may be bounded.
  readonly #markers = new LRUCache<string, Marker>({
    max: 100_000,
    dispose: (_marker, name, reason) => {
      if (reason !== 'set') this.#nameOf.delete(this.#keyOf(name))
    },
  })
  // By key, the markers known here.
  readonly #nameOf = new Map<string, string>()
  readonly #asked = new Set<Asked>()
  readonly #evicting = new Map<string, number>()
  #counter = 0
  // Whether the counter may have moved since it was last read, and who would tell.
  #counterMoved = true
  #counterWatch: Watch | undefined

  /** @param trustMs how long an answer of the shared tier is believed */
  constructor(
    shared: SharedStore | undefined,
    keyOf: (tag: string) => string,
    trustMs: number,
    clock: CompleteClock,
    onDeferred: (pending: number) => void,
  ) {
    this.#shared = shared
    this.journal = new EvictionJournal({
      clock,
      groups: (names) => [names],
      send: (names) => this.#raise(names, deferredLifeMs, clock.now()),
      onChange: onDeferred,
    })
    this.#keyOf = keyOf
    this.#trustMs = trustMs
  }

  /** The counter as known now: the number of a load that begins now. */
  get stamp(): number {
    return this.#counter
  }

  /**
   * Judges by what is known, and by nothing that was to be asked again by `now`; left out, by whatever is known. An entry
   * numbered above the counter was numbered by one not heard of yet, or by one that is lost.
   */
  judge(tags: readonly string[], stamp: number, now?: number): Verdict {
    let verdict: Verdict = stamp > this.#counter ? 'unknown' : 'alive'
    for (const tag of tags) {
      if (this.#evicting.size > 0 && this.#evicting.has(tag)) return 'dead'
      if (this.journal.holds(tag)) return 'dead'
      const marker = this.#markers.get(tag)
      if (marker === undefined) verdict = 'unknown'
      else if (marker.number > stamp) return 'dead'
      else if (now !== undefined && now - this.#verifiedAt(marker) > this.#trustMs) verdict = 'unknown'
    }
    return verdict
  }

  /** The tags whose markers must be asked for before they can be believed. */
  unverified(tags: readonly string[], now: number, within: number = this.#trustMs): readonly string[] {
    if (this.#shared === undefined) return noTags
    let found: string[] | undefined
    for (const tag of tags) {
      const marker = this.#markers.peek(tag)
      if (marker !== undefined && now - this.#verifiedAt(marker) <= within) continue
      found ??= []
      found.push(tag)
    }
    return found ?? noTags
  }

  /** Whether a marker was ever heard of here. */
  knows(tags: readonly string[]): boolean {
    return tags.every((tag) => this.#markers.has(tag))
  }

  /** The tags whose markers must be asked for, or made to live longer, before an entry may carry them for so long. */
  due(tags: readonly string[], now: number, within: number, lifeMs: number): readonly string[] {
    const unverified = new Set(this.unverified(tags, now, within))
    return tags.filter((tag) => unverified.has(tag) || (this.#markers.peek(tag)?.livesUntil ?? 0) < now + lifeMs)
  }

  /** Clock reading as of which all these tags are known. */
  verifiedAt(tags: readonly string[]): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const tag of tags) {
      const marker = this.#markers.peek(tag)
      oldest = Math.min(oldest, marker === undefined ? Number.NEGATIVE_INFINITY : this.#verifiedAt(marker))
    }
    return oldest
  }

  /** Who tells of changes of all these tags' markers; undefined if that is not so of each. */
  watchOf(tags: readonly string[]): Watch | undefined {
    const watch = joinWatches(tags.map((tag) => this.#markers.peek(tag)?.watch))
    return watch?.isLive ? watch : undefined
  }

  /** Whether the counter has to be read again to number a load as late as can be. */
  get isCounterStale(): boolean {
    return this.#counterMoved || !this.#counterWatch?.isLive
  }

  /** The feed told that this key of the shared tier changed. */
  invalidated(key: string): void {
    for (const { changed } of this.#asked) changed.add(key)
    const name = this.#nameOf.get(key)
    if (name !== undefined) this.#markers.delete(name)
  }

  counterMoved(): void {
    this.#counterMoved = true
  }

  /** Nothing known may be believed any more. */
  forget(): void {
    for (const asked of this.#asked) asked.isVoid = true
    this.#markers.clear()
    this.#counterMoved = true
  }

  /** Asks the shared tier for the counter and these markers; `now` is the clock reading at which it is asked. */
  async verify(tags: readonly string[], now: number): Promise<void> {
    if (this.#shared === undefined) return
    await this.#ask(tags, now, (keys) => this.#shared!.readMarkers(keys))
  }

  /** The same as {@link ensure} where there is no shared tier to agree with. */
  ensureHere(tags: readonly string[]): void {
    if (this.#shared !== undefined) return
    for (const tag of tags) {
      if (!this.#markers.has(tag))
        this.#markers.set(tag, {
          number: this.#counter,
          verifiedAt: Number.POSITIVE_INFINITY,
          livesUntil: Number.POSITIVE_INFINITY,
          watch: undefined,
        })
    }
  }

  /** Makes sure that each tag has a marker, so that an entry carrying it can be alive. */
  async ensure(tags: readonly string[], lifeMs: number, now: number): Promise<void> {
    if (tags.length === 0 || this.#shared === undefined) return
    await this.#ask(tags, now, (keys) => this.#shared!.ensureMarkers(keys, lifeMs), now + lifeMs)
  }

  /** Kills every entry loaded before now that carries one of these tags. */
  async evict(tags: readonly string[], lifeMs: number, now: number): Promise<void> {
    for (const tag of tags) this.#evicting.set(tag, (this.#evicting.get(tag) ?? 0) + 1)
    try {
      await this.#raise(tags, lifeMs, now)
      this.journal.arrived(tags)
    } catch (error) {
      // What carries them is dead here until they have arrived.
      this.journal.keep(tags, deferredLifeMs)
      throw error
    } finally {
      for (const tag of tags) {
        const others = this.#evicting.get(tag)! - 1
        if (others === 0) this.#evicting.delete(tag)
        else this.#evicting.set(tag, others)
      }
    }
  }

  async #raise(tags: readonly string[], lifeMs: number, now: number): Promise<void> {
    const number =
      this.#shared === undefined ? this.#counter + 1 : await this.#shared.raiseMarkers(tags.map(this.#keyOf), lifeMs)
    const verifiedAt = this.#shared === undefined ? Number.POSITIVE_INFINITY : now
    for (const tag of tags) this.#learn(tag, { number, verifiedAt, livesUntil: now + lifeMs, watch: undefined })
  }

  /**
   * Asks, and believes the feed about the answer from then on. What the feed tells while the answer is on its way may
   * be newer than the answer: such a marker is believed as of the question only.
   */
  async #ask(
    tags: readonly string[],
    now: number,
    read: (keys: string[]) => Promise<MarkerNumbers>,
    livesUntil?: number,
  ): Promise<void> {
    const keys = tags.map(this.#keyOf)
    const asked: Asked = { changed: new Set(), isVoid: false, counter: this.#counter }
    this.#asked.add(asked)
    this.#counterMoved = false
    try {
      const { counter, markers } = await read(keys)
      if (counter.number !== undefined && counter.number < asked.counter) this.#startAnew(counter.number)
      this.#learnCounter(counter.number)
      this.#counterWatch = counter.watch
      for (const [index, tag] of tags.entries()) {
        const { number, watch } = markers[index] as MarkerNumber
        const isWatched = watch?.isLive && !asked.isVoid && !asked.changed.has(keys[index]!)
        if (number === undefined) this.#markers.delete(tag)
        else this.#learn(tag, { number, verifiedAt: now, livesUntil, watch: isWatched ? watch : undefined })
      }
    } catch (error) {
      this.#counterMoved = true
      throw error
    } finally {
      this.#asked.delete(asked)
    }
  }

  #verifiedAt({ verifiedAt, watch }: Marker): number {
    return watch === undefined ? verifiedAt : Math.max(verifiedAt, watch.verifiedAt)
  }

  // Answers may arrive out of order; a marker never falls, except when the server has lost its counter.
  #learn(tag: string, marker: Omit<Marker, 'livesUntil'> & { readonly livesUntil: number | undefined }): void {
    this.#learnCounter(marker.number)
    const known = this.#markers.peek(tag)
    if (known !== undefined && marker.number < known.number) return
    this.#markers.set(tag, { ...marker, livesUntil: marker.livesUntil ?? known?.livesUntil ?? 0 })
    this.#nameOf.set(this.#keyOf(tag), tag)
  }

  /**
   * The server lost its counter and began again below it, with a clock that went back. Entries numbered by the lost one
   * are above every new marker, so they are dead (see `judge`), and no marker known from before means anything.
   */
  #startAnew(counter: number): void {
    this.#counter = counter
    this.#markers.clear()
  }

  // A number of any marker is one the counter has had.
  #learnCounter(number: number | undefined): void {
    if (number !== undefined && number > this.#counter) this.#counter = number
  }
}

const noTags: readonly string[] = Object.freeze([])
