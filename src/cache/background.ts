import type { CompleteClock } from '../kernel/clock'

/** Work that callers do not wait for. A manager waits for it when it closes. */
export class Background {
  readonly #running = new Set<Promise<void>>()
  readonly #recurring = new Set<() => void>()

  /** Follows work to its end; its failure is the business of whoever started it, never an unhandled rejection. */
  track(work: Promise<unknown>): void {
    const settled = work.then(ignore, ignore).then(() => void this.#running.delete(settled))
    this.#running.add(settled)
  }

  /** The same for work whose caller does wait for it. */
  follow<Result>(work: Promise<Result>): Promise<Result> {
    this.track(work)
    return work
  }

  /** Ends what recurs by itself when the manager closes; what it returns ends it before that. */
  untilClosed(cancel: () => void): () => void {
    const end = (): void => {
      this.#recurring.delete(end)
      cancel()
    }
    this.#recurring.add(end)
    return end
  }

  /** To be called when nothing is waited for any longer. */
  close(): void {
    for (const end of this.#recurring) end()
  }

  get size(): number {
    return this.#running.size
  }

  /** Resolves when all work known now, and what it started, has ended, or when the deadline has passed. */
  async drain(clock: CompleteClock, deadlineMs: number): Promise<void> {
    let cancel = ignore
    const deadline = new Promise<'late'>((resolve) => {
      cancel = clock.setTimer(() => resolve('late'), deadlineMs)
    })
    while (this.#running.size > 0) {
      if ((await Promise.race([Promise.all(this.#running), deadline])) === 'late') break
    }
    cancel()
  }
}

function ignore(): void {}
