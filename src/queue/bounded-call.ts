import type { CompleteClock } from '../kernel/clock'

/** Calls something that may hang, and that listens to a signal if it likes. */
export class BoundedCall {
  #abort = (_reason: Error): void => {}
  #giveUp = (_reason: Error): void => {}

  constructor(private readonly clock: CompleteClock) {}

  /** @throws what `call` throws, or what `late` makes if it takes longer than it may */
  async run(call: (signal: AbortSignal) => Promise<unknown>, timeoutMs: number, late: () => Error): Promise<void> {
    const controller = new AbortController()
    let cancel = (): void => {}
    const givenUp = new Promise<never>((_, reject) => {
      this.#abort = (reason) => controller.abort(reason)
      this.#giveUp = (reason) => {
        controller.abort(reason)
        reject(reason)
      }
      cancel = this.clock.setTimer(() => this.#giveUp(late()), timeoutMs)
    })
    try {
      await Promise.race([call(controller.signal), givenUp])
    } finally {
      this.#abort = () => {}
      this.#giveUp = () => {}
      cancel()
    }
  }

  /** Tells the call that is under way that it should end. */
  abort(reason: Error): void {
    this.#abort(reason)
  }

  /** The same, and does not wait for that. */
  giveUp(reason: Error): void {
    this.#giveUp(reason)
  }
}
