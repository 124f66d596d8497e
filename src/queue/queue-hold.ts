import type { CompleteClock } from '../kernel/clock'
import { type CacheError, cacheError } from '../kernel/errors'
import { uniqueText } from '../kernel/unique'
import type { TakenWrite, WriteQueue } from '../stores/write-queue'

/** What a {@link QueueHold} works with. */
export interface QueueHoldParts {
  readonly cache: string
  readonly queue: WriteQueue
  readonly clock: CompleteClock
  /** Told when another worker may have taken over. */
  readonly onLost: (reason: CacheError) => void
}

/** A worker that has died is replaced after so long. */
export const holdMs = 5_000

/** One worker's hold on a queue: while it lasts, no other worker takes writes. */
export class QueueHold {
  readonly #parts: QueueHoldParts
  readonly #worker = uniqueText()
  #isLost = false
  // As of when it was granted last.
  #heldAt = Number.NEGATIVE_INFINITY

  constructor(parts: QueueHoldParts) {
    this.#parts = parts
  }

  /** Whether the queue was not held on to in time, as far as that is known. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** The oldest writes, or those behind one; undefined while another worker holds the queue. */
  async take(most: number, behind?: TakenWrite): Promise<readonly TakenWrite[] | undefined> {
    const { queue, clock } = this.#parts
    const askedAt = clock.now()
    const taken = await queue.take(this.#worker, most, holdMs, behind)
    if (taken === undefined) return undefined
    this.#isLost = false
    this.#heldAt = askedAt
    return taken
  }

  /** @throws CW_WRITE_REFUSED if it was not held on to: a process that was suspended may have been replaced */
  async confirm(): Promise<void> {
    const { clock, cache } = this.#parts
    const isOld = clock.now() - this.#heldAt >= holdMs
    if (this.#isLost || (isOld && !(await this.#prolong()))) throw lost(cache)
  }

  /** Holds on until what this returns is called. */
  keep(): () => void {
    let cancel = (): void => {}
    const next = (): void => {
      cancel = this.#parts.clock.setTimer(() => {
        // Who cannot be asked now is asked again.
        this.#prolong().catch(() => {})
        next()
      }, holdMs / 3)
    }
    next()
    return () => cancel()
  }

  /** Lets others take. */
  leave(): Promise<void> {
    return this.#parts.queue.leave(this.#worker)
  }

  async #prolong(): Promise<boolean> {
    const { queue, clock, cache, onLost } = this.#parts
    const askedAt = clock.now()
    const isHeld = await queue.hold(this.#worker, holdMs)
    if (isHeld) this.#heldAt = askedAt
    else {
      this.#isLost = true
      onLost(lost(cache))
    }
    return isHeld
  }
}

function lost(cache: string): CacheError {
  return cacheError(
    'CW_WRITE_REFUSED',
    `This process does not hold the queue of cache '${cache}' any more: another one may make its writes by now.`,
  )
}
