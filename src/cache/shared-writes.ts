import type { EvictionJournal } from '../coherence/eviction-journal'
import type { CompleteClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import type { SharedStore, Written } from '../stores/shared-store'
import type { CacheObserver } from './cache-observer'
import type { MarkerKnowledge } from './marker-knowledge'
import type { SharedEntries } from './shared-entries'

/** What {@link SharedWrites} works with. */
export interface SharedWritesParts {
  readonly store: SharedStore
  readonly frames: SharedEntries
  readonly knowledge: MarkerKnowledge
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  /** Evictions of keys that have yet to arrive. */
  readonly journal: EvictionJournal
  readonly keyOf: (key: string) => string
}

// An eviction that cannot be sent for so long is given up to the ttl of what it should have removed.
const deferredLifeMs = 24 * 3_600_000

/** Puts and evicts in the shared tier; what fails is left to the journal. */
export class SharedWrites {
  constructor(private readonly parts: SharedWritesParts) {}

  /**
   * Writes entries, unless another process has written their keys since this write began.
   *
   * @returns for each the entry as the local tier may keep it, or undefined
   */
  async putMany(
    puts: readonly { readonly key: string; readonly entry: Entry }[],
    beganAt: number,
  ): Promise<(Entry | undefined)[]> {
    const { store, frames, clock, observer, knowledge } = this.parts
    const framed = puts.map(({ key, entry }) => ({ key, entry, bytes: frames.write(key, entry) }))
    const carried = framed.filter((put): put is typeof put & { bytes: Buffer } => put.bytes !== undefined)
    const refused = framed.filter((put) => put.bytes === undefined).map((put) => this.parts.keyOf(put.key))
    const sentAt = clock.now()
    let written: readonly Written[]
    try {
      ;[written] = await Promise.all([
        store.putMany(
          carried.map(({ key, entry, bytes }) => ({
            key: this.parts.keyOf(key),
            bytes,
            lifeMs: entry.expiresAt - sentAt,
            beganAt,
          })),
        ),
        knowledge.ensure(
          carried.map(({ entry }) => entry),
          sentAt,
        ),
        // What cannot be carried must at least not leave the older value behind.
        ...(refused.length > 0 ? [store.delete(refused)] : []),
      ])
    } catch (error) {
      observer.sharedFailed('put', error)
      // It is not known which value stands there now.
      this.deferPuts(puts.map(({ key }) => key))
      return puts.map(() => undefined)
    }
    const standing = new Map(carried.map(({ key }, index) => [key, written[index]!]))
    return framed.map(({ key, entry }) => {
      const its = standing.get(key)
      return its?.stands ? knowledge.vouched(entry, sentAt, its.watch) : undefined
    })
  }

  /** Leaves writes for later, where the shared tier has just failed: what stands there is not to be believed. */
  deferPuts(keys: readonly string[]): void {
    this.parts.journal.keep(keys.map(this.parts.keyOf), deferredLifeMs)
  }

  /** Deletes keys and whatever lease stands on them. */
  async evictMany(keys: readonly string[]): Promise<void> {
    const { store, journal, observer } = this.parts
    const sharedKeys = keys.map(this.parts.keyOf)
    try {
      await store.delete(sharedKeys)
      journal.arrived(sharedKeys)
    } catch (error) {
      journal.keep(sharedKeys, deferredLifeMs)
      observer.sharedFailed('evict', error)
    }
  }
}
