import type { Redis, RedisOptions } from 'ioredis'
import { type CacheError, type CompleteClock, cacheError, describeThrown, systemClock, wallTime } from '../index'
import { type Script, scripts } from './scripts'

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
  enableAutoPipelining: true,
  reconnectOnError: null,
  // What is closed was drained: a connection that does not answer its end must not keep the process.
  disconnectTimeout: 10,
  retryStrategy: (attempt: number) => Math.min(2_000, 50 * 2 ** Math.min(attempt, 6)) * (0.5 + jitter(attempt) / 2),
  // Replies have one form, whatever the caller's own client asks for.
  replyMapping: 'legacy',
} as const satisfies RedisOptions

// Spreads the attempts of many processes without a source of randomness of its own.
function jitter(attempt: number): number {
  return ((process.pid * 2_654_435_761 + attempt * 40_503) % 1_000) / 1_000
}

/** How long the server's time is believed before it is asked for again. */
const timeBelievedMs = 30_000

/** Commands that ioredis has and its types leave out. */
interface ScriptsInBytes {
  evalshaBuffer(sha: string, keyCount: number, ...keysAndArgs: (string | Buffer)[]): Promise<unknown>
  evalBuffer(lua: string, keyCount: number, ...keysAndArgs: (string | Buffer)[]): Promise<unknown>
}

/** One connection to one server, with the scripts loaded and the server's clock known. */
export class Connection {
  readonly client: Redis
  readonly #clock: CompleteClock
  readonly #name: string
  readonly #onConnected: (isSameServer: boolean) => void
  readonly #whenUp: (() => void)[] = []
  readonly #whenDown: (() => void)[] = []
  #isUp = false
  #lastError: unknown
  #runId: string | undefined
  #opening: Promise<void> | undefined
  #offsetMs: number | undefined
  #measured = { offsetMs: 0, errorMs: 0, at: 0 }
  #askedTimeAt = Number.NEGATIVE_INFINITY

  /** @param open makes the client, with these options over its own */
  constructor(
    open: (options: typeof failFast) => Redis,
    clock: CompleteClock,
    name: string,
    onConnected: (isSameServer: boolean) => void,
  ) {
    this.#clock = clock
    this.#name = name
    this.#onConnected = onConnected
    this.client = open(failFast)
    // Without a listener ioredis prints each failed attempt; the calls that need the connection report it.
    this.client.on('error', (error: unknown) => {
      this.#lastError = error
    })
    this.client.on('ready', () => this.#greet())
    this.client.on('close', () => {
      this.#isUp = false
      for (const react of this.#whenDown) react()
    })
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
    this.client.disconnect()
  }

  /**
   * Runs commands as soon as there is a connection: at once if it is up, after the first attempt to connect if that is
   * still going on, and not at all otherwise.
   *
   * @throws CW_SHARED_UNAVAILABLE, CW_SHARED_REFUSED
   */
  async run<Answer>(commands: (client: Redis) => Promise<Answer>): Promise<Answer> {
    if (!this.#isUp) await this.connect()
    if (this.#clock.now() - this.#askedTimeAt > timeBelievedMs) this.#askTime()
    try {
      return await commands(this.client)
    } catch (error) {
      throw this.#explain(error)
    }
  }

  /** Runs a script; the server is sent the text only if it has lost it. */
  async evaluate(script: Script, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown> {
    const client = this.client as Redis & ScriptsInBytes
    try {
      return await client.evalshaBuffer(script.sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return client.evalBuffer(script.lua, keys.length, ...keys, ...args)
    }
  }

  /**
   * A time that the server's clock has passed already: as measured, less the round trip it was measured by and drift
   * since. By the machine's own clock, whatever clock the manager was given: it is held against notes of the server.
   */
  earliestServerTime(): number {
    const { offsetMs, errorMs, at } = this.#measured
    const now = systemClock.now()
    return now + offsetMs - errorMs - 5 - (now - at) / 1_000
  }

  /** The server's clock in milliseconds since 1970, as well as this process knows it. */
  serverTime(): number {
    return this.#offsetMs === undefined ? wallTime() : this.#clock.now() + this.#offsetMs
  }

  #open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const up = (): void => {
        this.client.off('close', down)
        this.#opening = undefined
        resolve()
      }
      const down = (): void => {
        this.client.off('ready', up)
        this.#opening = undefined
        reject(this.#away())
      }
      this.client.once('ready', up)
      this.client.once('close', down)
      this.client.connect().catch(() => {})
    })
  }

  // The first commands on every connection, so that their answers come before those of all others.
  #greet(): void {
    this.#isUp = true
    this.#askTime()
    for (const { lua } of scripts) this.client.script('LOAD', lua).catch(() => {})
    for (const react of this.#whenUp) react()
    this.#recognise()
  }

  // A server that was restarted, or took over from another, has a run id of its own.
  #recognise(): void {
    this.client.info('server').then(
      (info) => {
        const runId = /run_id:(\w+)/.exec(info)?.[1]
        const isSameServer = this.#runId === undefined || this.#runId === runId
        this.#runId = runId
        this.#onConnected(isSameServer)
      },
      () => this.#onConnected(false),
    )
  }

  #askTime(): void {
    const sentAt = this.#clock.now()
    const sent = systemClock.now()
    this.#askedTimeAt = sentAt
    this.client.time().then(
      ([seconds, micros]) => {
        const server = Number(seconds) * 1_000 + Number(micros) / 1_000
        const at = systemClock.now()
        this.#offsetMs = server - (sentAt + this.#clock.now()) / 2
        this.#measured = { offsetMs: server - (sent + at) / 2, errorMs: at - sent, at }
      },
      () => {},
    )
  }

  #away(): CacheError {
    const { host, port, path } = this.client.options
    const where = path ?? `${host}:${port}`
    const reason = this.#lastError === undefined ? '' : ` (${describeThrown(this.#lastError)})`
    return cacheError(
      'CW_SHARED_UNAVAILABLE',
      `${this.#name} at ${where} cannot be reached${reason}. Calls are answered without it until it can. ${remedyFor(this.#lastError)}`.trim(),
      this.#lastError,
    )
  }

  #explain(error: unknown): CacheError {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof Error && error.name === 'ReplyError') {
      const remedy = remedyFor(error) || 'Look at the server for the cause.'
      return cacheError('CW_SHARED_REFUSED', `${this.#name} refused a command: ${message}. ${remedy}`, error)
    }
    return cacheError('CW_SHARED_UNAVAILABLE', `${this.#name} lost the connection: ${message}.`, error)
  }
}

function remedyFor(error: unknown): string {
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
