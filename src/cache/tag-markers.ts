import { LRUCache } from 'lru-cache'
import type { SharedStore } from '../stores/shared-store'

/** What is known of the tags of an entry: it is alive, it is dead, or the shared tier must be asked. */
export type Verdict = 'alive' | 'dead' | 'unknown'

interface Marker {
  readonly number: number
  /** Clock reading as of which the shared tier said so. */
  readonly verifiedAt: number
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
  readonly #shared: SharedStore | undefined
  readonly #keyOf: (tag: string) => string
  readonly #trustMs: number
  // Losing a marker here costs a question to the shared tier, or a load; so this may be bounded.
  readonly #markers = new LRUCache<string, Marker>({ max: 100_000 })
  readonly #evicting = new Map<string, number>()
  #counter = 0

  /** @param trustMs how long an answer of the shared tier is believed */
  constructor(shared: SharedStore | undefined, keyOf: (tag: string) => string, trustMs: number) {
    this.#shared = shared
    this.#keyOf = keyOf
    this.#trustMs = trustMs
  }

  /** The counter as known now: the number of a load that begins now. */
  get stamp(): number {
    return this.#counter
  }

  /** Judges by what is known, whatever its age; for entries whose own age is bounded. */
  judge(tags: readonly string[], stamp: number): Verdict {
    let verdict: Verdict = 'alive'
    for (const tag of tags) {
      if (this.#evicting.size > 0 && this.#evicting.has(tag)) return 'dead'
      const marker = this.#markers.get(tag)
      if (marker === undefined) verdict = 'unknown'
      else if (marker.number > stamp) return 'dead'
    }
    return verdict
  }

  /** The tags whose markers must be asked for before they can be believed. */
  unverified(tags: readonly string[], now: number, within: number = this.#trustMs): readonly string[] {
    if (this.#shared === undefined) return noTags
    let found: string[] | undefined
    for (const tag of tags) {
      const marker = this.#markers.peek(tag)
      if (marker !== undefined && now - marker.verifiedAt <= within) continue
      found ??= []
      found.push(tag)
    }
    return found ?? noTags
  }

  /** Whether a marker was ever heard of here. */
  knows(tags: readonly string[]): boolean {
    return tags.every((tag) => this.#markers.has(tag))
  }

  /** Clock reading as of which all these tags are known. */
  verifiedAt(tags: readonly string[]): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const tag of tags) oldest = Math.min(oldest, this.#markers.peek(tag)?.verifiedAt ?? Number.NEGATIVE_INFINITY)
    return oldest
  }

  /** Asks the shared tier for the counter and these markers; `now` is the clock reading at which it is asked. */
  async verify(tags: readonly string[], now: number): Promise<void> {
    if (this.#shared === undefined) return
    const { counter, markers } = await this.#shared.readMarkers(tags.map(this.#keyOf))
    this.#learnCounter(counter)
    for (const [index, tag] of tags.entries()) {
      const number = markers[index]
      if (number === undefined) this.#markers.delete(tag)
      else this.#learn(tag, number, now)
    }
  }

  /** The same as {@link ensure} where there is no shared tier to agree with. */
  ensureHere(tags: readonly string[]): void {
    if (this.#shared !== undefined) return
    for (const tag of tags) {
      if (!this.#markers.has(tag))
        this.#markers.set(tag, { number: this.#counter, verifiedAt: Number.POSITIVE_INFINITY })
    }
  }

  /** Makes sure that each tag has a marker, so that an entry carrying it can be alive. */
  async ensure(tags: readonly string[], lifeMs: number, now: number): Promise<void> {
    if (tags.length === 0 || this.#shared === undefined) return
    const { counter, markers } = await this.#shared.ensureMarkers(tags.map(this.#keyOf), lifeMs)
    this.#learnCounter(counter)
    for (const [index, tag] of tags.entries()) this.#learn(tag, markers[index]!, now)
  }

  /** Kills every entry loaded before now that carries one of these tags. */
  async evict(tags: readonly string[], lifeMs: number, now: number): Promise<void> {
    for (const tag of tags) this.#evicting.set(tag, (this.#evicting.get(tag) ?? 0) + 1)
    try {
      const number =
        this.#shared === undefined ? this.#counter + 1 : await this.#shared.raiseMarkers(tags.map(this.#keyOf), lifeMs)
      const verifiedAt = this.#shared === undefined ? Number.POSITIVE_INFINITY : now
      for (const tag of tags) this.#learn(tag, number, verifiedAt)
    } catch (error) {
      // What the shared tier thinks is not known now: forget, so that nothing is judged alive by an old answer.
      for (const tag of tags) this.#markers.delete(tag)
      throw error
    } finally {
      for (const tag of tags) {
        const others = this.#evicting.get(tag)! - 1
        if (others === 0) this.#evicting.delete(tag)
        else this.#evicting.set(tag, others)
      }
    }
  }

  // Answers may arrive out of order; a marker never falls, except when the server lost its counter, and then its
  // entries are lost with it or dead by their missing markers.
  #learn(tag: string, number: number, verifiedAt: number): void {
    this.#learnCounter(number)
    const known = this.#markers.peek(tag)
    if (known === undefined || number >= known.number) this.#markers.set(tag, { number, verifiedAt })
  }

  // A number of any marker is one the counter has had.
  #learnCounter(number: number | undefined): void {
    if (number !== undefined && number > this.#counter) this.#counter = number
  }
}

const noTags: readonly string[] = Object.freeze([])
