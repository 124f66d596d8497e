import { type CompleteClock, type Duration, milliseconds } from '../index'

interface Timer {
  readonly due: number
  readonly callback: () => void
}

/**
 * A clock that stands still until a test moves it: for the `clock` of a manager, and of a {@link sharedMemory}.
 *
 * @example
 * ```ts
 * const clock = new ManualClock()
 * const caching = createCacheManager({ clock })
 * await clock.advance('5m')
 * ```
 */
export class ManualClock implements CompleteClock {
  #now: number
  readonly #timers = new Set<Timer>()

  /** @param start the first reading, in milliseconds. @default 1_000_000 */
  constructor(start = 1_000_000) {
    this.#now = start
  }

  /** Milliseconds; only {@link advance} and {@link jump} change it. */
  readonly now = (): number => this.#now

  /** Calls back once when the clock has been advanced by `delayMs`; what it returns cancels that. */
  readonly setTimer = (callback: () => void, delayMs: number): (() => void) => {
    const timer = { due: this.#now + Math.max(0, delayMs), callback }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** How many timers are waiting: none, when everything was closed properly. */
  get pending(): number {
    return this.#timers.size
  }

  /**
   * Moves the clock, running each timer at its own moment, in order, those too that are set on the way. Promises settle
   * before the first timer and after each one.
   *
   * @throws CW_OPTION_INVALID for what is no duration
   */
  async advance(by: Duration): Promise<void> {
    const target = this.#now + milliseconds(by, 'advance() of a ManualClock')
    await settle()
    for (let timer = this.#next(target); timer !== undefined; timer = this.#next(target)) {
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, timer.due)
      timer.callback()
      await settle()
    }
    this.#now = Math.max(this.#now, target)
  }

  /** Moves the clock and runs nothing, as a process does that was paused: what is due runs at the next {@link advance}. */
  jump(by: Duration): void {
    this.#now += milliseconds(by, 'jump() of a ManualClock')
  }

  #next(target: number): Timer | undefined {
    let next: Timer | undefined
    // A set keeps the order of insertion, so of two timers due at once the older one is found.
    for (const timer of this.#timers) {
      if (timer.due <= target && (next === undefined || timer.due < next.due)) next = timer
    }
    return next
  }
}

/** Lets every promise settle that waits for nothing but other promises. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
