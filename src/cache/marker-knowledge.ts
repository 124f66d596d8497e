import { joinWatches, type Watch } from '../coherence/invalidation-feed'
import type { CompleteClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import type { CacheObserver } from './cache-observer'
import type { Flight } from './flight'
import type { TagMarkers } from './tag-markers'
import type { TagNames } from './tag-names'

/** What a {@link MarkerKnowledge} works with. */
export interface MarkerKnowledgeParts {
  readonly markers: TagMarkers
  readonly names: TagNames
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly maxStalenessMs: number
}

/** The shared tier did not answer. */
export interface Unanswered {
  readonly error: unknown
}

// Markers live on after the entries that carry them, so that no entry dies of its marker's expiry.
const markerSlackMs = 60_000

const longMarkerLifeMs = 24 * 3_600_000

/** Keeps what this process knows of counter and markers good enough for the entries of one cache. */
export class MarkerKnowledge {
  constructor(private readonly parts: MarkerKnowledgeParts) {}

  /**
   * Learns the counter, so that a write is not numbered below what was evicted before it began. A write without tags
   * needs it once: only clears can be above it, and the next read learns of those.
   *
   * @returns why the shared tier did not answer; undefined if it did
   */
  async meet(tagged: boolean): Promise<Unanswered | undefined> {
    const { markers, names, clock } = this.parts
    const isBehind = !markers.knows(names.clears) || (tagged && markers.isCounterStale)
    return isBehind ? this.ask(clock.now(), tagged) : undefined
  }

  /** What cannot be learned now makes entries dead, and loads number themselves too low: both are safe. */
  async ask(now: number, tagged: boolean): Promise<Unanswered | undefined> {
    try {
      await this.#ask(now, tagged)
      return undefined
    } catch (error) {
      this.parts.observer.sharedFailed('tags', error)
      return { error }
    }
  }

  /** Makes sure that what these entries carry has markers that outlive them. */
  async ensure(entries: readonly Entry[], now: number): Promise<void> {
    if (entries.length === 0) return
    const { markers, names, maxStalenessMs } = this.parts
    const carried = new Set(names.clears)
    let staleUntil = now
    for (const entry of entries) {
      staleUntil = Math.max(staleUntil, entry.staleUntil)
      for (const name of entry.markers) carried.add(name)
    }
    const lifeMs = staleUntil - now + markerSlackMs
    const due = markers.due([...carried], now, maxStalenessMs / 2, lifeMs)
    // Twice what is needed, so that a marker many entries carry is not prolonged with each of them. Those of clears for
    // long: when one of them is told of, every process forgets its copies.
    const isOfClears = due.some((name) => names.clears.includes(name))
    await markers.ensure(due, Math.max(2 * lifeMs, isOfClears ? longMarkerLifeMs : 0), now)
  }

  /** The entry as the shared tier vouched for it, or undefined if one of its tags was evicted after its load began. */
  vouched(entry: Entry, sentAt: number, watch: Watch | undefined): Entry | undefined {
    const { markers, names } = this.parts
    const carried = [...names.clears, ...entry.markers]
    if (markers.judge(carried, entry.stamp) !== 'alive') return undefined
    const watched = joinWatches([watch, markers.watchOf(names.clears)])
    return { ...entry, watch: watched, verifiedAt: Math.min(sentAt, markers.verifiedAt(carried)) }
  }

  /** The lease of a load still stands, so no evict of the key came since. Tags are judged when the value is there. */
  vouch(flight: Flight, sentAt: number): void {
    if (flight.request.tagged) return
    flight.untaggedVouchedAt = Math.max(flight.untaggedVouchedAt, this.#untaggedAliveAt(flight.stamp, sentAt))
  }

  /** Clock reading as of which no clear had killed what was loaded with this stamp; not later than `at`. */
  #untaggedAliveAt(stamp: number, at: number): number {
    const { markers, names } = this.parts
    if (markers.judge(names.clears, stamp) !== 'alive') return Number.NEGATIVE_INFINITY
    return Math.min(at, markers.verifiedAt(names.clears))
  }

  /**
   * Asks what a load, and the judgement of an entry, start from: the counter and the markers of clears. In the same
   * flush as the read and at half the life of the answers, so that it costs no wait of its own. A load whose value may
   * carry tags always starts from the counter as it is now: numbered with an older one, its entry would be dead on
   * arrival whenever a tag is new and another process evicts tags often.
   */
  async #ask(now: number, tagged: boolean): Promise<void> {
    const { markers, names, maxStalenessMs } = this.parts
    if (!markers.knows(names.clears)) return markers.ensure(names.clears, longMarkerLifeMs, now)
    const due = markers.unverified(names.clears, now, maxStalenessMs / 2)
    if ((tagged && markers.isCounterStale) || due.length > 0) await markers.verify(due, now)
  }
}
