import type { Duplex } from 'node:stream'
import type { Redis } from 'ioredis'
import { type CacheError, type CompleteClock, describeThrown, systemClock } from '../index'
import { CircuitBreaker } from './circuit-breaker'
import type { Client } from './client'
import { failFast, jitter } from './client-options'
import { awayError, commandError, silentError, unfitError } from './connection-errors'
import type { FeedNote } from './feed-note'
import { reopen } from './reopening'
import type { Scripts } from './scripts'
import { runIdOf, unfitness } from './server-info'
import { ServerTime } from './server-time'

const unfitRetryMs = 800

/** What a {@link Connection} works with. */
export interface ConnectionParts {
  /** Makes the client, with these options over its own. */
  readonly open: (options: typeof failFast) => Redis
  readonly clock: CompleteClock
  /** What the server is, for messages. */
  readonly name: string
  readonly scripts: Scripts
  readonly note: FeedNote
  /** Whether the note of feeds stands on this server. */
  readonly holdsNote: () => boolean
  /** How long a command may take. */
  readonly commandTimeoutMs: number
  readonly onConnected: (isSameServer: boolean) => void
  readonly onCircuit: (server: string, isOpen: boolean) => void
}

/** One connection to one server, with the scripts loaded and the server's clock known. */
export class Connection {
  readonly client: Redis
  readonly time: ServerTime
  readonly #parts: ConnectionParts
  readonly #whenUp: (() => void)[] = []
  readonly #whenDown: (() => void)[] = []
  readonly #circuit: CircuitBreaker
  readonly #disconnect: () => void
  // Commands that nobody waits for any more, though the server may yet do them.
  #givenUp = 0
  #silence: CacheError | undefined
  #isUp = false
  #lastError: unknown
  /** Which server it is, as far as that is known. */
  runId: string | undefined
  // What makes this server of no use.
  #unfit: string | undefined
  #greetings = 0
  #isCorked = false
  #isFirst = true
  #cancelRetry = (): void => {}
  #opening: Promise<void> | undefined
  #opened: ((isUp: boolean) => void) | undefined

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.client = parts.open(failFast)
    this.#disconnect = reopen(this.client)
    this.time = new ServerTime(parts.clock)
    this.#circuit = new CircuitBreaker({
      // By the machine's own clock: this is about the network.
      clock: systemClock,
      timeoutMs: parts.commandTimeoutMs,
      probe: () => this.client.ping(),
      jitter,
      onChange: (isOpen) => this.#circuitChanged(isOpen),
    })
    // Without a listener ioredis prints each failed attempt; the calls that need the connection report it.
    this.client.on('error', (error: unknown) => {
      this.#lastError = error
    })
    this.client.on('ready', () => void this.#greet())
    this.client.on('close', () => {
      this.#isUp = false
      this.#circuit.reset()
      this.#greetings++
      this.#cancelRetry()
      this.#opened?.(false)
      for (const react of this.#whenDown) react()
    })
  }

  /** Why nothing is sent now, though there is a connection: the server has stopped answering in time. */
  get silence(): CacheError | undefined {
    return this.#circuit.isOpen ? this.#silent() : undefined
  }

  get isUp(): boolean {
    return this.#isUp
  }

  onUp(react: () => void): void {
    this.#whenUp.push(react)
  }

  onDown(react: () => void): void {
    this.#whenDown.push(react)
  }

  /** Resolves when the connection is up; rejects when the first attempt has failed. Attempts go on either way. */
  connect(): Promise<void> {
    if (this.#isUp) return Promise.resolve()
    if (this.client.status === 'wait') this.#opening = this.#open()
    return this.#opening ?? Promise.reject(this.#away())
  }

  close(): void {
    this.#isUp = false
    this.#circuit.reset()
    this.#cancelRetry()
    this.#disconnect()
  }

  /**
   * Runs commands as soon as there is a connection: at once if it is up, after the first attempt to connect if that is
   * still going on, and not at all otherwise, nor while the server does not answer in time.
   *
   * @param isCleanup for what undoes a command: it goes even to a server that does not answer, behind what that was sent
   *   before it fell silent, and nobody waits for it
   * @throws CW_SHARED_UNAVAILABLE, CW_SHARED_REFUSED
   */
  async run<Answer>(commands: (client: Client) => Promise<Answer>, isCleanup = false): Promise<Answer> {
    if (!this.#isUp) await this.connect()
    if (this.#circuit.isOpen) {
      if (!isCleanup || this.#givenUp === 0) throw this.#silent()
      this.#givenUp--
      return this.#send(commands)
    }
    return new Promise((resolve, reject) => {
      const answered = this.#circuit.sent(() => {
        this.#givenUp++
        reject(this.#silent())
      })
      this.#send(commands).then(resolve, reject).finally(answered)
    })
  }

  async #send<Answer>(commands: (client: Client) => Promise<Answer>): Promise<Answer> {
    if (this.time.isOld) this.time.ask(this.client)
    const client = this.client as Client
    this.#cork()
    if (this.#parts.holdsNote()) this.#parts.note.keep(client)
    try {
      return await commands(client).catch((error: unknown) => {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
        // All of them once more, in their order: a read that follows a script must not come before it.
        this.#loadScripts()
        return commands(client)
      })
    } catch (error) {
      throw commandError(this.#parts.name, error)
    }
  }

  /** Lets the commands of one turn leave in one packet. */
  #cork(): void {
    const { stream } = this.client as unknown as { readonly stream: Duplex | undefined }
    if (this.#isCorked || stream === undefined) return
    this.#isCorked = true
    stream.cork()
    process.nextTick(() => {
      this.#isCorked = false
      stream.uncork()
      this.#circuit.left()
    })
  }

  #open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opened = (isUp) => {
        this.#opened = undefined
        this.#opening = undefined
        if (isUp) resolve()
        else reject(this.#away())
      }
      this.client.connect().catch(() => {})
    })
  }

  /** Asks a server who it is, before anything else is asked of it. */
  async #greet(): Promise<void> {
    const greeting = ++this.#greetings
    this.time.ask(this.client)
    this.#loadScripts()
    // Where a user may not ask, it is not known whether this server is the one from before.
    const asked = ['server', 'replication', 'persistence'].map((section) => this.client.info(section))
    const [info, refusal] = await Promise.all([Promise.all(asked).then(String, () => ''), this.#select()])
    if (greeting !== this.#greetings) return
    this.#cancelRetry()
    this.#unfit = refusal ?? unfitness(info)
    if (this.#unfit !== undefined) {
      this.#opened?.(false)
      // The address may lead to another one by then, or this one may have become a primary.
      this.#cancelRetry = systemClock.setTimer(() => this.client.disconnect(true), unfitRetryMs)
      return
    }
    const runId = runIdOf(info)
    const isSameServer = this.#isFirst || (runId !== undefined && this.runId === runId)
    this.#isFirst = false
    this.runId = runId
    if (this.#parts.holdsNote()) this.#parts.note.renew(this.client as Client).catch(() => {})
    this.#isUp = true
    this.#parts.onConnected(isSameServer)
    for (const react of this.#whenUp) react()
    this.#opened?.(true)
  }

  /** The client selects its database too, and goes on with another one where that is refused. */
  async #select(): Promise<string | undefined> {
    const { db = 0 } = this.client.options
    if (db === 0) return undefined
    return this.client.select(db).then(
      () => undefined,
      (error: unknown) => `not to be used: it refuses database ${db} (${describeThrown(error)})`,
    )
  }

  #loadScripts(): void {
    for (const { lua } of Object.values(this.#parts.scripts)) this.client.script('LOAD', lua).catch(() => {})
  }

  /** What the server is, and where. */
  get #server(): string {
    const { host, port, path, sentinels, name } = this.client.options
    const where = sentinels ? `the primary that sentinels call '${name}'` : (path ?? `${host}:${port}`)
    return `${this.#parts.name} at ${where}`
  }

  #circuitChanged(isOpen: boolean): void {
    this.#givenUp = 0
    this.#silence = undefined
    this.#parts.onCircuit(this.#server, isOpen)
    // What had to be kept back can be sent now.
    if (!isOpen && this.#isUp) this.#parts.onConnected(true)
  }

  #silent(): CacheError {
    // One for all calls: it is asked for by each, and says the same.
    this.#silence ??= silentError(this.#server, this.#parts.commandTimeoutMs)
    return this.#silence
  }

  #away(): CacheError {
    return this.#unfit === undefined ? awayError(this.#server, this.#lastError) : unfitError(this.#server, this.#unfit)
  }
}
