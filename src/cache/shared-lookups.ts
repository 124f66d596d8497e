import type { EvictionJournal } from '../coherence/eviction-journal'
import type { CompleteClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import type { SharedStore } from '../stores/shared-store'
import type { CacheObserver } from './cache-observer'
import type { KeyNames } from './key-names'
import type { MarkerKnowledge } from './marker-knowledge'
import type { SharedEntries } from './shared-entries'

/** What {@link SharedLookups} work with. */
export interface SharedLookupsParts {
  readonly store: SharedStore
  readonly frames: SharedEntries
  readonly knowledge: MarkerKnowledge
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  /** Evictions of keys that have yet to arrive. */
  readonly journal: EvictionJournal
  readonly keyOf: (key: string) => string
  readonly keys: KeyNames
}

/** Keys found by a pattern. */
export interface Matching {
  readonly keys: readonly string[]
  /** Those of the shared tier that are digests of nobody knows what. */
  readonly digested: readonly string[]
}

/** Looks what the shared tier has, without loading what it has not; the load of one key is walked in shared-tier.ts. */
export class SharedLookups {
  constructor(private readonly parts: SharedLookupsParts) {}

  /** The entry of a key, if it is alive and holds a value; not counted as a read. */
  async peek(key: string): Promise<Entry | undefined> {
    const { store, frames, clock, observer, knowledge, journal } = this.parts
    const sharedKey = this.parts.keyOf(key)
    try {
      const askedAt = clock.now()
      const { mark } = journal
      const [[found]] = await Promise.all([store.getMany([sharedKey]), knowledge.ask(askedAt, false)])
      const reading = await frames.read(key, found!, askedAt)
      const isThere = !journal.touchedSince(sharedKey, mark) && reading.kind === 'entry' && !reading.entry.isError
      return isThere ? reading.entry : undefined
    } catch (error) {
      observer.failed('get', error, { key })
      return undefined
    }
  }

  /** Keys whose text matches a pattern, in batches, by looking at every key of the shared tier. */
  async *matching(pattern: string): AsyncIterable<Matching> {
    const { store, keys } = this.parts
    for await (const found of store.scan(keys.patternOf(pattern))) {
      const known = found.map((sharedKey) => keys.fromShared(sharedKey))
      yield {
        keys: known.filter((key) => key !== undefined),
        digested: found.filter((_, index) => known[index] === undefined),
      }
    }
  }

  /** Reads many keys in one round trip without loading them. */
  async peekMany(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    const byShared = new Map(keys.map((key) => [this.parts.keyOf(key), key]))
    const found = new Map<string, Entry | undefined>()
    const askedAt = this.parts.clock.now()
    const asking = this.parts.knowledge.ask(askedAt, false)
    await Promise.all(
      this.parts.store.groups([...byShared.keys()]).map(async (group) => {
        const entries = await this.#peekGroup(
          group.map((key) => [byShared.get(key)!, key]),
          askedAt,
          asking,
        )
        for (const [index, entry] of entries.entries()) found.set(byShared.get(group[index]!)!, entry)
      }),
    )
    return keys.map((key) => found.get(key))
  }

  /** Reads what one server has to answer for. */
  async #peekGroup(
    keys: readonly (readonly [key: string, sharedKey: string])[],
    askedAt: number,
    asking: Promise<unknown>,
  ): Promise<(Entry | undefined)[]> {
    const { store, frames, observer, journal } = this.parts
    const { mark } = journal
    try {
      const [found] = await Promise.all([store.getMany(keys.map(([, sharedKey]) => sharedKey)), asking])
      return await Promise.all(
        keys.map(async ([key, sharedKey], index) => {
          const isPending = journal.touchedSince(sharedKey, mark)
          const reading = isPending ? undefined : await frames.read(key, found[index]!, askedAt)
          if (reading?.kind !== 'entry') {
            observer.stats.sharedMisses++
            return undefined
          }
          observer.hit(key, reading.entry, 'shared')
          return reading.entry
        }),
      )
    } catch (error) {
      for (const [key] of keys) observer.failed('get', error, { key })
      return keys.map(() => undefined)
    }
  }
}
