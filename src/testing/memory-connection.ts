import {
  type CacheError,
  type CompleteClock,
  cacheError,
  type SharedStoreContext,
  uniqueText,
  type Watch,
} from '../index'
import type { Answer, Command } from './memory-command'
import type { Wire } from './memory-store'

/** What a {@link MemoryConnection} leads to. */
export interface ServerEnd {
  readonly isUp: boolean
  /** Milliseconds, by the clock of the server. */
  readonly now: number
  execute(command: Command, by: string): Answer
  matching(pattern: string): readonly string[]
  /** The connection was closed, and will not be back. */
  forget(connection: MemoryConnection): void
}

/** As the server tells at once, everything has been told as of now. */
class MemoryWatch implements Watch {
  #endedAt: number | undefined

  constructor(private readonly clock: CompleteClock) {}

  get verifiedAt(): number {
    return this.#endedAt ?? this.clock.now()
  }

  get isLive(): boolean {
    return this.#endedAt === undefined
  }

  end(): void {
    this.#endedAt ??= this.clock.now()
  }
}

/** What one process has of the server. */
export class MemoryConnection implements Wire {
  readonly name = uniqueText()
  watch: MemoryWatch | undefined
  #isOpen = false
  #isClosed = false
  #isFirst = true

  constructor(
    private readonly server: ServerEnd,
    private readonly context: SharedStoreContext,
  ) {}

  async connect(): Promise<void> {
    // The manager that opens this store is still being made.
    await undefined
    if (!this.#isOpen) this.isBack()
    if (!this.#isOpen) throw this.#away()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.broke()
    this.server.forget(this)
  }

  serverTime(): number {
    return this.server.now
  }

  async send(commands: readonly Command[]): Promise<readonly Answer[]> {
    if (!this.#isOpen) await this.connect()
    return commands.map((command) => this.server.execute(command, this.name))
  }

  async matching(pattern: string): Promise<readonly string[]> {
    if (!this.#isOpen) await this.connect()
    return this.server.matching(pattern)
  }

  isBack(): void {
    if (this.#isClosed || !this.server.isUp) return
    this.#isOpen = true
    this.context.onConnected(this.#isFirst)
    this.#isFirst = false
    // Whatever was read under an earlier watch, or under none, may have changed unseen.
    this.context.listener.gap()
    this.watch = new MemoryWatch(this.context.clock)
  }

  broke(): void {
    this.#isOpen = false
    this.watch?.end()
    this.watch = undefined
  }

  told(key: string): void {
    this.context.listener.invalidated([key])
  }

  flushed(): void {
    if (this.#isOpen) this.context.listener.gap()
  }

  #away(): CacheError {
    const why = this.#isClosed ? 'was closed' : 'is stopped'
    return cacheError('CW_SHARED_UNAVAILABLE', `The shared memory ${why}: the call goes on without it.`)
  }
}
