import type { Codec } from '../codec/codec'
import { decodeFrame, encodeFrame, type FrameHeader } from '../codec/frame'
import { joinWatches } from '../coherence/invalidation-feed'
import type { CompleteClock } from '../kernel/clock'
import { describeThrown } from '../kernel/describe'
import type { Entry } from '../kernel/entry'
import { cacheError, isCacheError } from '../kernel/errors'
import { uniqueBytes } from '../kernel/unique'
import { type Policies, plainPolicies } from '../policies/policies'
import { staleLife } from '../policies/staleness'
import type { Found, SharedStore } from '../stores/shared-store'
import type { CacheObserver } from './cache-observer'
import { asRefusal, type EntryMaker, timesOf } from './entry-maker'
import type { Isolation } from './isolation'
import type { TagMarkers } from './tag-markers'
import type { TagNames } from './tag-names'

/** What stands at a key of the shared tier. */
export type Reading =
  | { readonly kind: 'entry'; readonly entry: Entry; readonly head: Buffer }
  /** A value past its life, but not past what may follow it; nobody has evicted it. */
  | { readonly kind: 'stale'; readonly entry: Entry; readonly head: Buffer }
  | { readonly kind: 'absent' }
  /** Somebody is loading the value. */
  | { readonly kind: 'leased' }
  /** Written by a later version of this package: not ours to read, replace or delete. */
  | { readonly kind: 'newer' }
  /** A value nobody may be served any more, or no entry at all; `head` is how it begins. */
  | { readonly kind: 'dead'; readonly head: Buffer }

/** What {@link SharedEntries} works with. */
export interface SharedEntriesParts {
  readonly store: SharedStore
  readonly codec: Codec
  readonly markers: TagMarkers
  readonly isolation: Isolation
  readonly entries: EntryMaker
  readonly clock: CompleteClock
  readonly observer: CacheObserver
  readonly names: TagNames
  readonly maxValueBytes: number
}

// Enough to tell two frames apart: magic, checksum and the fill's random id all stand in the first bytes.
export const headBytes = 32

const absent: Reading = { kind: 'absent' }
const leased: Reading = { kind: 'leased' }
const newer: Reading = { kind: 'newer' }

/** Translates between entries and the frames in which the shared tier keeps them, and judges what it reads. */
export class SharedEntries {
  constructor(private readonly parts: SharedEntriesParts) {}

  /**
   * Reads what stands at a key. Never throws for what is found there: anything unreadable is a dead value and an event.
   *
   * @param askedAt clock reading at which the shared tier was asked
   * @param policies of who reads; they say when the entry is to be loaded anew
   * @throws what the shared tier throws if the markers of the entry's tags have to be asked for
   */
  async read(
    key: string,
    { bytes, watch }: Found,
    askedAt: number,
    policies: Policies = plainPolicies,
  ): Promise<Reading> {
    if (bytes === null) return absent
    const frame = decodeFrame(bytes, key)
    if (frame.kind === 'lease') return leased
    if (frame.kind === 'newer') return newer
    const dead: Reading = { kind: 'dead', head: bytes.subarray(0, headBytes) }
    if (frame.kind === 'unreadable') return this.#unreadable(key, frame.reason, dead)
    const { header } = frame
    const expiresAt = this.#toClock(header.expiresAt)
    const staleUntil = this.#toClock(header.staleUntil)
    const now = this.parts.clock.now()
    if (staleUntil <= now) return dead
    const { names } = this.parts
    const markers = [...names.clears, ...names.of(key, header.tags)]
    if (!(await this.#isAlive(markers, header.stamp, askedAt))) return dead
    const verifiedAt = Math.min(askedAt, this.parts.markers.verifiedAt(markers))
    const watched = joinWatches([watch, this.parts.markers.watchOf(names.clears)])
    const origin = { stamp: header.stamp, verifiedAt, loadMs: header.loadTime, watch: watched }
    try {
      const value = this.parts.codec.decode(frame.format, frame.payload)
      const createdAt = this.#toClock(header.createdAt)
      const refreshAt = header.isError
        ? Number.POSITIVE_INFINITY
        : timesOf(createdAt, expiresAt, header.loadTime, policies).refreshAt
      const entry = this.parts.entries.adopt(
        key,
        value,
        header,
        { createdAt, expiresAt, staleUntil, refreshAt },
        origin,
      )
      return { kind: expiresAt <= now ? 'stale' : 'entry', entry, head: dead.head }
    } catch (error) {
      return this.#unreadable(key, describeThrown(error), dead)
    }
  }

  /** The frame of an entry; undefined, and reported, if it cannot be carried or is too large. */
  write(key: string, entry: Entry): Buffer | undefined {
    const { codec, isolation, maxValueBytes, observer } = this.parts
    try {
      // An error is held as it was thrown; it travels as a value of its class.
      const held = entry.isError ? isolation.hold(entry.held).held : entry.held
      const { format, payload } = codec.encode(isolation.snapshot(held))
      if (payload.length > maxValueBytes) {
        throw cacheError(
          'CW_VALUE_TOO_LARGE',
          `The encoded value has ${payload.length} bytes, more than \`maxValueBytes\` (${maxValueBytes}). Return less, or raise the limit.`,
        )
      }
      return encodeFrame(this.#headerOf(key, entry), format, payload)
    } catch (error) {
      // A value was copied before; what a field of an error does when it is read is not known yet.
      if (!isCacheError(error) && !entry.isError) throw error
      observer.refused(key, asRefusal(error))
      return undefined
    }
  }

  /**
   * The same frame with its life ended now; undefined where there is nothing past its life, or no entry.
   *
   * @param staleMs how long a value may be served past a life that would not have ended
   */
  expired(
    key: string,
    bytes: Buffer,
    staleMs: number,
  ): { readonly bytes: Buffer; readonly lifeMs: number } | undefined {
    const frame = decodeFrame(bytes, key)
    if (frame.kind !== 'value') return undefined
    const { header, format, payload } = frame
    const now = this.parts.store.serverTime()
    const ended = Math.min(header.expiresAt, now)
    const staleUntil = ended + staleLife(header, staleMs)
    const its = { ...header, fillId: uniqueBytes(), expiresAt: ended, staleUntil }
    return staleUntil <= now ? undefined : { bytes: encodeFrame(its, format, payload), lifeMs: staleUntil - now }
  }

  async #isAlive(names: readonly string[], stamp: number, askedAt: number): Promise<boolean> {
    const { markers, clock } = this.parts
    // While some are asked for, others may be told of: where many processes begin at once, more than once.
    for (let attempt = 0; attempt < 3; attempt++) {
      const verdict = markers.judge(names, stamp)
      // One dead tag settles it; only an entry that may live is worth asking for.
      if (verdict === 'dead') return false
      const unverified = markers.unverified(names, askedAt)
      if (verdict === 'alive' && unverified.length === 0) return true
      await markers.verify(unverified, clock.now())
    }
    return markers.judge(names, stamp) === 'alive'
  }

  #headerOf(key: string, entry: Entry): FrameHeader {
    const now = this.parts.store.serverTime()
    const here = this.parts.clock.now()
    return {
      key,
      fillId: uniqueBytes(),
      stamp: entry.stamp,
      createdAt: now,
      expiresAt: now + (entry.expiresAt - here),
      loadTime: entry.loadMs,
      tags: entry.tags,
      staleUntil: now + (entry.staleUntil - here),
      isError: entry.isError,
      validator: entry.validator,
    }
  }

  // Hosts whose clocks differ agree on the server's; in this process only the monotonic clock counts.
  #toClock(serverTime: number): number {
    return this.parts.clock.now() + (serverTime - this.parts.store.serverTime())
  }

  #unreadable(key: string, reason: string, dead: Reading): Reading {
    this.parts.observer.unreadable(
      key,
      cacheError(
        'CW_ENTRY_UNREADABLE',
        `What the shared tier holds at this key is not an entry of this cache (${reason}). It is replaced by the next load.`,
      ),
    )
    return dead
  }
}
