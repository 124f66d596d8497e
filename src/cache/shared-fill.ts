import type { Entry } from '../kernel/entry'
import { budgetOf, inTime } from './budget'
import type { CacheObserver } from './cache-observer'
import type { Flight } from './flight'
import { keepLease, type LeaseParts } from './lease'
import type { MarkerKnowledge } from './marker-knowledge'
import type { SharedEntries } from './shared-entries'
import type { Loaded, Tier } from './tier'

/** What a {@link SharedFill} works with. */
export interface SharedFillParts extends LeaseParts {
  readonly frames: SharedEntries
  readonly knowledge: MarkerKnowledge
  readonly observer: CacheObserver
  readonly keyOf: (key: string) => string
  /** How long a call may wait for the shared tier. */
  readonly commandTimeoutMs: number
}

/** What a load brought, and how it travels. */
interface Filling {
  readonly entry: Entry
  readonly bytes: Buffer
  readonly value: unknown
}

/** Loads a value under the lease of its key, and puts it in the place of the lease where that still stands. */
export class SharedFill {
  constructor(
    private readonly parts: SharedFillParts,
    private readonly below: Tier,
  ) {}

  async load(flight: Flight, lease: Buffer): Promise<Loaded> {
    const sharedKey = this.parts.keyOf(flight.key)
    const vouch = (sentAt: number): void => this.parts.knowledge.vouch(flight, sentAt)
    const stopRenewing = keepLease(this.parts, sharedKey, lease, flight, vouch)
    let filled = false
    try {
      flight.throwIfAborted()
      const loaded = await this.below.load(flight)
      stopRenewing()
      if (!loaded.keep || loaded.entry === undefined || flight.revoked) return loaded
      const bytes = this.parts.frames.write(flight.key, loaded.entry)
      if (bytes === undefined) return loaded
      const filling = this.#fill(sharedKey, lease, flight, { ...loaded, entry: loaded.entry, bytes })
      filled = true
      // After that the fill goes on by itself, and the caller has the value as good as its load was.
      return await inTime(this.parts, filling, budgetOf(this.parts, flight), () => loaded)
    } finally {
      stopRenewing()
      if (!filled) this.parts.background.track(this.parts.store.release(sharedKey, lease))
    }
  }

  async #fill(sharedKey: string, lease: Buffer, flight: Flight, { entry, bytes, value }: Filling): Promise<Loaded> {
    const { store, clock, observer, knowledge } = this.parts
    const sentAt = clock.now()
    // Our own lease may still be echoed; an evict since then has removed it, and the fill will be refused.
    flight.changed = false
    try {
      const [written] = await Promise.all([
        store.fill(sharedKey, lease, bytes, entry.staleUntil - sentAt, entry.version),
        knowledge.ensure([entry], sentAt),
      ])
      const kept = written.stands ? knowledge.vouched(entry, sentAt, written.watch) : undefined
      if (kept === undefined) observer.superseded(flight.key)
      else flight.vouchedAt = Math.max(flight.vouchedAt, kept.verifiedAt)
      return { entry: kept ?? entry, keep: kept !== undefined, value: undefined }
    } catch (error) {
      // The value is good for as long as a load may be believed; whether the fill took effect is not known.
      this.parts.background.track(store.release(sharedKey, lease))
      observer.failed('put', error, { key: flight.key, value })
      return { entry, keep: true, value: undefined }
    }
  }
}
