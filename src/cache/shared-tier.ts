import { encodeLease } from '../codec/frame'
import type { EvictionJournal } from '../coherence/eviction-journal'
import type { CompleteClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import { uniqueText } from '../kernel/unique'
import type { SharedStore } from '../stores/shared-store'
import type { Background } from './background'
import type { CacheObserver } from './cache-observer'
import type { Flight } from './flight'
import type { SharedEntries } from './shared-entries'
import type { TagMarkers } from './tag-markers'
import type { TagNames } from './tag-names'
import type { Loaded, Tier } from './tier'

/** What a {@link SharedTier} works with. */
export interface SharedTierParts {
  readonly store: SharedStore
  readonly frames: SharedEntries
  readonly markers: TagMarkers
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly background: Background
  /** Evictions of keys that have yet to arrive. */
  readonly journal: EvictionJournal
  readonly keyOf: (key: string) => string
  readonly names: TagNames
  /** How old an answer of the shared tier may be and still be believed. */
  readonly maxStalenessMs: number
  /** How long a call may wait for the shared tier. */
  readonly commandTimeoutMs: number
}

/** How long a lease lasts unless it is renewed; so long may a holder that died keep others from filling. */
const leaseMs = 5_000

/** How long a load waits for another process's before it goes ahead without filling: a loader may hang for ever. */
const longestWaitMs = 10_000

// An eviction that cannot be sent for so long is given up to the ttl of what it should have removed.
const deferredLifeMs = 24 * 3_600_000

// Markers live on after the entries that carry them, so that no entry dies of its marker's expiry.
const markerSlackMs = 60_000

/**
 * The tier that all processes share: reads an entry or takes a lease in one command, loads, and fills where the lease
 * still stands. Once it has failed a load it is not asked again for that load, so that a call is delayed by one
 * timeout at the most.
 */
export class SharedTier implements Tier {
  constructor(
    private readonly parts: SharedTierParts,
    private readonly below: Tier,
  ) {}

  async load(flight: Flight): Promise<Loaded> {
    const { observer } = this.parts
    const lease = encodeLease(uniqueText())
    flight.lease = lease
    const found = await this.#entryOrLease(flight, lease)
    if (typeof found === 'object') {
      observer.hit(flight.key, found, 'shared')
      return { entry: found, keep: true, value: undefined }
    }
    observer.miss(flight.key)
    flight.stamp = this.parts.markers.stamp
    return found === 'lease' ? this.#loadUnder(lease, flight) : this.below.load(flight)
  }

  /** The entry, or the lease to load it, or neither where the shared tier cannot help. */
  async #entryOrLease(flight: Flight, lease: Buffer): Promise<Entry | 'lease' | 'neither'> {
    const { store, frames, clock, observer, journal } = this.parts
    const sharedKey = this.parts.keyOf(flight.key)
    try {
      for (;;) {
        // What should be gone may still stand there.
        if (journal.holds(sharedKey)) return 'neither'
        const askedAt = clock.now()
        const { epoch } = store.feed
        // From here on the feed may tell of a change that is younger than the answer.
        flight.changed = false
        const [found] = await Promise.all([
          store.lease(sharedKey, lease, leaseMs, flight.formerLease),
          this.#tryAskMarkers(askedAt, flight.request.tagged),
        ])
        flight.vouchedAt = askedAt
        const reading = await frames.read(flight.key, found, askedAt, epoch)
        flight.sharedMs += clock.now() - askedAt
        if (reading.kind === 'entry') return reading.entry
        // Without a feed nobody would tell when the other process is done.
        const mayWait = epoch !== undefined && !flight.signal.aborted && clock.now() - flight.startedAt < longestWaitMs
        if (reading.kind === 'leased' && mayWait) {
          await this.#untilChanged(flight)
          continue
        }
        observer.stats.sharedMisses++
        if (reading.kind === 'absent') return 'lease'
        if (reading.kind !== 'dead') return 'neither'
        return (await store.lease(sharedKey, lease, leaseMs, reading.head)) === null ? 'lease' : 'neither'
      }
    } catch (error) {
      observer.sharedFailed('get', error)
      flight.sharedMs = Number.POSITIVE_INFINITY
      // A lease that was asked for may be granted late; it must not keep others from filling.
      this.parts.background.track(store.release(sharedKey, lease))
      return 'neither'
    }
  }

  /**
   * Waits for the load of another process. Its fill, its giving up and every evict change the key, and the feed tells;
   * the timer is for a holder that died, whose lease may expire unseen.
   */
  #untilChanged(flight: Flight): Promise<void> {
    if (flight.changed) return Promise.resolve()
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

  /**
   * Learns the counter, so that a write is not numbered below what was evicted before it began. A write without tags
   * needs it once: only clears can be above it, and the next read learns of those.
   *
   * @returns false if the shared tier did not answer
   */
  async meet(tagged: boolean): Promise<boolean> {
    const { markers, names, clock } = this.parts
    const isBehind = !markers.knows(names.clears) || (tagged && markers.isCounterStale)
    return isBehind ? this.#tryAskMarkers(clock.now(), tagged) : true
  }

  /** Whether a key has an entry that is alive; not counted as a read. */
  async holds(key: string): Promise<boolean> {
    const { store, frames, clock, observer } = this.parts
    try {
      const askedAt = clock.now()
      const [found] = await Promise.all([store.getMany([this.parts.keyOf(key)]), this.#tryAskMarkers(askedAt, false)])
      return (await frames.read(key, found[0] ?? null, askedAt, undefined)).kind === 'entry'
    } catch (error) {
      observer.sharedFailed('get', error)
      return false
    }
  }

  /** Reads many keys in one round trip without loading them. */
  async peekMany(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    const { store, frames, clock, observer } = this.parts
    try {
      const askedAt = clock.now()
      const { epoch } = store.feed
      const [found] = await Promise.all([
        store.getMany(keys.map(this.parts.keyOf)),
        this.#tryAskMarkers(askedAt, false),
      ])
      return await Promise.all(
        keys.map(async (key, index) => {
          const bytes = this.parts.journal.holds(this.parts.keyOf(key)) ? null : (found[index] ?? null)
          const reading = await frames.read(key, bytes, askedAt, epoch)
          if (reading.kind !== 'entry') {
            observer.stats.sharedMisses++
            return undefined
          }
          observer.hit(key, reading.entry, 'shared')
          return reading.entry
        }),
      )
    } catch (error) {
      observer.sharedFailed('get', error)
      return keys.map(() => undefined)
    }
  }

  /** The time by the shared tier's clock at which a write begins, or a little earlier. */
  get beginning(): number {
    return this.parts.store.earliestServerTime()
  }

  /**
   * Writes entries, unless another process has written their keys since this write began.
   *
   * @returns for each the entry as the local tier may keep it, or undefined
   */
  async putMany(
    puts: readonly { readonly key: string; readonly entry: Entry }[],
    beganAt: number,
  ): Promise<(Entry | undefined)[]> {
    const { store, frames, clock, observer } = this.parts
    const framed = puts.map(({ key, entry }) => ({ key, entry, bytes: frames.write(key, entry) }))
    const carried = framed.filter((put): put is typeof put & { bytes: Buffer } => put.bytes !== undefined)
    const refused = framed.filter((put) => put.bytes === undefined).map((put) => this.parts.keyOf(put.key))
    const sentAt = clock.now()
    const { epoch } = store.feed
    let stands: readonly boolean[]
    try {
      ;[stands] = await Promise.all([
        store.putMany(
          carried.map(({ key, entry, bytes }) => ({
            key: this.parts.keyOf(key),
            bytes,
            lifeMs: entry.expiresAt - sentAt,
            beganAt,
          })),
        ),
        this.#ensureMarkers(
          carried.map(({ entry }) => entry),
          sentAt,
        ),
        // What cannot be carried must at least not leave the older value behind.
        ...(refused.length > 0 ? [store.delete(refused)] : []),
      ])
    } catch (error) {
      observer.sharedFailed('put', error)
      // It is not known which value stands there now.
      this.parts.journal.keep(
        puts.map(({ key }) => this.parts.keyOf(key)),
        deferredLifeMs,
      )
      return puts.map(() => undefined)
    }
    const standing = new Set(carried.filter((_, index) => stands[index]).map(({ key }) => key))
    return framed.map(({ key, entry }) => (standing.has(key) ? this.#asOf(entry, sentAt, epoch) : undefined))
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

  async #loadUnder(lease: Buffer, flight: Flight): Promise<Loaded> {
    const sharedKey = this.parts.keyOf(flight.key)
    const stopRenewing = this.#renew(sharedKey, lease, flight)
    let filled = false
    try {
      flight.signal.throwIfAborted()
      const loaded = await this.below.load(flight)
      stopRenewing()
      if (!loaded.keep || loaded.entry === undefined || flight.revoked) return loaded
      const bytes = this.parts.frames.write(flight.key, loaded.entry)
      if (bytes === undefined) return loaded
      const filling = this.#fill(sharedKey, lease, flight, loaded.entry, bytes)
      filled = true
      return await this.#inBudget(filling, flight, loaded)
    } finally {
      stopRenewing()
      if (!filled) this.parts.background.track(this.parts.store.release(sharedKey, lease))
    }
  }

  async #fill(sharedKey: string, lease: Buffer, flight: Flight, entry: Entry, bytes: Buffer): Promise<Loaded> {
    const { store, clock, observer } = this.parts
    const sentAt = clock.now()
    const { epoch } = store.feed
    // Our own lease may still be echoed; an evict since then has removed it, and the fill will be refused.
    flight.changed = false
    try {
      const [filled] = await Promise.all([
        store.fill(sharedKey, lease, bytes, entry.expiresAt - sentAt),
        this.#ensureMarkers([entry], sentAt),
      ])
      if (filled) flight.vouchedAt = sentAt
      const kept = filled ? this.#asOf(entry, sentAt, epoch) : undefined
      if (kept === undefined) observer.superseded(flight.key)
      return { entry: kept ?? entry, keep: kept !== undefined, value: undefined }
    } catch (error) {
      // The value is good for as long as a load may be believed; whether the fill took effect is not known.
      observer.sharedFailed('put', error)
      this.parts.background.track(store.release(sharedKey, lease))
      return { entry, keep: true, value: undefined }
    }
  }

  /** The entry as the shared tier vouched for it, or undefined if one of its tags was evicted after its load began. */
  #asOf(entry: Entry, sentAt: number, epoch: number | undefined): Entry | undefined {
    const markers = [...this.parts.names.clears, ...entry.markers]
    if (this.parts.markers.judge(markers, entry.stamp) !== 'alive') return undefined
    const watched =
      epoch !== undefined && epoch === this.parts.store.feed.epoch && this.parts.markers.areWatched(markers)
    return { ...entry, watched, verifiedAt: Math.min(sentAt, this.parts.markers.verifiedAt(markers)) }
  }

  async #ensureMarkers(entries: readonly Entry[], now: number): Promise<void> {
    if (entries.length === 0) return
    const { markers, names, maxStalenessMs } = this.parts
    const lifeMs = Math.max(...entries.map(({ expiresAt }) => expiresAt)) - now + markerSlackMs
    const carried = new Set([...names.clears, ...entries.flatMap((entry) => entry.markers)])
    // Twice what is needed, so that a marker many entries carry is not prolonged with each of them.
    await markers.ensure(markers.due([...carried], now, maxStalenessMs / 2, lifeMs), 2 * lifeMs, now)
  }

  /**
   * Asks what a load, and the judgement of an entry, start from: the counter and the markers of clears. In the same
   * flush as the read and at half the life of the answers, so that it costs no wait of its own. A load whose value may
   * carry tags always starts from the counter as it is now: numbered with an older one, its entry would be dead on
   * arrival whenever a tag is new and another process evicts tags often.
   */
  async #askMarkers(now: number, tagged: boolean): Promise<void> {
    const { markers, names, maxStalenessMs } = this.parts
    if (!markers.knows(names.clears)) return markers.ensure(names.clears, markerSlackMs, now)
    const due = markers.unverified(names.clears, now, maxStalenessMs / 2)
    if ((tagged && markers.isCounterStale) || due.length > 0) await markers.verify(due, now)
  }

  /** What cannot be learned now makes entries dead, and loads number themselves too low: both are safe. */
  async #tryAskMarkers(now: number, tagged: boolean): Promise<boolean> {
    try {
      await this.#askMarkers(now, tagged)
      return true
    } catch (error) {
      this.parts.observer.sharedFailed('tags', error)
      return false
    }
  }

  /**
   * Waits for a fill as long as one command may take, less what the call has waited for the shared tier already. After
   * that the fill goes on by itself, and the caller has the value as good as its load was.
   */
  async #inBudget(filling: Promise<Loaded>, flight: Flight, loaded: Loaded): Promise<Loaded> {
    const left = this.parts.commandTimeoutMs - flight.sharedMs
    let cancel = (): void => {}
    const late = new Promise<Loaded>((resolve) => {
      cancel = this.parts.clock.setTimer(() => resolve(loaded), Math.max(0, left))
    })
    this.parts.background.track(filling)
    try {
      return await Promise.race([filling, late])
    } finally {
      cancel()
    }
  }

  #renew(sharedKey: string, lease: Buffer, flight: Flight): () => void {
    const { store, clock, background } = this.parts
    let cancel = (): void => {}
    const again = (): void => {
      const sentAt = clock.now()
      const renewed = store.renew(sharedKey, lease, leaseMs).then((isHeld) => {
        // An evict would have removed the lease.
        if (isHeld) flight.vouchedAt = sentAt
      })
      background.track(renewed)
      cancel = clock.setTimer(again, leaseMs / 3)
    }
    cancel = clock.setTimer(again, leaseMs / 3)
    return () => cancel()
  }
}
