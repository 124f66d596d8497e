import { encodeLease } from '../codec/frame'
import type { EvictionJournal } from '../coherence/eviction-journal'
import type { Entry } from '../kernel/entry'
import { uniqueText } from '../kernel/unique'
import { budgetOf, inTime } from './budget'
import type { CacheObserver } from './cache-observer'
import type { Flight } from './flight'
import { refreshSuffix } from './key-names'
import { keepLease, type LeaseParts, leaseMs } from './lease'
import type { MarkerKnowledge } from './marker-knowledge'
import type { SharedEntries } from './shared-entries'
import type { TagMarkers } from './tag-markers'
import type { Loaded, Tier } from './tier'

/** What a {@link SharedRefresh} works with. */
export interface SharedRefreshParts extends LeaseParts {
  readonly frames: SharedEntries
  readonly markers: TagMarkers
  readonly knowledge: MarkerKnowledge
  readonly observer: CacheObserver
  readonly journal: EvictionJournal
  readonly keyOf: (key: string) => string
  /** How long a call may wait for the shared tier. */
  readonly commandTimeoutMs: number
}

interface Present {
  readonly entry: Entry
  /** How its frame begins. */
  readonly head: Buffer
}

/** How a value is to be loaded anew. */
export interface Attempt {
  /** When the present value, read under the lease, is due: before that another process was faster, and it is the answer. */
  readonly dueAt: (present: Entry) => number
  /** How long the shared tier is waited for; after that the tier below is asked meanwhile. */
  readonly budgetMs: number
  /** Told before the tier below is asked. */
  readonly onLoad: () => void
}

type Absence = 'busy' | 'gone' | 'failed'

/** Whether nobody waits for the answer any more: what comes of it must not touch the load. */
interface Asking {
  isOver: boolean
}

const abandoned: Loaded = { entry: undefined, keep: false, value: undefined, isAbandoned: true }

/**
 * Loads a value anew while the present one is still served. One process at a time does, by a lease beside the value; and
 * the new value takes the place of that very frame, so that whatever was put or evicted meanwhile stays as it is.
 */
export class SharedRefresh implements Tier {
  constructor(
    private readonly parts: SharedRefreshParts,
    private readonly below: Tier,
  ) {}

  async load(flight: Flight): Promise<Loaded> {
    const patient = { budgetMs: Number.POSITIVE_INFINITY, onLoad: () => {} }
    const loaded = await this.attempt(flight, { ...patient, dueAt: ({ refreshAt }) => refreshAt })
    return typeof loaded === 'object' ? loaded : abandoned
  }

  /**
   * @returns `'busy'`: another process has the lease; `'gone'`: there is no value to put another in the place of;
   *   `'failed'`: the shared tier did not answer
   */
  async attempt(flight: Flight, attempt: Attempt): Promise<Loaded | Absence> {
    const { clock, background, store } = this.parts
    const leaseKey = this.parts.keyOf(flight.key) + refreshSuffix
    const lease = encodeLease(uniqueText())
    const beganAt = clock.now()
    const asking: Asking = { isOver: false }
    const beginning = this.#begin(leaseKey, lease, flight, asking)
    const present = await inTime<Present | Absence | 'late'>(this.parts, beginning, attempt.budgetMs, () => 'late')
    asking.isOver = true
    flight.sharedMs += clock.now() - beganAt
    if (present === 'late') return this.#loadMeanwhile(beginning, leaseKey, lease, flight, attempt)
    if (typeof present === 'string') return present
    const stopRenewing = keepLease(this.parts, leaseKey, lease, flight)
    let isHeld = true
    const giveBack = (): void => {
      if (!isHeld) return
      isHeld = false
      stopRenewing()
      background.track(store.release(leaseKey, lease))
    }
    // What it would replace is gone, or it was given up: nobody need wait for it.
    flight.wake = () => (flight.changed || flight.revoked) && giveBack()
    flight.signal.addEventListener('abort', giveBack)
    try {
      if (clock.now() < attempt.dueAt(present.entry)) return { entry: present.entry, keep: true, value: undefined }
      flight.previous = present.entry
      return await this.#replace(present, await this.#load(flight, attempt), flight)
    } finally {
      flight.wake = () => {}
      flight.signal.removeEventListener('abort', giveBack)
      giveBack()
    }
  }

  async #load(flight: Flight, { onLoad }: Attempt): Promise<Loaded> {
    flight.stamp = this.parts.markers.stamp
    onLoad()
    flight.throwIfAborted()
    return this.below.load(flight)
  }

  /** Does not wait for a shared tier that is slow: it has the value when it has granted the lease. */
  async #loadMeanwhile(
    beginning: Promise<Present | Absence>,
    leaseKey: string,
    lease: Buffer,
    flight: Flight,
    attempt: Attempt,
  ): Promise<Loaded> {
    const { clock, background, store } = this.parts
    flight.sharedMs = Number.POSITIVE_INFINITY
    let loaded: Loaded | undefined
    try {
      loaded = await this.#load(flight, attempt)
      return loaded
    } finally {
      const its = loaded
      const ending = beginning.then(async (present) => {
        if (typeof present === 'string') return
        const isDue = clock.now() >= attempt.dueAt(present.entry)
        if (its !== undefined && isDue) await this.#replace(present, its, flight)
        await store.release(leaseKey, lease)
      })
      background.track(ending)
    }
  }

  /** Takes the lease and reads the value. */
  async #begin(leaseKey: string, lease: Buffer, flight: Flight, asking: Asking): Promise<Present | Absence> {
    const { store, frames, clock, observer, journal, knowledge, background } = this.parts
    const { terms, tagged } = flight.request
    const sharedKey = this.parts.keyOf(flight.key)
    if (journal.holds(sharedKey)) return 'gone'
    flight.stirred = false
    try {
      const askedAt = clock.now()
      const { mark } = journal
      const { changed } = flight
      flight.changed = false
      flight.vouchedAt = askedAt
      // In one flush and in this order, so that what is read was there when the lease was granted.
      const [taken, [found]] = await Promise.all([
        store.lease(leaseKey, lease, leaseMs),
        store.getMany([sharedKey]),
        knowledge.ask(askedAt, tagged),
      ])
      if (taken.bytes !== null) {
        // What was told before counts for who waits for the other process now.
        flight.changed ||= changed
        return 'busy'
      }
      const reading = await frames.read(flight.key, found!, askedAt, terms.policies)
      if ((reading.kind === 'entry' || reading.kind === 'stale') && !journal.touchedSince(sharedKey, mark)) {
        if (!asking.isOver) flight.vouchedAt = Math.min(askedAt, reading.entry.verifiedAt)
        return reading
      }
      // Gone, or being loaded: the next read sees to it.
      background.track(store.release(leaseKey, lease))
      return 'gone'
    } catch (error) {
      flight.sharedMs = Number.POSITIVE_INFINITY
      background.track(store.release(leaseKey, lease))
      observer.failed('get', error, { key: flight.key })
      return 'failed'
    }
  }

  async #replace(present: Present, loaded: Loaded, flight: Flight): Promise<Loaded> {
    const { frames, store, background, keyOf } = this.parts
    const { entry } = loaded
    if (!loaded.keep || entry === undefined || flight.revoked) return loaded
    const bytes = frames.write(flight.key, entry)
    if (bytes === undefined) {
      // What cannot be carried must at least not leave the older value behind.
      background.track(store.delete([keyOf(flight.key)]))
      return loaded
    }
    const replacing = this.#put(present, { ...loaded, entry }, bytes, flight)
    return inTime(this.parts, replacing, budgetOf(this.parts, flight), () => ({
      ...loaded,
      keep: false,
    }))
  }

  async #put(
    present: Present,
    { entry, value }: Loaded & { entry: Entry },
    bytes: Buffer,
    flight: Flight,
  ): Promise<Loaded> {
    const { store, clock, observer, knowledge } = this.parts
    const sentAt = clock.now()
    // The present frame may be told of once more; a change since then has put another in its place.
    flight.changed = false
    try {
      const [written] = await Promise.all([
        store.replace({
          key: this.parts.keyOf(flight.key),
          head: present.head,
          bytes,
          lifeMs: entry.staleUntil - sentAt,
          version: entry.version,
        }),
        knowledge.ensure([entry], sentAt),
      ])
      const kept = written.stands ? knowledge.vouched(entry, sentAt, written.watch) : undefined
      if (kept === undefined) observer.superseded(flight.key)
      return { entry: kept ?? entry, keep: kept !== undefined, value: undefined }
    } catch (error) {
      observer.failed('put', error, { key: flight.key, value })
      return { entry, keep: false, value }
    }
  }
}
