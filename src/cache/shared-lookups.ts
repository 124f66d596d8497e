import type { EvictionJournal } from '../coherence/eviction-journal'
import type { CompleteClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import type { Policies } from '../policies/policies'
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

/** What stands at one of many keys: an entry, nothing at all, or something that only a load can deal with. */
export type Seen = Entry | 'nothing' | 'other'

// The answer to more is taken apart piece by piece, so that none of them takes longer than a command may.
const mostAtOnce = 1_000

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

  /**
   * Reads many keys without loading them: one command, and one round trip, for each server and each thousand of its keys.
   *
   * @returns what was seen by key; of what a server did not answer, nothing
   */
  async peekMany(keys: readonly string[], policies: Policies): Promise<ReadonlyMap<string, Seen>> {
    const byShared = new Map(keys.map((key) => [this.parts.keyOf(key), key]))
    const seen = new Map<string, Seen>()
    const asking = this.parts.knowledge.ask(this.parts.clock.now(), false)
    await Promise.all(
      this.parts.store.groups([...byShared.keys()]).map(async (group) => {
        for (let from = 0; from < group.length; from += mostAtOnce) {
          const its = group.slice(from, from + mostAtOnce)
          await this.#peekSome(its, byShared, { seen, asking, policies })
        }
      }),
    )
    return seen
  }

  async #peekSome(
    sharedKeys: readonly string[],
    byShared: ReadonlyMap<string, string>,
    { seen, asking, policies }: Peeking,
  ): Promise<void> {
    const { store, frames, observer, journal, clock } = this.parts
    const { mark } = journal
    const askedAt = clock.now()
    const keys = sharedKeys.map((sharedKey) => byShared.get(sharedKey)!)
    try {
      const [found] = await Promise.all([store.getMany(sharedKeys), asking])
      const readings = await frames.readMany(
        keys.map((key, index) => ({ key, found: found[index]! })),
        askedAt,
        policies,
      )
      for (const [index, key] of keys.entries()) {
        const reading = readings[index]!
        if (journal.touchedSince(sharedKeys[index]!, mark)) seen.set(key, 'other')
        else if (reading.kind === 'entry') {
          observer.hit(key, reading.entry, 'shared')
          seen.set(key, reading.entry)
        } else seen.set(key, reading.kind === 'absent' && found[index]!.watch !== undefined ? 'nothing' : 'other')
      }
    } catch (error) {
      for (const key of keys) observer.failed('get', error, { key })
    }
  }
}

/** What is the same for all keys of a {@link SharedLookups.peekMany}. */
interface Peeking {
  readonly seen: Map<string, Seen>
  readonly asking: Promise<unknown>
  readonly policies: Policies
}
