import type { Redis } from 'ioredis'
import { type CompleteClock, type InvalidationListener, systemClock, type Watch } from '../index'
import { type Connection, runIdOf } from './connection'
import { heartbeat } from './scripts'

/*
 * Server-assisted coherence. The server remembers which keys the data connection has read and, when one of them changes
 * in whatever way, sends its name once to the listening connection. Facts this rests on (Redis 6 and later): only reads
 * are remembered, also those of scripts; a name is sent once for each read; a reply and a notice travel on different
 * connections and may overtake each other, which is why readers register before they ask; and if either connection
 * dies, notices stop in silence.
 *
 * So trust has an age. A PING on the listening connection is a barrier: when it is answered, every notice that the server
 * had queued before has been delivered, as of the moment the PING was sent. The heartbeat on the data connection is a
 * script that might write, so that a server which has been made a replica, has lost its part of the cluster or its
 * majority refuses it: what such a server does not tell is not to be believed. A connection that comes back starts a
 * new watch, with nothing believed that was read before.
 */

const channel = '__redis__:invalidate'

// A connection whose other end has vanished without a word would be kept for a quarter of an hour.
const longestSilenceMs = 10_000

/** What a {@link TrackingFeed} works with. */
export interface TrackingFeedParts {
  readonly data: Connection
  /** A client of its own, by protocol 2: the server sends notices to a subscriber only there. */
  readonly listening: Redis
  readonly listener: InvalidationListener
  readonly clock: CompleteClock
  /** The age that trust may reach; it is renewed four times as often. */
  readonly maxStalenessMs: number
  /** A key that this server has to answer for; undefined: there is none now. */
  readonly heartbeatKey: () => string | undefined
  /** Told when the server refuses the heartbeat. */
  readonly onRefused?: () => void
}

class ServerWatch implements Watch {
  verifiedAt = Number.NEGATIVE_INFINITY
  isLive = true
}

/** Hears, by CLIENT TRACKING, of changes of what a data connection has read. */
export class TrackingFeed {
  readonly #parts: TrackingFeedParts
  readonly #heartbeatMs: number
  #watch: ServerWatch | undefined
  #attempts = 0
  #heardAt = 0
  #listening: { readonly id: number; readonly server: string | undefined } | undefined
  #arming: Promise<void> | undefined
  #cancelHeartbeat = (): void => {}
  #closed = false
  #attempted = (): void => {}
  readonly #firstAttempt = new Promise<void>((resolve) => {
    this.#attempted = resolve
  })

  constructor(parts: TrackingFeedParts) {
    this.#parts = parts
    this.#heartbeatMs = Math.min(1_000, Math.max(10, parts.maxStalenessMs / 4))
    const { data, listening } = parts
    listening.on('error', () => {})
    listening.on('ready', () => void this.#listen().then(this.#attempted))
    listening.on('close', () => {
      this.#listening = undefined
      this.#disarm()
      this.#attempted()
    })
    listening.on('messageBuffer', (_channel: Buffer, message: unknown) => this.#told(message))
    data.onUp(() => {
      this.#arming = this.#arm()
    })
    data.onDown(() => this.#disarm())
  }

  /** The watch that covers what is read now; undefined while nothing is told. */
  get watch(): Watch | undefined {
    return this.#watch
  }

  /** Starts listening; resolves when the feed is up or that has failed. */
  async connect(): Promise<void> {
    const { listening } = this.#parts
    if (listening.status === 'wait') await listening.connect().catch(() => {})
    await this.#firstAttempt
    await this.#arming
  }

  close(): void {
    this.#closed = true
    this.#disarm()
    this.#attempted()
    this.#parts.listening.disconnect()
  }

  async #listen(): Promise<void> {
    const { listening } = this.#parts
    try {
      // A subscriber may ask nothing but PING, so this comes first.
      const info = listening.info('server').catch(() => '')
      const [id, server] = await Promise.all([listening.client('ID'), info.then(runIdOf)])
      await listening.subscribe(channel)
      this.#listening = { id, server }
      await this.#arm()
    } catch {
      // The connection broke; it will be ready again.
    }
  }

  /** Lets the server notify this listener of what the data connection reads from now on. */
  async #arm(): Promise<void> {
    const { data, listener, listening } = this.#parts
    const to = this.#listening
    if (to === undefined || !data.isUp || this.#watch !== undefined || this.#closed) return
    const attempt = ++this.#attempts
    // The address leads elsewhere by now, and that id is a stranger's there: the listener has to follow.
    if (data.runId !== to.server) return listening.disconnect(true)
    try {
      // A redirection cannot be changed while tracking is on. NOLOOP: what this process writes it drops by itself.
      data.client.client('TRACKING', 'OFF').catch(() => {})
      await data.client.client('TRACKING', 'ON', 'REDIRECT', to.id, 'NOLOOP')
    } catch {
      return
    }
    if (attempt !== this.#attempts || to !== this.#listening || !data.isUp) return
    // Whatever was read under an earlier watch, or under none, may have changed unseen.
    listener.gap()
    this.#watch = new ServerWatch()
    this.#heardAt = systemClock.now()
    await this.#beat()
  }

  #reconnect(): void {
    this.#parts.data.client.disconnect(true)
    this.#parts.listening.disconnect(true)
  }

  #disarm(): void {
    // Trust runs out by its age; what was read until now may be served as long as that allows.
    if (this.#watch !== undefined) this.#watch.isLive = false
    this.#watch = undefined
    this.#attempts++
    this.#cancelHeartbeat()
  }

  async #beat(): Promise<void> {
    const { data, listening, clock, heartbeatKey } = this.#parts
    const watch = this.#watch
    if (watch === undefined) return
    this.#cancelHeartbeat()
    this.#cancelHeartbeat = clock.setTimer(() => void this.#beat(), this.#heartbeatMs)
    // By the machine's own clock: this is about the network.
    if (systemClock.now() - this.#heardAt > longestSilenceMs) return this.#reconnect()
    const sentAt = clock.now()
    const key = heartbeatKey()
    const beat = (): Promise<unknown> =>
      data.run((client) => (key === undefined ? client.ping() : client.eval(heartbeat, 1, key)))
    try {
      await Promise.all([beat(), listening.ping()])
    } catch (error) {
      return this.#refused(error)
    }
    this.#heardAt = systemClock.now()
    if (key !== undefined) watch.verifiedAt = Math.max(watch.verifiedAt, sentAt)
  }

  #refused(error: unknown): void {
    const { cause } = error as Error
    // It was a primary: the address, or the sentinels, may know the new one.
    if (cause instanceof Error && cause.message.startsWith('READONLY')) this.#reconnect()
    this.#parts.onRefused?.()
  }

  #told(message: unknown): void {
    const { listener } = this.#parts
    // Null: the server was flushed, or dropped its table.
    if (message === null || message === undefined) listener.gap()
    else listener.invalidated(this.#ours((Array.isArray(message) ? message : [message]).map(String)))
  }

  // The server knows keys with the prefix that the client puts in front of them; nobody else here does.
  #ours(keys: readonly string[]): readonly string[] {
    const prefix = this.#parts.data.client.options.keyPrefix ?? ''
    return prefix === '' ? keys : keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
  }
}
