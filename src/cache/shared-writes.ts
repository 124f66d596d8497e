import { deferredLifeMs, type EvictionJournal } from '../coherence/eviction-journal'
import type { CompleteClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import { cacheError } from '../kernel/errors'
import type { SharedStore, Written } from '../stores/shared-store'
import type { Background } from './background'
import { inTime } from './budget'
import type { CacheObserver } from './cache-observer'
import type { MarkerKnowledge } from './marker-knowledge'
import { headBytes, type SharedEntries } from './shared-entries'

/** What {@link SharedWrites} works with. */
export interface SharedWritesParts {
  readonly store: SharedStore
  readonly frames: SharedEntries
  readonly knowledge: MarkerKnowledge
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  /** Evictions of keys that have yet to arrive. */
  readonly journal: EvictionJournal
  readonly background: Background
  /** How long a call may wait for the shared tier. */
  readonly commandTimeoutMs: number
  readonly keyOf: (key: string) => string
  /** The other way round; undefined where that cannot be told. */
  readonly fromShared: (sharedKey: string) => string | undefined
}

/** An entry to be written. */
export interface SharedWrite {
  readonly key: string
  readonly entry: Entry
  /** What the entry holds, as it was given. */
  readonly value: unknown
}

interface FramedWrite extends SharedWrite {
  readonly sharedKey: string
  /** Undefined if it cannot be carried. */
  readonly bytes: Buffer | undefined
}

// Whoever is overtaken so often lets the entry go.
const expireAttempts = 3

/** Puts and evicts in the shared tier; what fails is left to the journal. */
export class SharedWrites {
  constructor(private readonly parts: SharedWritesParts) {}

  /**
   * Writes entries, unless another process has written their keys since this write began.
   *
   * @returns for each the entry as the local tier may keep it, or undefined
   */
  async putMany(puts: readonly SharedWrite[], beganAt: number): Promise<(Entry | undefined)[]> {
    const { store, frames } = this.parts
    const framed = puts.map((put) => ({
      ...put,
      sharedKey: this.parts.keyOf(put.key),
      bytes: frames.write(put.key, put.entry),
    }))
    const byKey = new Map(framed.map((put) => [put.sharedKey, put]))
    const kept = new Map<string, Entry | undefined>()
    await Promise.all(
      store.groups([...byKey.keys()]).map((group) =>
        inBatches(group, async (keys) => {
          const entries = await this.#putGroup(
            keys.map((key) => byKey.get(key)!),
            beganAt,
          )
          for (const [index, entry] of entries.entries()) kept.set(keys[index]!, entry)
        }),
      ),
    )
    return framed.map(({ sharedKey }) => kept.get(sharedKey))
  }

  /** Puts what one server has to take. */
  async #putGroup(puts: readonly FramedWrite[], beganAt: number): Promise<(Entry | undefined)[]> {
    const { store, clock, observer, knowledge, journal } = this.parts
    const sharedKeys = puts.map(({ sharedKey }) => sharedKey)
    const waiting = journal.waiting(sharedKeys)
    const carried = puts.filter((put): put is FramedWrite & { bytes: Buffer } => put.bytes !== undefined)
    const refused = puts.filter(({ bytes }) => bytes === undefined).map(({ sharedKey }) => sharedKey)
    const sentAt = clock.now()
    let written: readonly Written[]
    try {
      ;[written] = await Promise.all([
        store.putMany(
          carried.map(({ sharedKey, entry, bytes }) => ({
            key: sharedKey,
            bytes,
            lifeMs: entry.staleUntil - sentAt,
            beganAt,
            version: entry.version,
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
      // It is not known which value stands there now.
      this.deferPuts(puts.map(({ key }) => key))
      for (const { key, value } of puts) observer.failed('put', error, { key, value })
      return puts.map(() => undefined)
    }
    journal.written(sharedKeys)
    for (const [index, { sharedKey }] of carried.entries()) {
      if (written[index]!.stands) journal.overtaken(sharedKey, waiting)
    }
    const standing = new Map(carried.map(({ sharedKey }, index) => [sharedKey, written[index]!]))
    return puts.map(({ sharedKey, entry }) => {
      const its = standing.get(sharedKey)
      return its?.stands ? knowledge.vouched(entry, sentAt, its.watch) : undefined
    })
  }

  /** Leaves writes for later, where the shared tier has just failed: what stands there is not to be believed. */
  deferPuts(keys: readonly string[]): void {
    this.parts.journal.keep(keys.map(this.parts.keyOf), deferredLifeMs)
  }

  /**
   * Ends the life of entries, so that only what may follow it is left, and removes leases, so that loads of now do not
   * begin another. What cannot be ended is deleted.
   *
   * @param staleMs how long a value may be served past a life that would not have ended
   */
  async expireMany(keys: readonly string[], staleMs: number): Promise<boolean> {
    const { commandTimeoutMs } = this.parts
    return inTime(this.parts, this.#expireAll(keys, staleMs), commandTimeoutMs, () => {
      const message = `The life of keys could not be ended within ${commandTimeoutMs} ms; they are evicted instead.`
      this.#defer(keys.map(this.parts.keyOf), cacheError('CW_SHARED_TIMEOUT', message))
      return false
    })
  }

  async #expireAll(keys: readonly string[], staleMs: number): Promise<boolean> {
    const deleted = await Promise.all(keys.map((key) => this.#expire(key, staleMs)))
    return this.evictMany(deleted.filter((key) => key !== undefined))
  }

  /** The key, if there is something that has to be deleted. */
  async #expire(key: string, staleMs: number): Promise<string | undefined> {
    const { store, frames, observer } = this.parts
    const sharedKey = this.parts.keyOf(key)
    try {
      for (let attempt = 0; attempt < expireAttempts; attempt++) {
        const [found] = await store.getMany([sharedKey])
        const ended = found!.bytes === null ? undefined : frames.expired(key, found!.bytes, staleMs)
        if (ended === undefined) return key
        const head = found!.bytes!.subarray(0, headBytes)
        if ((await store.replace({ key: sharedKey, head, version: undefined, ...ended })).stands) return undefined
        // Somebody wrote meanwhile, or ended it too; what was written may be older than this.
      }
      return key
    } catch (error) {
      // It is evicted instead, and whatever comes of that is told.
      observer.sharedFailed('evict', error)
      return key
    }
  }

  /** Deletes keys and whatever lease stands on them; false if some of that is left to the journal. */
  evictMany(keys: readonly string[]): Promise<boolean> {
    return this.evictStored(keys.map(this.parts.keyOf))
  }

  /** The same by keys of the shared tier. */
  async evictStored(keys: readonly string[]): Promise<boolean> {
    const { store, journal } = this.parts
    const through = await Promise.all(
      store.groups(keys).map(async (group) => {
        let isThrough = true
        await inBatches(group, async (batch) => {
          try {
            await store.delete(batch)
            journal.written(batch)
          } catch (error) {
            isThrough = false
            this.#defer(batch, error)
          }
        })
        return isThrough
      }),
    )
    return !through.includes(false)
  }

  #defer(sharedKeys: readonly string[], error: unknown): void {
    const { journal, observer, fromShared } = this.parts
    journal.keep(sharedKeys, deferredLifeMs)
    for (const sharedKey of sharedKeys) observer.failed('evict', error, { key: fromShared(sharedKey) })
  }
}

// What a server does well within any timeout, so that many writes are not taken for a server that has fallen silent.
const batchSize = 1_000

/** One batch after the other. */
async function inBatches(keys: readonly string[], act: (batch: readonly string[]) => Promise<void>): Promise<void> {
  for (let from = 0; from < keys.length; from += batchSize) await act(keys.slice(from, from + batchSize))
}
