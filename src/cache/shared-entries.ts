import type { Codec } from '../codec/codec'
import { decodeFrame, encodeFrame, type FrameHeader, type ValueFrame } from '../codec/frame'
import { joinWatches, type Watch } from '../coherence/invalidation-feed'
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

/** What was found at a key. */
export interface FoundAt {
  readonly key: string
  readonly found: Found
}

/** An entry that may be alive, before it is decoded. */
interface Opened {
  readonly kind: 'opened'
  readonly key: string
  readonly found: Found
  readonly frame: ValueFrame
  /** Of all that could have killed it. */
  readonly markers: readonly string[]
}

/** What is the same for all that is read at once. */
interface Sight {
  readonly askedAt: number
  readonly now: number
  readonly serverTime: number
  readonly policies: Policies
}

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

  /** The same as {@link readMany} for one key. */
  async read(key: string, found: Found, askedAt: number, policies: Policies = plainPolicies): Promise<Reading> {
    return (await this.readMany([{ key, found }], askedAt, policies))[0]!
  }

  /**
   * Reads what stands at some keys; what has to be asked for of all their tags is asked for at once. Never throws for what
   * is found there: anything unreadable is a dead value and an event.
   *
   * @param askedAt clock reading at which the shared tier was asked
   * @param policies of who reads; they say when an entry is to be loaded anew
   * @throws what the shared tier throws if the markers of the entries' tags have to be asked for
   */
  async readMany(
    found: readonly FoundAt[],
    askedAt: number,
    policies: Policies = plainPolicies,
  ): Promise<readonly Reading[]> {
    const serverTime = this.parts.store.serverTime()
    const opened = found.map((its) => this.#open(its, serverTime))
    await this.#learn(opened, askedAt)
    const { markers, names, clock } = this.parts
    const sight: Sight = { askedAt, now: clock.now(), serverTime: this.parts.store.serverTime(), policies }
    const clears = markers.watchOf(names.clears)
    let joined: { readonly of: Watch | undefined; readonly watch: Watch | undefined } | undefined
    return opened.map((its) => {
      if (its.kind !== 'opened') return its
      if (markers.judge(its.markers, its.frame.header.stamp) !== 'alive') return dead(its.found)
      const { watch } = its.found
      if (joined === undefined || joined.of !== watch) joined = { of: watch, watch: joinWatches([watch, clears]) }
      return this.#decode(its, sight, joined.watch)
    })
  }

  #open({ key, found }: FoundAt, serverTime: number): Reading | Opened {
    if (found.bytes === null) return absent
    const frame = decodeFrame(found.bytes, key)
    if (frame.kind === 'lease') return leased
    if (frame.kind === 'newer') return newer
    if (frame.kind === 'unreadable') return this.#unreadable(key, frame.reason, found)
    const { staleUntil, tags } = frame.header
    if (staleUntil <= serverTime) return dead(found)
    const { names } = this.parts
    const its = names.of(key, tags)
    return { kind: 'opened', key, found, frame, markers: its.length === 0 ? names.clears : [...names.clears, ...its] }
  }

  #decode({ key, found, frame, markers }: Opened, sight: Sight, watch: Watch | undefined): Reading {
    const { header, format, payload } = frame
    const { askedAt, now, serverTime, policies } = sight
    const verifiedAt = Math.min(askedAt, this.parts.markers.verifiedAt(markers))
    // Hosts whose clocks differ agree on the server's; in this process only the monotonic clock counts.
    const createdAt = now + (header.createdAt - serverTime)
    const expiresAt = now + (header.expiresAt - serverTime)
    const staleUntil = now + (header.staleUntil - serverTime)
    try {
      const { codec } = this.parts
      const value = { value: codec.decode(format, payload), isPlain: codec.isPlain(format) }
      const refreshAt = header.isError
        ? Number.POSITIVE_INFINITY
        : timesOf(createdAt, expiresAt, header.loadTime, policies).refreshAt
      const entry = this.parts.entries.adopt(
        key,
        value,
        header,
        { createdAt, expiresAt, staleUntil, refreshAt },
        { stamp: header.stamp, verifiedAt, loadMs: header.loadTime, watch },
      )
      return { kind: expiresAt <= now ? 'stale' : 'entry', entry, head: headOf(found) }
    } catch (error) {
      return this.#unreadable(key, describeThrown(error), found)
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

  /** Asks for what has to be known to judge these: in one question for all of them. */
  async #learn(read: readonly (Reading | Opened)[], askedAt: number): Promise<void> {
    const { markers, clock } = this.parts
    // While some are asked for, others may be told of: where many processes begin at once, more than once.
    for (let attempt = 0; attempt < 3; attempt++) {
      const unverified = new Set<string>()
      let isUnknown = false
      for (const its of read) {
        if (its.kind !== 'opened') continue
        const verdict = markers.judge(its.markers, its.frame.header.stamp)
        // One dead tag settles it; only an entry that may live is worth asking for.
        if (verdict === 'dead') continue
        isUnknown ||= verdict === 'unknown'
        for (const name of markers.unverified(its.markers, askedAt)) unverified.add(name)
      }
      if (!isUnknown && unverified.size === 0) return
      await markers.verify([...unverified], clock.now())
    }
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

  #unreadable(key: string, reason: string, found: Found): Reading {
    this.parts.observer.unreadable(
      key,
      cacheError(
        'CW_ENTRY_UNREADABLE',
        `What the shared tier holds at this key is not an entry of this cache (${reason}). It is replaced by the next load.`,
      ),
    )
    return dead(found)
  }
}

function dead(found: Found): Reading {
  return { kind: 'dead', head: headOf(found) }
}

function headOf({ bytes }: Found): Buffer {
  return bytes!.subarray(0, headBytes)
}
