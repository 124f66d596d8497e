/** When a write began; handed back when its value is put. */
export interface WriteTicket {
  readonly began: number
}

const mostNotes = 10_000

/**
 * Finds writes of one key that overlapped in this process.
 *
 * Two methods that write the same row commit in one order and may return in the other, and nobody can tell from the
 * outside which value is the newer one. So a put whose method ran while another write of the same key took effect
 * does not store its value; it leaves the key empty. Only keys written while some write is open are remembered.
 */
export class WriteFence {
  #time = 0
  // Every key counts as written at this time: a clear, or notes that were too many to keep.
  #allWrittenAt = 0
  readonly #open = new Set<WriteTicket>()
  readonly #writtenAt = new Map<string, number>()

  begin(): WriteTicket {
    const ticket = { began: ++this.#time }
    this.#open.add(ticket)
    return ticket
  }

  end(ticket: WriteTicket): void {
    this.#open.delete(ticket)
    if (this.#open.size === 0) this.#writtenAt.clear()
    else this.#forget()
  }

  /** A put or evict of this key takes effect now. */
  note(key: string): void {
    this.#time++
    if (this.#open.size > 0) {
      this.#writtenAt.delete(key)
      this.#writtenAt.set(key, this.#time)
      if (this.#writtenAt.size > mostNotes) this.#forgetOldest()
    }
  }

  /** A clear takes effect now. */
  noteAll(): void {
    this.#allWrittenAt = ++this.#time
  }

  /** Whether the key was written since this time; by default since the ticket's write began. */
  overlapped(ticket: WriteTicket, key: string, since: number = ticket.began): boolean {
    return this.#allWrittenAt > since || (this.#writtenAt.get(key) ?? 0) > since
  }

  get now(): number {
    return this.#time
  }

  // A write that hangs must not keep every key written since: what is forgotten counts as written.
  #forgetOldest(): void {
    const [oldest] = this.#writtenAt
    this.#allWrittenAt = Math.max(this.#allWrittenAt, oldest![1])
    this.#writtenAt.delete(oldest![0])
  }

  // Notes stand in order of time, so those older than every open write are all at the front.
  #forget(): void {
    const [oldest] = this.#open
    for (const [key, time] of this.#writtenAt) {
      if (time >= oldest!.began) return
      this.#writtenAt.delete(key)
    }
  }
}
