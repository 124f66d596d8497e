import type { Redis } from 'ioredis'
import { type CompleteClock, systemClock, wallTime } from '../index'

/** How long the server's time is believed before it is asked for again. */
const timeBelievedMs = 30_000

/** The clock of a server, as well as this process knows it. */
export class ServerTime {
  readonly #clock: CompleteClock
  #offsetMs: number | undefined
  #measured = { offsetMs: 0, errorMs: 0, at: 0 }
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(clock: CompleteClock) {
    this.#clock = clock
  }

  /** Whether it was asked for too long ago. */
  get isOld(): boolean {
    return this.#clock.now() - this.#askedAt > timeBelievedMs
  }

  ask(client: Redis): void {
    const sentAt = this.#clock.now()
    const sent = systemClock.now()
    this.#askedAt = sentAt
    client.time().then(
      ([seconds, micros]) => {
        const server = Number(seconds) * 1_000 + Number(micros) / 1_000
        const at = systemClock.now()
        this.#offsetMs = server - (sentAt + this.#clock.now()) / 2
        this.#measured = { offsetMs: server - (sent + at) / 2, errorMs: at - sent, at }
      },
      () => {},
    )
  }

  /**
   * A time that it had certainly passed at this reading of the machine's own clock: as measured, less the round trip
   * it was measured by and drift since.
   */
  earliestAt(moment: number): number {
    const { offsetMs, errorMs, at } = this.#measured
    return moment + offsetMs - errorMs - 5 - Math.abs(moment - at) / 1_000
  }

  /** In milliseconds since 1970. */
  now(): number {
    return this.#offsetMs === undefined ? wallTime() : this.#clock.now() + this.#offsetMs
  }
}
