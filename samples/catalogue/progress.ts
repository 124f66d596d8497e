const width = 30

/** One line that grows on a terminal; elsewhere only a line for what is done. */
export class Progress {
  readonly #startedAt = performance.now()
  readonly #live = process.stdout.isTTY
  #shownAt = 0

  constructor(private readonly label: string) {}

  update(share: number): void {
    const now = performance.now()
    if (!this.#live || now - this.#shownAt < 50) return
    this.#shownAt = now
    const full = Math.round(Math.min(share, 1) * width)
    process.stdout.write(`\r${this.label.padEnd(24)} ${'━'.repeat(full)}${'╌'.repeat(width - full)}`)
  }

  done(remark: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(1)
    process.stdout.write(`${this.#live ? '\r\x1b[K' : ''}${this.label.padEnd(24)} ${remark}, ${seconds} s\n`)
  }
}
