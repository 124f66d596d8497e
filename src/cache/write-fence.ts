/** When a write began; handed back when its value is put. */
export interface WriteTicket {
  readonly began: number
}

/** What is known of a key that was written while some write was open. */
interface Note {
  /** When it was last written. */
  readonly at: number
  /** When it was last written by something that has no version, such as an evict. */
  readonly unversionedAt: number
  /** The newest version written. */
  readonly newest: string | undefined
}

/** Nothing was written meanwhile; something was, and nobody can tell which is newer; something newer was. */
export type Precedence = 'clear' | 'overlapped' | 'older'

const mostNotes = 10_000

/**
 * Finds writes of one key that overlapped in this process.
 *
 * Two methods that write the same row commit in one order and may return in the other, and nobody can tell from the
 * outside which value is the newer one. So a put whose method ran while another write of the same key took effect
 * does not store its value; it leaves the key empty. Versions tell, so with them the newest stays. Only keys written
 * while some write is open are remembered.
 */
export class WriteFence {
  #time = 0
  // Every key counts as written at this time: a clear, or notes that were too many to keep.
  #allWrittenAt = 0
  readonly #open = new Set<WriteTicket>()
  readonly #notes = new Map<string, Note>()

  begin(): WriteTicket {
    const ticket = { began: ++this.#time }
    this.#open.add(ticket)
    return ticket
  }

  end(ticket: WriteTicket): void {
    this.#open.delete(ticket)
    if (this.#open.size === 0) this.#notes.clear()
    else this.#forget()
  }

  /** A put (of this version, if it has one) or evict of this key takes effect now. */
  note(key: string, version?: string): void {
    const at = ++this.#time
    if (this.#open.size === 0) return
    const before = this.#notes.get(key)
    const newest =
      version !== undefined && (before?.newest ?? '') > version ? before?.newest : (version ?? before?.newest)
    const unversionedAt = version === undefined ? at : (before?.unversionedAt ?? 0)
    this.#notes.delete(key)
    this.#notes.set(key, { at, unversionedAt, newest })
    if (this.#notes.size > mostNotes) this.#forgetOldest()
  }

  /** A clear takes effect now. */
  noteAll(): void {
    this.#allWrittenAt = ++this.#time
  }

  /** Whether the key was written since the ticket's write began. */
  overlapped(ticket: WriteTicket, key: string): boolean {
    return this.judge(ticket, key, undefined) !== 'clear'
  }

  /** How a write of this version, or of none, stands to others since this time; by default since it began. */
  judge(ticket: WriteTicket, key: string, version: string | undefined, since: number = ticket.began): Precedence {
    if (this.#allWrittenAt > since) return 'overlapped'
    const note = this.#notes.get(key)
    if (note === undefined) return 'clear'
    if (version === undefined) return note.at > since ? 'overlapped' : 'clear'
    if (note.unversionedAt > since) return 'overlapped'
    return note.newest !== undefined && note.newest > version ? 'older' : 'clear'
  }

  get now(): number {
    return this.#time
  }

  // A write that hangs must not keep every key written since: what is forgotten counts as written.
  #forgetOldest(): void {
    const [oldest] = this.#notes
    this.#allWrittenAt = Math.max(this.#allWrittenAt, oldest![1].at)
    this.#notes.delete(oldest![0])
  }

  // Notes stand in order of time, so those older than every open write are all at the front.
  #forget(): void {
    const [oldest] = this.#open
    for (const [key, { at }] of this.#notes) {
      if (at >= oldest!.began) return
      this.#notes.delete(key)
    }
  }
}
