import { encodeLease } from '../codec/frame'
import type { Entry } from '../kernel/entry'
import { uniqueText } from '../kernel/unique'
import { budgetOf, inTime } from './budget'
import type { Flight } from './flight'
import { leaseMs } from './lease'
import type { SharedTierParts } from './shared-tier'
import type { Loaded } from './tier'

/** What a load among others may do next: fill what it loads, keep it here alone, or find out by itself why not. */
export type Admission = 'lease' | 'neither' | 'alone'

/** The value of a load among others, on its way to the shared tier. */
export interface GroupFilling {
  readonly flight: Flight
  readonly entry: Entry
  readonly bytes: Buffer
  readonly value: unknown
}

/**
 * What {@link SharedTier} and {@link SharedFill} do for one key, for many at once where nothing stood: the leases are taken in
 * one command, renewed by one timer, and filled in one command.
 */
export class SharedGroup {
  constructor(private readonly parts: SharedTierParts) {}

  /** Whether nothing keeps these keys from being asked for. */
  isAskable(key: string): boolean {
    const sharedKey = this.parts.keyOf(key)
    return !this.parts.journal.holds(sharedKey) && this.parts.store.silenceOf(sharedKey) === undefined
  }

  /** The loads by who has to answer for their keys. */
  byServer(flights: readonly Flight[]): readonly (readonly Flight[])[] {
    const byKey = new Map(flights.map((flight) => [this.parts.keyOf(flight.key), flight]))
    return this.parts.store.groups([...byKey.keys()]).map((keys) => keys.map((key) => byKey.get(key)!))
  }

  /** Takes the leases of those where nothing stands. @throws what the user's handler of errors throws */
  async admit(flights: readonly Flight[]): Promise<readonly Admission[]> {
    const { store, clock, observer, journal, knowledge, markers, keyOf } = this.parts
    const keys = flights.map(({ key }) => keyOf(key))
    const leases = flights.map((flight) => {
      const lease = encodeLease(uniqueText())
      flight.lease = lease
      flight.changed = false
      flight.stirred = false
      return lease
    })
    const askedAt = clock.now()
    const { mark } = journal
    const tagged = flights.some(({ request }) => request.tagged)
    let admissions: Admission[]
    try {
      const [taken] = await Promise.all([store.leaseMany(keys, leases, leaseMs), knowledge.ask(askedAt, tagged)])
      const sharedMs = clock.now() - askedAt
      admissions = flights.map((flight, index) => {
        flight.sharedMs += sharedMs
        if (!taken[index]) return 'alone'
        // It may have been kept, or sent again to a server that had lost it, while the answer was on its way.
        if (journal.touchedSince(keys[index]!, mark)) {
          this.giveBack(flight)
          return 'neither'
        }
        flight.vouchedAt = askedAt
        return 'lease'
      })
    } catch (error) {
      for (const flight of flights) {
        flight.sharedMs = Number.POSITIVE_INFINITY
        // Leases that were asked for may be granted late; they must not keep others from filling.
        this.giveBack(flight)
      }
      for (const { key } of flights) observer.failed('get', error, { key })
      admissions = flights.map(() => 'neither')
    }
    for (const [index, flight] of flights.entries()) {
      if (admissions[index] === 'alone') continue
      observer.stats.sharedMisses++
      observer.miss(flight.key)
      flight.stamp = markers.stamp
    }
    return admissions
  }

  /** Renews the leases of those that have not landed, as `keepLease` does for one. What it returns stops it. */
  hold(flights: ReadonlySet<Flight>): () => void {
    const { store, clock, background, loadDeadlineMs, knowledge, keyOf } = this.parts
    let cancel = (): void => {}
    const again = (): void => {
      const askedAt = clock.now()
      // They may hang for ever: others take over when the lease has run out.
      const its = [...flights].filter(({ startedAt }) => askedAt - startedAt < loadDeadlineMs)
      if (its.length === 0) return
      const leases = its.map(({ lease }) => lease!)
      const renewed = store.renewMany(
        its.map(({ key }) => keyOf(key)),
        leases,
        leaseMs,
      )
      background.track(
        renewed.then((held) => {
          for (const [index, flight] of its.entries()) if (held[index]) knowledge.vouch(flight, askedAt)
        }),
      )
      cancel = clock.setTimer(again, leaseMs / 3)
    }
    cancel = clock.setTimer(again, leaseMs / 3)
    return background.untilClosed(() => cancel())
  }

  /** Gives up a lease, so that others may load. */
  giveBack({ key, lease }: Flight): void {
    const { background, store, keyOf } = this.parts
    background.track(store.release(keyOf(key), lease!))
  }

  /** The bytes of what a load brought; undefined where it is not to be kept. */
  bytesOf({ entry, keep }: Loaded, flight: Flight): Buffer | undefined {
    if (!keep || entry === undefined || flight.revoked) return undefined
    return this.parts.frames.write(flight.key, entry)
  }

  /** Puts values in the place of their leases, where these still stand. */
  async fill(fillings: readonly GroupFilling[]): Promise<readonly Loaded[]> {
    const filling = this.#fill(fillings)
    const budgetMs = Math.min(...fillings.map(({ flight }) => budgetOf(this.parts, flight)))
    // After that the fill goes on by itself, and the callers have the values as good as their load was.
    return inTime(this.parts, filling, budgetMs, () =>
      fillings.map(({ entry, value }) => ({ entry, keep: true, value })),
    )
  }

  async #fill(fillings: readonly GroupFilling[]): Promise<readonly Loaded[]> {
    const { store, clock, observer, knowledge, keyOf } = this.parts
    const sentAt = clock.now()
    const fills = fillings.map(({ flight, entry, bytes }) => {
      // Our own leases may still be echoed; an evict since then has removed them, and the fill will be refused.
      flight.changed = false
      return {
        key: keyOf(flight.key),
        lease: flight.lease!,
        bytes,
        lifeMs: entry.staleUntil - sentAt,
        version: entry.version,
      }
    })
    try {
      const entries = fillings.map(({ entry }) => entry)
      const [written] = await Promise.all([store.fillMany(fills), knowledge.ensure(entries, sentAt)])
      return fillings.map(({ flight, entry }, index) => {
        const { stands, watch } = written[index]!
        const kept = stands ? knowledge.vouched(entry, sentAt, watch) : undefined
        if (kept === undefined) observer.superseded(flight.key)
        else flight.vouchedAt = Math.max(flight.vouchedAt, kept.verifiedAt)
        return { entry: kept ?? entry, keep: kept !== undefined, value: undefined }
      })
    } catch (error) {
      // The values are good for as long as a load may be believed; whether the fills took effect is not known.
      for (const { flight } of fillings) this.giveBack(flight)
      for (const { flight, value } of fillings) observer.failed('put', error, { key: flight.key, value })
      return fillings.map(({ entry }) => ({ entry, keep: true, value: undefined }))
    }
  }
}
