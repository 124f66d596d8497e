/*
 * The Redis server of the exploration, as plain data: what scripts.ts does to keys, and what CLIENT TRACKING
 * remembers and tells. Checked against Redis 7.0: only reads are remembered, those of what is absent too; a change is told
 * once to each who read, also to the one who made it, and forgets all of them; GETEX, and a PEXPIREAT that does not
 * move anything, are neither.
 */

export type NodeName = 'A' | 'B'

/** One command as it reaches the server. Leases and frames are texts, see model-store.ts. */
export type Command =
  | {
      readonly name: 'takeLease'
      readonly key: string
      readonly lease: string
      readonly ms: number
      readonly over?: string
    }
  | { readonly name: 'renewLease'; readonly key: string; readonly lease: string; readonly ms: number }
  | { readonly name: 'releaseLease'; readonly key: string; readonly lease: string }
  | {
      readonly name: 'fillLease'
      readonly key: string
      readonly lease: string
      readonly frame: string
      readonly ms: number
      readonly version?: string
    }
  | {
      readonly name: 'replaceEntry'
      readonly key: string
      readonly over: string
      readonly frame: string
      readonly ms: number
      readonly version?: string
    }
  | { readonly name: 'dropEntry'; readonly key: string; readonly isRetry: boolean }
  | {
      readonly name: 'putEntry'
      readonly key: string
      readonly frame: string
      readonly ms: number
      readonly began: number
      readonly version?: string
    }
  | { readonly name: 'get'; readonly keys: readonly string[] }
  | { readonly name: 'ensureMarkers'; readonly keys: readonly string[]; readonly ms: number }
  | { readonly name: 'raiseMarkers'; readonly keys: readonly string[]; readonly ms: number }

export type Answer = string | number | null | readonly (string | null)[]

interface Kept {
  readonly bytes: string
  readonly until: number
}

/** Who wrote a key last, and when: the number of the write, which is finer than any clock. */
interface Note {
  readonly writer: string
  readonly write: number
  /** The last write of anyone else. */
  readonly before: number
  readonly version: string
  readonly until: number
}

/** What a server can be made to do wrong, to show that the explorer would see it. */
export type Flaw =
  | 'noloop'
  | 'fill-without-lease'
  | 'silent'
  | 'forgets-writers'
  | 'last-writer-only'
  | 'evict-leaves-lease'

/** How much had been written when something began. */
export interface Moment {
  readonly write: number
  readonly at: number
}

export interface Notice {
  readonly to: NodeName
  readonly key: string
}

const noteMs = 30_000
// A version is remembered longer.
const longNoteMs = 24 * 3_600_000
const noNote: Note = { writer: '-', write: 0, before: 0, version: '', until: Number.POSITIVE_INFINITY }

export class ModelServer {
  now: number
  writes = 0
  readonly keys = new Map<string, Kept>()
  readonly notes = new Map<string, Note>()
  /** By key, who has read it since it last changed. */
  readonly readers = new Map<string, readonly NodeName[]>()

  constructor(
    now: number,
    private readonly flaws: ReadonlySet<Flaw> = new Set(),
  ) {
    this.now = now
  }

  copy(): ModelServer {
    const copy = new ModelServer(this.now, this.flaws)
    copy.writes = this.writes
    for (const [key, kept] of this.keys) copy.keys.set(key, kept)
    for (const [key, note] of this.notes) copy.notes.set(key, note)
    for (const [key, readers] of this.readers) copy.readers.set(key, readers)
    return copy
  }

  get moment(): Moment {
    return { write: this.writes, at: this.now }
  }

  /**
   * Runs one command; `tell` hears of the notices it causes.
   *
   * @param connection whose reads are remembered, and who is not told; null: one that is gone
   */
  execute(
    command: Command,
    by: NodeName,
    began: Moment | undefined,
    tell: (notice: Notice) => void,
    connection: NodeName | null = by,
  ): Answer {
    const write = (key: string, bytes: string, ms: number): void => {
      this.keys.set(key, { bytes, until: this.now + ms })
      this.#changed(key, connection, tell)
    }
    const remove = (key: string): void => {
      if (this.keys.delete(key)) this.#changed(key, connection, tell)
    }
    switch (command.name) {
      case 'takeLease': {
        const { key, lease, over, ms } = command
        const found = this.#bytes(key)
        if (found !== null && found !== over) return this.#read(key, connection)
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
        if (this.#bytes(key) !== command.lease && !this.flaws.has('fill-without-lease')) return 0
        const note = this.#noteOf(key)
        if (version !== undefined && note.version > version) {
          remove(key)
          return 0
        }
        if (version !== undefined) this.notes.set(key, { ...note, version, until: this.now + longNoteMs })
        write(key, command.frame, command.ms)
        return 1
      }
      case 'replaceEntry': {
        const { key, version } = command
        if (this.#bytes(key) !== command.over) return 0
        const note = this.#noteOf(key)
        if (version !== undefined && note.version > version) return 0
        if (version !== undefined) this.notes.set(key, { ...note, version, until: this.now + longNoteMs })
        write(key, command.frame, command.ms)
        return 1
      }
      case 'dropEntry':
        if (!(this.flaws.has('evict-leaves-lease') && this.#bytes(command.key)?.[1] === 'L')) remove(command.key)
        this.#note(command.key, command.isRetry ? 'journal' : by)
        return 1
      case 'putEntry': {
        const { key, frame, ms, version = '' } = command
        const note = this.#noteOf(key)
        const isVersioned = version !== '' && note.version !== ''
        if (isVersioned && note.version > version) return 2
        const others = note.writer === by ? note.before : note.write
        const isOverlapped = (!isVersioned && others > began!.write) || this.now - began!.at >= noteMs
        this.#note(key, by, isOverlapped ? '' : version)
        if (isOverlapped) remove(key)
        else write(key, frame, ms)
        return isOverlapped ? 0 : 1
      }
      case 'get':
        return command.keys.map((key) => this.#read(key, connection))
      case 'ensureMarkers': {
        const [counterKey, ...markers] = command.keys
        if (this.#bytes(counterKey!) === null) write(counterKey!, String(this.now * 1_000), Number.POSITIVE_INFINITY)
        const counter = this.#bytes(counterKey!)!
        const { now } = this
        const until = Math.ceil((now + command.ms) / command.ms) * command.ms
        for (const key of markers) {
          const kept = this.keys.get(key)
          if (kept !== undefined && until <= kept.until) continue
          this.keys.set(key, { bytes: kept?.bytes ?? counter, until })
          this.#changed(key, connection, tell)
        }
        return 1
      }
      case 'raiseMarkers': {
        const [counterKey, ...markers] = command.keys
        const number = String(Math.max(Number(this.#bytes(counterKey!) ?? 0) + 1, this.now * 1_000))
        write(counterKey!, number, Number.POSITIVE_INFINITY)
        for (const key of markers) write(key, number, command.ms)
        return number
      }
    }
  }

  /** Removes a key as the server itself does: its time is up, or memory is short. */
  expire(key: string, tell: (notice: Notice) => void): void {
    if (this.keys.delete(key)) this.#changed(key, null, tell)
  }

  /** The connection of a node is gone, and with it what it has read. */
  disconnect(name: NodeName): void {
    for (const [key, readers] of this.readers) {
      const others = readers.filter((reader) => reader !== name)
      if (others.length === 0) this.readers.delete(key)
      else this.readers.set(key, others)
    }
  }

  /** Removes what has run out. */
  sweep(tell: (notice: Notice) => void): void {
    for (const [key, { until }] of this.keys) if (until <= this.now) this.expire(key, tell)
  }

  #bytes(key: string): string | null {
    return this.keys.get(key)?.bytes ?? null
  }

  #read(key: string, by: NodeName | null): string | null {
    const readers = this.readers.get(key) ?? []
    if (by !== null && !readers.includes(by)) this.readers.set(key, [...readers, by].sort())
    return this.#bytes(key)
  }

  #changed(key: string, by: NodeName | null, tell: (notice: Notice) => void): void {
    if (!this.flaws.has('silent'))
      for (const to of this.readers.get(key) ?? []) if (to !== by || !this.flaws.has('noloop')) tell({ to, key })
    this.readers.delete(key)
  }

  #noteOf(key: string): Note {
    const note = this.notes.get(key)
    return note !== undefined && note.until > this.now ? note : noNote
  }

  #note(key: string, writer: string, version = ''): void {
    if (this.flaws.has('forgets-writers')) return
    const last = this.#noteOf(key)
    const before = this.flaws.has('last-writer-only') ? 0 : last.writer === writer ? last.before : last.write
    const until = this.now + (version === '' ? noteMs : longNoteMs)
    this.notes.set(key, { writer, write: ++this.writes, before, version, until })
  }
}
