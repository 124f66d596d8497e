import type { Duplex } from 'node:stream'
import type { Redis, RedisOptions } from 'ioredis'
import { type CacheError, type CompleteClock, cacheError, describeThrown, systemClock, wallTime } from '../index'
import { CircuitBreaker } from './circuit-breaker'
import type { FeedNote } from './feed-note'
import type { Script, Scripts } from './scripts'

/**
 * What keeps a cache from waiting, or from acting late: commands are refused while there is no connection, and a command
 * whose connection broke is not sent again, since a write that arrives a minute late would bring an old value back.
 */
export const failFast = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  // What a client's own timeout gives up looks answered, so the circuit would never open; see `redis`'s option of this name.
  commandTimeout: undefined,
  // While one automatic pipeline waits for its answers, ioredis holds back the next; see `#cork`.
  enableAutoPipelining: false,
  reconnectOnError: null,
  // The greeting asks for the same, and goes on where that is forbidden.
  enableReadyCheck: false,
  // What is closed was drained: a connection that does not answer its end must not keep the process.
  disconnectTimeout: 10,
  // A server that answers again is used within a second.
  retryStrategy: (attempt: number) => Math.min(800, 50 * 2 ** Math.min(attempt, 6)) * (0.5 + jitter(attempt) / 2),
  // Whose other end has vanished without a word, in the middle of the greeting too: else it would be kept for a quarter
  // of an hour.
  socketTimeout: 10_000,
  // Replies have one form, whatever the caller's own client asks for.
  replyMapping: 'legacy',
} as const satisfies RedisOptions

/** For a client that only listens. By protocol 2: a server sends notices to a subscriber only there. */
export const listenOnly = { ...failFast, enableAutoPipelining: false, protocol: 2 } as const satisfies RedisOptions

// Spreads the attempts of many processes without a source of randomness of its own.
function jitter(attempt: number): number {
  return ((process.pid * 2_654_435_761 + attempt * 40_503) % 1_000) / 1_000
}

const oldestMajor = 7

const unfitRetryMs = 800

/** How long the server's time is believed before it is asked for again. */
const timeBelievedMs = 30_000

/** A client with a command that ioredis has and its types leave out. */
export interface Client extends Redis {
  evalshaBuffer(sha: string, keyCount: number, ...keysAndArgs: (string | Buffer)[]): Promise<unknown>
}

/** Runs a script within {@link Connection.run}, which sees to it that the server has it. */
export function evaluate(
  client: Client,
  script: Script,
  keys: readonly string[],
  args: readonly (string | Buffer)[],
): Promise<unknown> {
  return client.evalshaBuffer(script.sha, keys.length, ...keys, ...args)
}

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
  readonly #parts: ConnectionParts
  readonly #whenUp: (() => void)[] = []
  readonly #whenDown: (() => void)[] = []
  readonly #circuit: CircuitBreaker
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
  #offsetMs: number | undefined
  #measured = { offsetMs: 0, errorMs: 0, at: 0 }
  #askedTimeAt = Number.NEGATIVE_INFINITY

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.client = parts.open(failFast)
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

  /** Whether the server has stopped answering in time. */
  get isSilent(): boolean {
    return this.#circuit.isOpen
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
    this.client.disconnect()
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
    if (this.#parts.clock.now() - this.#askedTimeAt > timeBelievedMs) this.#askTime()
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
      throw this.#explain(error)
    }
  }

  /**
   * A time that the server's clock had certainly passed at this reading of the machine's own clock: as measured, less the
   * round trip it was measured by and drift since.
   */
  earliestServerTimeAt(moment: number): number {
    const { offsetMs, errorMs, at } = this.#measured
    return moment + offsetMs - errorMs - 5 - Math.abs(moment - at) / 1_000
  }

  /** The server's clock in milliseconds since 1970, as well as this process knows it. */
  serverTime(): number {
    return this.#offsetMs === undefined ? wallTime() : this.#parts.clock.now() + this.#offsetMs
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
    this.#askTime()
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

  #askTime(): void {
    const sentAt = this.#parts.clock.now()
    const sent = systemClock.now()
    this.#askedTimeAt = sentAt
    this.client.time().then(
      ([seconds, micros]) => {
        const server = Number(seconds) * 1_000 + Number(micros) / 1_000
        const at = systemClock.now()
        this.#offsetMs = server - (sentAt + this.#parts.clock.now()) / 2
        this.#measured = { offsetMs: server - (sent + at) / 2, errorMs: at - sent, at }
      },
      () => {},
    )
  }

  get #where(): string {
    const { host, port, path, sentinels, name } = this.client.options
    return sentinels ? `the primary that sentinels call '${name}'` : (path ?? `${host}:${port}`)
  }

  #circuitChanged(isOpen: boolean): void {
    this.#givenUp = 0
    this.#silence = undefined
    this.#parts.onCircuit(`${this.#parts.name} at ${this.#where}`, isOpen)
    // What had to be kept back can be sent now.
    if (!isOpen && this.#isUp) this.#parts.onConnected(true)
  }

  #silent(): CacheError {
    // One for all calls: it is asked for by each, and says the same.
    this.#silence ??= cacheError(
      'CW_SHARED_UNAVAILABLE',
      `${this.#parts.name} at ${this.#where} has stopped answering within ${this.#parts.commandTimeoutMs} ms. Calls are answered without it until it does again; see \`commandTimeout\`.`,
    )
    return this.#silence
  }

  #away(): CacheError {
    const where = this.#where
    if (this.#unfit !== undefined) {
      return cacheError(
        'CW_SHARED_REFUSED',
        `${this.#parts.name} at ${where} is ${this.#unfit}. Calls are answered without it.`,
      )
    }
    const reason = this.#lastError === undefined ? '' : ` (${describeThrown(this.#lastError)})`
    return cacheError(
      'CW_SHARED_UNAVAILABLE',
      `${this.#parts.name} at ${where} cannot be reached${reason}. Calls are answered without it until it can. ${remedyFor(this.#lastError)}`.trim(),
      this.#lastError,
    )
  }

  #explain(error: unknown): CacheError {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof Error && error.name === 'ReplyError') {
      const remedy = remedyFor(error) || 'Look at the server for the cause.'
      return cacheError(
        'CW_SHARED_REFUSED',
        `${this.#parts.name} refused a command: ${message.replace(/\.$/, '')}. ${remedy}`,
        error,
      )
    }
    return cacheError('CW_SHARED_UNAVAILABLE', `${this.#parts.name} lost the connection: ${message}.`, error)
  }
}

/** What tells one run of a server from every other. */
export function runIdOf(info: string): string | undefined {
  return /run_id:(\w+)/.exec(info)?.[1]
}

function unfitness(info: string): string | undefined {
  const [, version, major] = /redis_version:((\d+)\S*)/.exec(info) ?? []
  if (Number(major) < oldestMajor) return `of version ${version}; ${oldestMajor}.0 or later is needed`
  if (/[^_]loading:1/.test(info)) return 'still loading its data'
  if (/role:slave/.test(info))
    return 'a replica, which may be behind and takes no writes; give the address of the primary'
  return undefined
}

/** What to do about an error reply, where that can be said; else ''. */
export function remedyFor(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  return remedies.find(([start]) => message.startsWith(start))?.[1] ?? ''
}

const remedies: readonly (readonly [string, string])[] = [
  [
    'WRONGTYPE',
    'Another program keeps something else at this key: delete it, or give the manager a `prefix` of its own.',
  ],
  ['OOM', 'The server is full: raise `maxmemory`, or set a `maxmemory-policy` that lets entries go.'],
  ['READONLY', 'This is a replica: point the cache at the primary.'],
  ['NOPERM', 'The user lacks a permission: see "Redis permissions" in the documentation.'],
  ['NOAUTH', 'The server wants a password: give `username` and `password`, or put them in the URL.'],
  ['WRONGPASS', 'The password is wrong.'],
]
