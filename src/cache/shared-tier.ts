import { encodeLease } from '../codec/frame'
import type { EvictionJournal } from '../coherence/eviction-journal'
import type { CompleteClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import { uniqueText } from '../kernel/unique'
import type { Found, SharedStore } from '../stores/shared-store'
import type { Background } from './background'
import { budgetOf, inTime } from './budget'
import type { CacheObserver } from './cache-observer'
import type { Flight } from './flight'
import type { KeyNames } from './key-names'
import { leaseMs } from './lease'
import type { MarkerKnowledge } from './marker-knowledge'
import type { SharedEntries } from './shared-entries'
import { SharedFill } from './shared-fill'
import { SharedGroup } from './shared-group'
import { SharedLookups } from './shared-lookups'
import { SharedRefresh } from './shared-refresh'
import type { SharedWrites } from './shared-writes'
import type { StaleAnswers } from './stale-answers'
import type { TagMarkers } from './tag-markers'
import type { Loaded, Tier } from './tier'

/** What a {@link SharedTier} works with. */
export interface SharedTierParts {
  readonly store: SharedStore
  readonly frames: SharedEntries
  readonly markers: TagMarkers
  readonly knowledge: MarkerKnowledge
  readonly writes: SharedWrites
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly background: Background
  readonly stale: StaleAnswers
  /** Evictions of keys that have yet to arrive. */
  readonly journal: EvictionJournal
  readonly keyOf: (key: string) => string
  readonly keys: KeyNames
  /** How long others wait for a load. */
  readonly loadDeadlineMs: number
  /** How long a call may wait for the shared tier. */
  readonly commandTimeoutMs: number
}

/**
 * The tier that all processes share: reads an entry or takes a lease in one command, loads, and fills where the lease
 * still stands. Once it has failed a load it is not asked again for that load, so that a call is delayed by one
 * timeout at the most.
 */
export class SharedTier implements Tier {
  /** The tier to ask for a newer value than the present one. */
  readonly refresh: SharedRefresh
  /** What it has, without loading. */
  readonly lookups: SharedLookups
  /** Many keys at once. */
  readonly group: SharedGroup
  readonly #fill: SharedFill

  constructor(
    private readonly parts: SharedTierParts,
    private readonly below: Tier,
  ) {
    this.refresh = new SharedRefresh(parts, below)
    this.lookups = new SharedLookups(parts)
    this.group = new SharedGroup(parts)
    this.#fill = new SharedFill(parts, below)
  }

  get writes(): SharedWrites {
    return this.parts.writes
  }

  get knowledge(): MarkerKnowledge {
    return this.parts.knowledge
  }

  async load(flight: Flight): Promise<Loaded> {
    const { observer, clock } = this.parts
    const lease = encodeLease(uniqueText())
    flight.lease = lease
    // Whoever loads gives its lease up at its own deadline, which was no later than this.
    const waitsUntil = flight.startedAt + this.parts.loadDeadlineMs + leaseMs
    const missed = (): void => {
      observer.stats.sharedMisses++
      observer.miss(flight.key)
    }
    for (;;) {
      const mayWait = !flight.isAborted && clock.now() < waitsUntil
      const found = await this.#find(flight, lease, mayWait)
      if (typeof found === 'object') return found
      if (found === 'changed') continue
      if (found === 'stale' || found === 'untold') {
        // It stays where it is until the next takes its place: who fails to load that may serve it.
        const dueAt = ({ expiresAt }: Entry): number => expiresAt
        const budgetMs = budgetOf(this.parts, flight)
        const loaded = await this.refresh.attempt(flight, { dueAt, budgetMs, onLoad: missed })
        if (typeof loaded === 'object') return loaded
        const waits = found === 'stale'
        if (loaded === 'busy' && waits) await this.#untilChanged(flight)
        if (loaded === 'gone' || (loaded === 'busy' && waits)) continue
      }
      missed()
      flight.throwIfAborted()
      flight.stamp = this.parts.markers.stamp
      return found === 'lease' ? this.#fill.load(flight, lease) : this.below.load(flight)
    }
  }

  /**
   * The value, or the lease to load it, or neither where the shared tier cannot help.
   *
   * @returns `'changed'`: somebody else did something first, so look again; `'stale'`: there is a value past its life;
   *   `'untold'`: so there is, but whoever loads the next must not be waited for
   */
  async #find(
    flight: Flight,
    lease: Buffer,
    mayWait: boolean,
  ): Promise<Loaded | 'lease' | 'neither' | 'changed' | 'stale' | 'untold'> {
    const { store, frames, clock, observer, journal, knowledge, background } = this.parts
    const sharedKey = this.parts.keyOf(flight.key)
    // What should be gone may still stand there.
    if (journal.holds(sharedKey)) return 'neither'
    // Asking would be refused at once, at more cost than this.
    const silence = store.silenceOf(sharedKey)
    if (silence !== undefined) {
      flight.sharedMs = Number.POSITIVE_INFINITY
      observer.failed('get', silence, { key: flight.key })
      return 'neither'
    }
    try {
      const askedAt = clock.now()
      const { mark } = journal
      // From here on the feed may tell of a change that is younger than the answer.
      flight.changed = false
      flight.stirred = false
      const [found] = await Promise.all([
        store.lease(sharedKey, lease, leaseMs, flight.formerLease),
        knowledge.ask(askedAt, flight.request.tagged),
      ])
      // It may have been kept, or sent again to a server that had lost it, while the answer was on its way.
      if (journal.touchedSince(sharedKey, mark)) {
        background.track(store.release(sharedKey, lease))
        return 'neither'
      }
      flight.vouchedAt = askedAt
      const reading = await frames.read(flight.key, found, askedAt, flight.request.terms.policies)
      flight.sharedMs += clock.now() - askedAt
      if (reading.kind === 'entry' || reading.kind === 'stale') {
        flight.vouchedAt = Math.min(askedAt, reading.entry.verifiedAt)
        if (reading.kind === 'entry') return this.#hit(reading.entry, flight)
        if (this.#isAnswer(reading.entry, flight)) return { ...this.#hit(reading.entry, flight), isStale: true }
      }
      // What stands in for the next value is what the shared tier has, not what there once was here.
      flight.previous = reading.kind === 'stale' ? reading.entry : undefined
      // Without a feed nobody would tell when the other process is done.
      const waits = mayWait && found.watch !== undefined
      if (reading.kind === 'stale') return waits ? 'stale' : 'untold'
      if (reading.kind === 'leased' && waits) {
        await this.#untilChanged(flight)
        return 'changed'
      }
      if (reading.kind === 'absent') return 'lease'
      if (reading.kind !== 'dead') return 'neither'
      const over = store.lease(sharedKey, lease, leaseMs, reading.head)
      const taken = await inTime<Found | 'late'>(this.parts, over, budgetOf(this.parts, flight), () => 'late')
      if (taken === 'late') {
        background.track(over.finally(() => store.release(sharedKey, lease)))
        flight.sharedMs = Number.POSITIVE_INFINITY
        return 'neither'
      }
      if (taken.bytes === null) return 'lease'
      // Somebody else replaced it first: a value, or a lease to wait for.
      return waits ? 'changed' : 'neither'
    } catch (error) {
      flight.sharedMs = Number.POSITIVE_INFINITY
      // A lease that was asked for may be granted late; it must not keep others from filling.
      background.track(store.release(sharedKey, lease))
      observer.failed('get', error, { key: flight.key })
      return 'neither'
    }
  }

  /** Whether a value past its life is served without the next being waited for. */
  #isAnswer(entry: Entry, { key, request }: Flight): boolean {
    return this.parts.stale.reason(key, entry, request.terms) !== undefined
  }

  #hit(entry: Entry, { key }: Flight): Loaded {
    this.parts.observer.hit(key, entry, 'shared')
    return { entry, keep: true, value: undefined }
  }

  /**
   * Waits for the load of another process. Its fill, its giving up and every evict change the key, and the feed tells;
   * the timer is for a holder that died, whose lease may expire unseen.
   */
  #untilChanged(flight: Flight): Promise<void> {
    if (flight.changed || flight.stirred) return Promise.resolve()
    flight.request.decided?.()
    return new Promise((resolve) => {
      const woken = (): void => {
        cancel()
        flight.wake = () => {}
        flight.signal.removeEventListener('abort', woken)
        resolve()
      }
      const cancel = this.parts.clock.setTimer(woken, leaseMs / 4)
      flight.wake = woken
      flight.signal.addEventListener('abort', woken)
    })
  }
}
