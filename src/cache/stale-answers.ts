import { LRUCache } from 'lru-cache'
import type { CompleteClock } from '../kernel/clock'
import type { Entry } from '../kernel/entry'
import type { StaleReason } from '../kernel/stale-reason'
import type { Policies } from '../policies/policies'
import { mayRevalidate, mayStandIn } from '../policies/staleness'
import type { Flight } from './flight'
import type { TagMarkers } from './tag-markers'
import type { Terms } from './tier'

/** What {@link StaleAnswers} work with. */
export interface StaleAnswersParts {
  readonly clock: CompleteClock
  readonly markers: TagMarkers
  /** How long a copy of a shared entry is believed; `Infinity` where this process is the only one. */
  readonly trustMs: number
}

/** Decides, for one cache, when a value past its life is an answer. */
export class StaleAnswers {
  // Keys whose load failed, and until when it is not tried again. What is forgotten here is tried once more.
  readonly #resting = new LRUCache<string, number>({ max: 10_000 })

  constructor(private readonly parts: StaleAnswersParts) {}

  /** Why it may be served without being loaded first; undefined: it may not. */
  reason(key: string, entry: Entry, { policies, isStrict }: Terms): StaleReason | undefined {
    if (entry.isError || isStrict) return undefined
    const now = this.parts.clock.now()
    const isResting = this.#resting.size > 0 && now < (this.#resting.get(key) ?? 0) && mayStandIn(entry, policies, now)
    if (isResting) return 'resting'
    return mayRevalidate(entry, policies, now) ? 'revalidating' : undefined
  }

  /**
   * The value that may take the place of the one a flight did not bring, or not in time: one that was not evicted, as far
   * as this process was told, and would have been told.
   *
   * @param askedAt when the caller asked
   * @param at when its answer was due
   */
  standIn(
    { previous, evicted, changed }: Flight,
    { policies, isStrict }: Terms,
    askedAt: number,
    at = this.parts.clock.now(),
  ): Entry | undefined {
    if (previous === undefined || previous.isError || evicted || changed || isStrict) return undefined
    const { markers, trustMs } = this.parts
    if (!mayStandIn(previous, policies, at)) return undefined
    const vouchedAt = Math.max(previous.verifiedAt, previous.watch?.verifiedAt ?? Number.NEGATIVE_INFINITY)
    if (askedAt - vouchedAt > trustMs) return undefined
    return markers.judge(previous.markers, previous.stamp, askedAt) === 'alive' ? previous : undefined
  }

  /** Whether what there was has to be asked for again: somebody changed it, or tags that it carries. */
  isDoubtful({ previous, evicted, changed }: Flight, askedAt: number): boolean {
    if (previous === undefined || evicted) return false
    return changed || this.parts.markers.judge(previous.markers, previous.stamp, askedAt) === 'unknown'
  }

  /** A load failed: the next is not tried before a while has passed. */
  rest(key: string, { throttleMs }: Policies): void {
    this.#resting.set(key, this.parts.clock.now() + throttleMs)
  }

  /** A load succeeded, or what there was is gone. */
  wake(key: string): void {
    if (this.#resting.size > 0) this.#resting.delete(key)
  }
}
