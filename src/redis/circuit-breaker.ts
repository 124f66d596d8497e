import type { CompleteClock } from '../index'

/** What a {@link CircuitBreaker} works with. */
export interface CircuitBreakerParts {
  readonly clock: CompleteClock
  /** How long a command may take. */
  readonly timeoutMs: number
  /** Asks the server for a sign of life; settles when it has answered anything at all. */
  readonly probe: () => Promise<unknown>
  /** A number in [0, 1) for the pause before probe number `attempt`, so that processes do not probe together. */
  readonly jitter: (attempt: number) => number
  readonly onChange: (isOpen: boolean) => void
}

const firstPauseMs = 50
const longestPauseMs = 500

interface Sent {
  /** Since when it waits. */
  sentAt: number
  readonly giveUp: () => void
}

/**
 * Keeps calls from waiting for a server that has stopped answering. The first command that takes longer than it may opens
 * the circuit: from then on nothing is sent, so that nobody waits and nothing queues up, but one probe at a time, with
 * growing pauses. A probe that is answered in time closes it again. No call of a user is the probe.
 *
 * A connection answers in order, so the oldest command that is unanswered tells how long the server has been silent.
 *
 * The circuit breaker of Nygard, "Release It!"; the probe is its half-open state.
 */
export class CircuitBreaker {
  readonly #parts: CircuitBreakerParts
  // In the order in which they were sent.
  readonly #unanswered = new Set<Sent>()
  #leaving: Sent[] = []
  #isOpen = false
  #attempts = 0
  #isArmed = false
  #cancel = (): void => {}
  // A connection that is gone answers no more: what its commands and probes come to says nothing of the next one.
  #life = 0

  constructor(parts: CircuitBreakerParts) {
    this.#parts = parts
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /**
   * Notes that a command is sent; what it returns is to be called when it is answered.
   *
   * @param giveUp called if the circuit opens first: nobody need wait for the answer any longer
   */
  sent(giveUp: () => void): () => void {
    const command: Sent = { sentAt: this.#parts.clock.now(), giveUp }
    this.#unanswered.add(command)
    this.#leaving.push(command)
    if (!this.#isArmed && !this.#isOpen) this.#arm(this.#parts.timeoutMs)
    return () => void this.#unanswered.delete(command)
  }

  /** What was sent until now leaves the process only now: what it did since, the server need not answer for. */
  left(): void {
    const now = this.#parts.clock.now()
    for (const command of this.#leaving) command.sentAt = now
    this.#leaving = []
  }

  /** There is another connection, or none. */
  reset(): void {
    this.#life++
    this.#cancel()
    this.#isArmed = false
    this.#unanswered.clear()
    this.#leaving = []
    this.#attempts = 0
    this.#change(false)
  }

  #arm(delayMs: number): void {
    const life = this.#life
    this.#isArmed = true
    this.#cancel = this.#parts.clock.setTimer(() => life === this.#life && this.#look(), delayMs)
  }

  /** @param suspect the command that was late already when the process last read its sockets */
  #look(suspect?: Sent): void {
    this.#isArmed = false
    const [oldest] = this.#unanswered
    if (oldest === undefined) return
    const { clock, timeoutMs } = this.#parts
    const leftMs = oldest.sentAt + timeoutMs - clock.now()
    if (leftMs >= 1) this.#arm(leftMs)
    else if (oldest !== suspect) this.#lookAfterReading(oldest)
    else {
      this.#change(true)
      for (const { giveUp } of this.#unanswered) giveUp()
      this.#unanswered.clear()
      this.#pause()
    }
  }

  /**
   * A process that was busy finds a command late before it has read the answer that has come. It may have been busy with
   * what it read, too: so the same command must be late before and after the sockets are read, which is before immediates.
   */
  #lookAfterReading(suspect: Sent): void {
    const life = this.#life
    this.#isArmed = true
    setImmediate(() => life === this.#life && this.#look(suspect))
  }

  #pause(): void {
    const { clock, jitter } = this.#parts
    const attempt = this.#attempts++
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt)
    this.#cancel = clock.setTimer(() => void this.#probe(), pauseMs * (0.5 + jitter(attempt) / 2))
  }

  async #probe(): Promise<void> {
    const { clock, timeoutMs, probe } = this.#parts
    const life = this.#life
    const askedAt = clock.now()
    await probe().catch(() => {})
    if (life !== this.#life) return
    // One that was answered late was held up with everything else: the next tells how fast the server is now.
    if (clock.now() - askedAt >= timeoutMs) return this.#pause()
    this.#attempts = 0
    this.#change(false)
  }

  #change(isOpen: boolean): void {
    if (this.#isOpen === isOpen) return
    this.#isOpen = isOpen
    this.#parts.onChange(isOpen)
  }
}
