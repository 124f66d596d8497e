import type { Answer, Command } from '../../src/testing/memory-command'
import { MemoryServer, type Moment, type Tell } from '../../src/testing/memory-server'

export type { Answer, Command } from '../../src/testing/memory-command'
export type { Moment } from '../../src/testing/memory-server'

export type NodeName = 'A' | 'B'

/** What a server can be made to do wrong, to show that the explorer would see it. */
export type Flaw =
  | 'noloop'
  | 'fill-without-lease'
  | 'silent'
  | 'forgets-writers'
  | 'last-writer-only'
  | 'evict-leaves-lease'

/** The server of the exploration: that of the door for tests, which can be copied, and broken on purpose. */
export class ModelServer extends MemoryServer<NodeName> {
  writes = 0

  constructor(
    now: number,
    private readonly flaws: ReadonlySet<Flaw> = new Set(),
  ) {
    super(now, () => ++this.writes)
  }

  copy(): ModelServer {
    const copy = new ModelServer(this.now, this.flaws)
    copy.writes = this.writes
    for (const [key, kept] of this.keys) copy.keys.set(key, kept)
    for (const [key, note] of this.notes) copy.notes.set(key, note)
    for (const [key, readers] of this.readers) copy.readers.set(key, readers)
    return copy
  }

  /** The number of a write is finer than any clock. */
  get moment(): Moment {
    return { write: this.writes + 1, at: this.now }
  }

  override execute(
    command: Command,
    by: NodeName,
    began: Moment | undefined,
    tell: Tell<NodeName>,
    connection: NodeName | null = by,
  ): Answer {
    const { flaws, keys, notes, readers } = this
    if (flaws.size === 0) return super.execute(command, by, began, tell, connection)
    const its = this.#fillable(command)
    const key = 'key' in its ? its.key : ''
    const [kept, known] = [keys.get(key), readers.get(key)]
    const isLeft = flaws.has('evict-leaves-lease') && its.name === 'dropEntry' && kept?.bytes[1] === 'L'
    const heard: Tell<NodeName> = (notice) => {
      if (!isLeft && !(flaws.has('noloop') && notice.to === connection)) this.#unless('silent', () => tell(notice))
    }
    const answer = super.execute(its, by, began, heard, connection)
    if (isLeft) {
      keys.set(key, kept)
      if (known !== undefined) readers.set(key, known)
    }
    if (flaws.has('forgets-writers')) notes.clear()
    if (flaws.has('last-writer-only')) for (const [name, note] of notes) notes.set(name, { ...note, before: 0 })
    return answer
  }

  override expire(key: string, tell: Tell<NodeName>): void {
    super.expire(key, (notice) => this.#unless('silent', () => tell(notice)))
  }

  #unless(flaw: Flaw, act: () => void): void {
    if (!this.flaws.has(flaw)) act()
  }

  /** A fill as if its lease were held, whatever stands there. */
  #fillable(command: Command): Command {
    if (command.name !== 'fillLease' || !this.flaws.has('fill-without-lease')) return command
    const lease = this.keys.get(command.key)?.bytes ?? command.lease
    if (!this.keys.has(command.key)) this.keys.set(command.key, { bytes: lease, until: Number.POSITIVE_INFINITY })
    return { ...command, lease }
  }
}
