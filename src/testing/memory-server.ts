import { compilePattern } from '../index'
import type { Answer, Command } from './memory-command'

/*
 * A server of the shared tier as plain data: what the scripts of the door to Redis do to keys, and what CLIENT TRACKING
 * remembers and tells. Held against Redis 7.0: only reads are remembered, those of what is absent too; a change is told
 * once to each who read, also to the one who made it, and forgets all of them; GETEX, and a PEXPIREAT that does not
 * move anything, are neither.
 */

/** What stands at a key, and until when. */
export interface Kept {
  readonly bytes: string
  readonly until: number
}

/** Who wrote a key last, and when, in what {@link Moment.write} counts. */
export interface Note {
  readonly writer: string
  readonly write: number
  /** The last write of anyone else. */
  readonly before: number
  readonly version: string
  readonly until: number
}

/** When something began. */
export interface Moment {
  /** In the same count as the writes of the server: a write that has this number or a higher one came later. */
  readonly write: number
  /** By the server's clock. */
  readonly at: number
}

/** A changed key, and one who has read it. */
export interface Notice<Client extends string = string> {
  readonly to: Client
  readonly key: string
}

/** Called with each notice that a command causes. */
export type Tell<Client extends string = string> = (notice: Notice<Client>) => void

const noteMs = 30_000
// A version is remembered longer.
const longNoteMs = 24 * 3_600_000
const noNote: Note = {
  writer: '-',
  write: Number.NEGATIVE_INFINITY,
  before: Number.NEGATIVE_INFINITY,
  version: '',
  until: Number.POSITIVE_INFINITY,
}

/** The keys of a shared tier, and who is to be told of their changes. Whoever uses it moves its time. */
export class MemoryServer<Client extends string = string> {
  readonly keys = new Map<string, Kept>()
  readonly notes = new Map<string, Note>()
  /** By key, who has read it since it last changed. */
  readonly readers = new Map<string, readonly Client[]>()

  /**
   * @param now milliseconds
   * @param numberWrite gives each write its number, which is never below an earlier one
   */
  constructor(
    public now: number,
    private readonly numberWrite: () => number,
  ) {}

  /**
   * Runs one command; `tell` hears of the notices it causes.
   *
   * @param began when a put began
   * @param connection whose reads are remembered; null: one that is gone
   */
  execute(
    command: Command,
    by: Client,
    began: Moment | undefined,
    tell: Tell<Client>,
    connection: Client | null = by,
  ): Answer {
    const write = (key: string, bytes: string, ms: number): void => {
      this.keys.set(key, { bytes, until: this.now + ms })
      this.#changed(key, tell)
    }
    const remove = (key: string): void => {
      if (this.keys.delete(key)) this.#changed(key, tell)
    }
    switch (command.name) {
      case 'takeLease': {
        const { key, lease, over, ms } = command
        const found = this.#bytes(key)
        if (found !== null && (over === undefined || !found.startsWith(over))) return this.#read(key, connection)
        write(key, lease, ms)
        return null
      }
      case 'renewLease':
        if (this.#bytes(command.key) !== command.lease) return 0
        write(command.key, command.lease, command.ms)
        return 1
      case 'releaseLease':
        if (this.#bytes(command.key) !== command.lease) return 0
        remove(command.key)
        return 1
      case 'fillLease': {
        const { key, version } = command
        if (this.#bytes(key) !== command.lease) return 0
        const isLatest = this.#noteVersion(key, version)
        if (isLatest) write(key, command.frame, command.ms)
        else remove(key)
        return isLatest ? 1 : 0
      }
      case 'replaceEntry': {
        const { key, over, version } = command
        if (this.#bytes(key)?.startsWith(over) !== true || !this.#noteVersion(key, version)) return 0
        write(key, command.frame, command.ms)
        return 1
      }
      case 'dropEntry':
        remove(command.key)
        this.#note(command.key, command.isRetry ? 'journal' : by)
        return 1
      case 'putEntry': {
        const { key, frame, ms, version = '' } = command
        const note = this.#noteOf(key)
        const isVersioned = version !== '' && note.version !== ''
        if (isVersioned && note.version > version) return 2
        const others = note.writer === by ? note.before : note.write
        const isOverlapped = (!isVersioned && others >= began!.write) || this.now - began!.at >= noteMs
        this.#note(key, by, isOverlapped ? '' : version)
        if (isOverlapped) remove(key)
        else write(key, frame, ms)
        return isOverlapped ? 0 : 1
      }
      case 'get':
        return command.keys.map((key) => this.#read(key, connection))
      case 'ensureMarkers': {
        const [counterKey, ...markers] = command.keys
        if (this.#bytes(counterKey!) === null) write(counterKey!, this.#time, Number.POSITIVE_INFINITY)
        const counter = this.#bytes(counterKey!)!
        const until = command.ms === Infinity ? Infinity : Math.ceil((this.now + command.ms) / command.ms) * command.ms
        for (const key of markers) {
          const kept = this.keys.get(key)
          if (kept !== undefined && until <= kept.until) continue
          this.keys.set(key, { bytes: kept?.bytes ?? counter, until })
          this.#changed(key, tell)
        }
        return 1
      }
      case 'raiseMarkers': {
        const [counterKey, ...markers] = command.keys
        const number = String(Math.max(Number(this.#bytes(counterKey!) ?? 0) + 1, Number(this.#time)))
        write(counterKey!, number, Number.POSITIVE_INFINITY)
        for (const key of markers) write(key, number, command.ms)
        return number
      }
    }
  }

  /** Removes a key as the server itself does: its time is up, or memory is short. */
  expire(key: string, tell: Tell<Client>): void {
    if (this.keys.delete(key)) this.#changed(key, tell)
  }

  /** Removes what has run out. */
  sweep(tell: Tell<Client>): void {
    for (const [key, { until }] of this.keys) if (until <= this.now) this.expire(key, tell)
  }

  /** The connection of a client is gone, and with it what it has read. */
  disconnect(name: Client): void {
    for (const [key, readers] of this.readers) {
      const others = readers.filter((reader) => reader !== name)
      if (others.length === 0) this.readers.delete(key)
      else this.readers.set(key, others)
    }
  }

  /** The keys that match a pattern of Redis. */
  matching(pattern: string): readonly string[] {
    return [...this.keys.keys()].filter(compilePattern(pattern))
  }

  get #time(): string {
    return String(Math.floor(this.now * 1_000))
  }

  #bytes(key: string): string | null {
    return this.keys.get(key)?.bytes ?? null
  }

  #read(key: string, by: Client | null): string | null {
    const readers = this.readers.get(key) ?? []
    if (by !== null && !readers.includes(by)) this.readers.set(key, [...readers, by].sort())
    return this.#bytes(key)
  }

  #changed(key: string, tell: Tell<Client>): void {
    const readers = this.readers.get(key) ?? []
    this.readers.delete(key)
    for (const to of readers) tell({ to, key })
  }

  #noteOf(key: string): Note {
    const note = this.notes.get(key)
    return note !== undefined && note.until > this.now ? note : noNote
  }

  #note(key: string, writer: string, version = ''): void {
    const last = this.#noteOf(key)
    const before = last.writer === writer ? last.before : last.write
    const until = this.now + (version === '' ? noteMs : longNoteMs)
    this.notes.set(key, { writer, write: this.numberWrite(), before, version, until })
  }

  /** False if a newer version was written. The note stays whose it is: a fill is no write. */
  #noteVersion(key: string, version: string | undefined): boolean {
    if (version === undefined) return true
    const note = this.#noteOf(key)
    if (note.version > version) return false
    this.notes.set(key, { ...note, version, until: this.now + longNoteMs })
    return true
  }
}
