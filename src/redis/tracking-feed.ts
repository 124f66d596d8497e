import type { Redis } from 'ioredis'
import { type CompleteClock, type InvalidationFeed, type InvalidationListener, systemClock } from '../index'
import type { Connection } from './connection'

/*
 * Server-assisted coherence. The server remembers which keys the data connection has read and, when one of them changes
 * in whatever way, sends its name once to the listening connection. Facts this rests on (Redis 6 and later): only reads
 * are remembered, also those of scripts; a name is sent once for each read; a reply and a notice travel on different
 * connections and may overtake each other, which is why readers register before they ask; and if either connection
 * dies, notices stop in silence.
 *
 * So trust has an age. A PING on both connections is a barrier: when both are answered, every notice that the server
 * had queued before has been delivered, and the data connection was alive, as of the moment the PINGs were sent. A
 * connection that comes back starts a new epoch, with nothing believed that was read before.
 */

const channel = '__redis__:invalidate'

// A connection whose other end has vanished without a word would be kept for a quarter of an hour.
const longestSilenceMs = 10_000

/** The invalidation feed of one server, by CLIENT TRACKING. */
export class TrackingFeed implements InvalidationFeed {
  verifiedAt = Number.NEGATIVE_INFINITY
  epoch: number | undefined
  readonly #data: Connection
  readonly #listening: Redis
  readonly #listener: InvalidationListener
  readonly #clock: CompleteClock
  readonly #heartbeatMs: number
  #epochs = 0
  #heardAt = 0
  #listeningId: number | undefined
  #cancelHeartbeat = (): void => {}
  #closed = false
  #attempted = (): void => {}
  readonly #firstAttempt = new Promise<void>((resolve) => {
    this.#attempted = resolve
  })

  /**
   * @param listening a client of its own, by protocol 2: the server sends notices to a subscriber only there
   * @param maxStalenessMs the age that trust may reach; it is renewed four times as often
   */
  constructor(
    data: Connection,
    listening: Redis,
    listener: InvalidationListener,
    clock: CompleteClock,
    maxStalenessMs: number,
  ) {
    this.#data = data
    this.#listening = listening
    this.#listener = listener
    this.#clock = clock
    this.#heartbeatMs = Math.min(1_000, Math.max(10, maxStalenessMs / 4))
    listening.on('error', () => {})
    listening.on('ready', () => void this.#listen().then(this.#attempted))
    listening.on('close', () => {
      this.#listeningId = undefined
      this.#disarm()
      this.#attempted()
    })
    listening.on('messageBuffer', (_channel: Buffer, message: unknown) => this.#told(message))
    data.onUp(() => void this.#arm())
    data.onDown(() => this.#disarm())
  }

  /** Starts listening; resolves when the feed is up or that has failed. */
  async connect(): Promise<void> {
    if (this.#listening.status === 'wait') await this.#listening.connect().catch(() => {})
    await this.#firstAttempt
  }

  close(): void {
    this.#closed = true
    this.#disarm()
    this.#listening.disconnect()
  }

  async #listen(): Promise<void> {
    try {
      // A subscriber may ask nothing but PING, so its id comes first.
      const id = await this.#listening.client('ID')
      await this.#listening.subscribe(channel)
      this.#listeningId = id
      await this.#arm()
    } catch {
      // The connection broke; it will be ready again.
    }
  }

  /** Lets the server notify this listener of what the data connection reads from now on. */
  async #arm(): Promise<void> {
    const id = this.#listeningId
    if (id === undefined || !this.#data.isUp || this.epoch !== undefined || this.#closed) return
    const epoch = ++this.#epochs
    try {
      // A redirection cannot be changed while tracking is on. NOLOOP: what this process writes it drops by itself.
      this.#data.client.client('TRACKING', 'OFF').catch(() => {})
      await this.#data.client.client('TRACKING', 'ON', 'REDIRECT', id, 'NOLOOP')
    } catch {
      return
    }
    if (epoch !== this.#epochs || id !== this.#listeningId || !this.#data.isUp) return
    // Whatever was read under an earlier epoch, or under none, may have changed unseen.
    this.#listener.gap()
    this.epoch = epoch
    this.#heardAt = systemClock.now()
    await this.#beat()
  }

  #reconnect(): void {
    this.#data.client.disconnect(true)
    this.#listening.disconnect(true)
  }

  #disarm(): void {
    // Trust runs out by its age; what was read until now may be served as long as that allows.
    this.epoch = undefined
    this.#epochs++
    this.#cancelHeartbeat()
  }

  async #beat(): Promise<void> {
    const { epoch } = this
    if (epoch === undefined) return
    this.#cancelHeartbeat()
    this.#cancelHeartbeat = this.#clock.setTimer(() => void this.#beat(), this.#heartbeatMs)
    // By the machine's own clock: this is about the network.
    if (systemClock.now() - this.#heardAt > longestSilenceMs) return this.#reconnect()
    const sentAt = this.#clock.now()
    try {
      await Promise.all([this.#data.client.ping(), this.#listening.ping()])
    } catch {
      return
    }
    this.#heardAt = systemClock.now()
    if (epoch === this.epoch) this.verifiedAt = Math.max(this.verifiedAt, sentAt)
  }

  #told(message: unknown): void {
    // Null: the server was flushed, or dropped its table.
    if (message === null || message === undefined) this.#listener.gap()
    else this.#listener.invalidated(this.#ours((Array.isArray(message) ? message : [message]).map(String)))
  }

  // The server knows keys with the prefix that the client puts in front of them; nobody else here does.
  #ours(keys: readonly string[]): readonly string[] {
    const prefix = this.#data.client.options.keyPrefix ?? ''
    return prefix === '' ? keys : keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
  }
}
