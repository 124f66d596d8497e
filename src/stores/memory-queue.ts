import type { BuriedWrite, Offered, QueueCounts, QueuedWrite, TakenWrite, WriteQueue } from './write-queue'

interface Pending {
  readonly bytes: Buffer
  readonly version: string | undefined
  readonly sequence: number
  /** The oldest write of the key that was neither made nor given up. */
  readonly since: number
  /** The write of the key that a worker is making; 0 for none. */
  readonly taken: number
  readonly failures: number
}

/** A {@link WriteQueue} of this process alone: what waits in it is lost when the process ends before it was drained. */
export class MemoryQueue implements WriteQueue {
  readonly isDurable = false
  #sequence = 0
  // In the order in which they are to be made.
  readonly #pending = new Map<string, Pending>()
  readonly #buried = new Map<string, BuriedWrite>()

  async offer(writes: readonly QueuedWrite[], maxPending: number): Promise<Offered> {
    const overtaken: number[] = []
    for (const [index, { key, bytes, version }] of writes.entries()) {
      const before = this.#pending.get(key)
      if (before === undefined && this.#pending.size >= maxPending) return { accepted: index, overtaken }
      if (version !== undefined && before?.version !== undefined && version < before.version) {
        overtaken.push(index)
        continue
      }
      const sequence = ++this.#sequence
      const { since = sequence, taken = 0, failures = 0 } = before ?? {}
      this.#pending.set(key, { bytes, version, sequence, since, taken, failures })
      this.#buried.delete(key)
    }
    return { accepted: writes.length, overtaken }
  }

  async find(keys: readonly string[]): Promise<(Buffer | null)[]> {
    return keys.map((key) => this.#pending.get(key)?.bytes ?? null)
  }

  async take(_worker: string, most: number, _holdMs: number, behind?: TakenWrite): Promise<readonly TakenWrite[]> {
    const taken: TakenWrite[] = []
    let isBefore = behind !== undefined && this.#pending.has(behind.key)
    for (const [key, its] of this.#pending) {
      if (isBefore) {
        isBefore = key !== behind!.key
        continue
      }
      if (taken.length === most) break
      this.#pending.set(key, { ...its, taken: its.sequence })
      taken.push({ key, bytes: its.bytes, sequence: String(its.sequence), places: [] })
    }
    return taken
  }

  async hold(): Promise<boolean> {
    return true
  }

  async leave(): Promise<void> {}

  async settle(writes: readonly TakenWrite[]): Promise<void> {
    for (const { key, sequence } of writes) this.#remove(key, Number(sequence))
  }

  async blame(writes: readonly TakenWrite[]): Promise<readonly number[]> {
    return writes.map(({ key }) => {
      const its = this.#pending.get(key)
      if (its === undefined) return 0
      this.#pending.set(key, { ...its, failures: its.failures + 1 })
      return its.failures + 1
    })
  }

  async bury({ key, bytes, sequence }: TakenWrite, reason: string): Promise<void> {
    if (this.#pending.get(key)?.sequence === Number(sequence)) this.#buried.set(key, { key, bytes, reason })
    this.#remove(key, Number(sequence))
  }

  async mark(): Promise<string> {
    return String(this.#sequence)
  }

  async isPast(mark: string): Promise<boolean> {
    for (const { since } of this.#pending.values()) if (since <= Number(mark)) return false
    return true
  }

  async counts(): Promise<QueueCounts> {
    return { pending: this.#pending.size, buried: this.#buried.size }
  }

  async buried(most: number): Promise<readonly BuriedWrite[]> {
    return [...this.#buried.values()].slice(0, most)
  }

  async revive(): Promise<number> {
    const revived = [...this.#buried.values()]
    await this.offer(revived, Number.POSITIVE_INFINITY)
    return revived.length
  }

  async discard(): Promise<number> {
    const { size } = this.#buried
    this.#buried.clear()
    return size
  }

  /** The write with this sequence is over; a newer one of its key goes to the end. */
  #remove(key: string, sequence: number): void {
    const its = this.#pending.get(key)
    if (its === undefined) return
    this.#pending.delete(key)
    if (its.sequence === sequence) return
    // What came while that one was being made.
    this.#pending.set(key, { ...its, since: sequence + 1, taken: 0, failures: 0 })
  }
}
