import { type CompleteClock, systemClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import type { Background } from './background'
import type { CacheObserver } from './cache-observer'
import type { EntryMaker } from './entry-maker'
import type { Evictions } from './evictions'
import type { FlightRegistry } from './flight-registry'
import type { LocalTier } from './local-tier'
import type { Unanswered } from './marker-knowledge'
import type { SharedTier } from './shared-tier'
import type { TagMarkers } from './tag-markers'
import type { Terms } from './tier'
import { currentTransaction } from './transaction'
import type { WriteFence, WriteTicket } from './write-fence'

/** What {@link Writes} work with. */
export interface WritesParts {
  readonly local: LocalTier
  /** Undefined where there is no shared tier. */
  readonly shared: SharedTier | undefined
  readonly evictions: Evictions
  readonly flights: FlightRegistry
  /** Puts and evicts of this process. */
  readonly fence: WriteFence
  /** What the feed told: it says nothing of whose value is newer, only that a copy may be old. */
  readonly changes: WriteFence
  readonly markers: TagMarkers
  readonly entries: EntryMaker
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly background: Background
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

/** Puts in every tier of one cache; what they take the place of goes by its {@link Evictions}. */
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
    const { fence } = this.parts
    const transaction = currentTransaction()
    if (transaction === undefined) fence.end(write.ticket)
    else transaction.atEnd(() => fence.end(write.ticket))
  }

  /** Notes that the running transaction is about to change these keys. */
  touch(keys: readonly string[]): void {
    currentTransaction()?.touch(this.parts.flights, keys)
  }

  /** Puts the results of one write in every tier. */
  async put(puts: readonly Put[], terms: Terms, write: Write): Promise<void> {
    const transaction = currentTransaction()
    if (transaction !== undefined) {
      const keys = puts.map(({ key }) => key)
      this.touch(keys)
      return transaction.defer(
        () => this.put(puts, terms, write),
        () => this.parts.evictions.evict(keys),
      )
    }
    const { fence, changes, local, observer, shared, background } = this.parts
    const { accepted, emptied } = this.#sort(puts, terms, write)
    const keys = accepted.map(({ key }) => key)
    for (const { key, entry } of accepted) this.parts.evictions.dropHere(key, 'replaced', entry.version)
    const since = fence.now
    const sent = changes.begin()
    const emptying = this.#empty(emptied, write)
    // It is waited for below, and may fail before.
    emptying.catch(() => {})
    let kept: readonly (Entry | undefined)[] = []
    try {
      kept = await background.follow(this.#putShared(accepted, write))
    } finally {
      if (shared !== undefined) for (const key of keys) this.parts.evictions.forgetHere(key, 'replaced')
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
    if (write.unanswered === undefined) return void (await this.parts.evictions.remove(keys))
    for (const key of keys) this.parts.evictions.dropHere(key)
    this.parts.shared?.writes.deferPuts(keys)
    for (const key of keys) this.parts.observer.failed('evict', write.unanswered.error, { key })
  }
}
