/** Somebody who waits for a place. */
interface Waiting {
  readonly enter: () => void
  readonly turnAway: (reason: unknown) => void
}

/** How many may be inside at once, and how many may wait. */
export interface BulkheadLimits {
  readonly maxInside: number
  readonly maxWaiting: number
}

/** A place inside, or in the queue before it. */
export interface Place {
  /** Resolves when inside; rejects with what {@link withdraw} was given. Undefined: inside already. */
  readonly entered: Promise<void> | undefined
  /** Goes in at once, whatever the limit: somebody inside waits for this one. */
  hurry(): void
  /** Gives up waiting. */
  withdraw(reason: unknown): void
  /** Leaves, so that the next may come in. */
  leave(): void
}

/**
 * Lets a bounded number of loads run at once; the others queue, first come, first served, and when the queue is full the
 * next are turned away. So that a source that is slow already is not asked for ever more at once.
 *
 * The bulkhead pattern of Nygard, "Release It!".
 */
export class Bulkhead {
  readonly #limits: BulkheadLimits
  #inside = 0
  readonly #queue = new Set<Waiting>()

  constructor(limits: BulkheadLimits) {
    this.#limits = limits
  }

  get inside(): number {
    return this.#inside
  }

  get waiting(): number {
    return this.#queue.size
  }

  /**
   * Takes a place; undefined if there is none, not even in the queue.
   *
   * @param isAwaited whether somebody inside waits for this one, so that it must not wait for him
   */
  take(isAwaited: boolean): Place | undefined {
    if (isAwaited || this.#inside < this.#limits.maxInside) {
      this.#inside++
      return new TakenPlace(undefined, undefined, () => this.#leave())
    }
    if (this.#queue.size >= this.#limits.maxWaiting) return undefined
    let waiting!: Waiting
    const entered = new Promise<void>((resolve, reject) => {
      waiting = { enter: resolve, turnAway: reject }
    })
    this.#queue.add(waiting)
    const queued = {
      hurry: () => {
        if (!this.#queue.delete(waiting)) return
        this.#inside++
        waiting.enter()
      },
      withdraw: (reason: unknown) => {
        if (this.#queue.delete(waiting)) waiting.turnAway(reason)
      },
    }
    return new TakenPlace(entered, queued, () => this.#leave())
  }

  #leave(): void {
    this.#inside--
    const [next] = this.#queue
    if (next === undefined || this.#inside >= this.#limits.maxInside) return
    this.#queue.delete(next)
    this.#inside++
    next.enter()
  }
}

class TakenPlace implements Place {
  constructor(
    readonly entered: Promise<void> | undefined,
    private readonly queued: Pick<Place, 'hurry' | 'withdraw'> | undefined,
    readonly leave: () => void,
  ) {}

  hurry(): void {
    this.queued?.hurry()
  }

  withdraw(reason: unknown): void {
    this.queued?.withdraw(reason)
  }
}
