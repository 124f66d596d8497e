import type { Redis } from 'ioredis'
import { type CompleteClock, type InvalidationListener, systemClock, type Watch } from '../index'
import { evaluate } from './client'
import type { Connection } from './connection'
import type { FeedNote } from './feed-note'
import { reopen } from './reopening'
import type { Scripts } from './scripts'
import { runIdOf } from './server-info'

/*
 * What a server tells of changes arrives on a listening connection. A reply and a message travel on different connections
 * and may overtake each other, which is why readers register before they ask; and if either connection dies, messages
 * stop in silence.
 *
 * So trust has an age. A PING on the listening connection is a barrier: when it is answered, every message that the server
 * had queued before has been delivered, as of the moment the PING was sent. The heartbeat on the data connection is a
 * script that might write, so that a server which has been made a replica, has lost its part of the cluster or its
 * majority refuses it: what such a server does not tell is not to be believed. A connection that comes back starts a
 * new watch, with nothing believed that was read before.
 */

// A connection whose other end has vanished without a word would be kept for a quarter of an hour.
const longestSilenceMs = 10_000

/** How a server is brought to tell, and what its messages say; each step that it may refuse with its name. */
export interface Telling {
  /** What the listening connection subscribes to. */
  readonly channel: string
  /** Asks under which number the server knows the listener. */
  readonly identify?: Step<(listening: Redis) => Promise<number>>
  /** Lets the server tell that listener of what the data connection reads from now on. */
  readonly begin?: Step<(data: Redis, listenerId: number) => Promise<unknown>>
  /** The keys that a message names, as the server knows them; undefined: it may be any. */
  keysIn(message: unknown): readonly string[] | undefined
}

type Step<Act> = readonly [command: string, act: Act]

/** What a {@link ServerFeed} works with. */
export interface ServerFeedParts {
  readonly telling: Telling
  readonly scripts: Scripts
  readonly note: FeedNote
  readonly data: Connection
  /** A client of its own, by protocol 2: the server sends notices to a subscriber only there. */
  readonly listening: Redis
  readonly listener: InvalidationListener
  readonly clock: CompleteClock
  /** The age that trust may reach; it is renewed four times as often. */
  readonly maxStalenessMs: number
  /** A key that this server has to answer for; undefined: there is none now. */
  readonly heartbeatKey: () => string | undefined
  /** Whether the note of feeds stands on this server, and has to be read to trust what is told. */
  readonly holdsNote: () => boolean
  /** Told when the server refuses the heartbeat. */
  readonly onRefused?: () => void
}

class ServerWatch implements Watch {
  verifiedAt = Number.NEGATIVE_INFINITY
  isLive = true
}

/** Hears of changes of what a data connection has read. */
export class ServerFeed {
  readonly #parts: ServerFeedParts
  /** What the server answered to commands that it refused, by their names. */
  readonly refusals = new Map<string, Error>()
  readonly #heartbeatMs: number
  readonly #disconnect: () => void
  #watch: ServerWatch | undefined
  #toldAt: number
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

  constructor(parts: ServerFeedParts) {
    this.#parts = parts
    this.#heartbeatMs = Math.min(1_000, Math.max(10, parts.maxStalenessMs / 4))
    const { data, listening, clock } = parts
    this.#toldAt = clock.now()
    this.#disconnect = reopen(listening)
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

  /** Clock reading as of which all changes have been told, by this watch or the last one; or at which this was made. */
  get toldAt(): number {
    return this.#toldAt
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
    this.#disconnect()
  }

  async #listen(): Promise<void> {
    const { listening, telling } = this.#parts
    try {
      // A subscriber may ask nothing but PING, so this comes first.
      const info = listening.info('server').catch(() => '')
      const identified =
        telling.identify === undefined ? 0 : this.#asked(telling.identify[0], telling.identify[1](listening))
      const [id, server] = await Promise.all([identified, info.then(runIdOf)])
      await this.#asked('SUBSCRIBE', listening.subscribe(telling.channel))
      this.#listening = { id, server }
      await this.#arm()
    } catch {
      // The connection broke, and will be ready again; or the server refuses, and copies are not watched.
    }
  }

  /** Lets the server notify this listener of what the data connection reads from now on. */
  async #arm(): Promise<void> {
    const { data, listener, listening, telling } = this.#parts
    const to = this.#listening
    if (to === undefined || !data.isUp || this.#watch !== undefined || this.#closed) return
    // Both connections have to lead to one server, and this one does not say who it is.
    if (data.runId === undefined || to.server === undefined) return
    const attempt = ++this.#attempts
    // The address leads elsewhere by now, and that id is a stranger's there: the listener has to follow.
    if (data.runId !== to.server) return listening.disconnect(true)
    try {
      if (telling.begin !== undefined) await this.#asked(telling.begin[0], telling.begin[1](data.client, to.id))
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

  /** The answer, with a note of whether the server refused to give it. */
  async #asked<Answer>(command: string, answer: Promise<Answer>): Promise<Answer> {
    try {
      const given = await answer
      this.refusals.delete(command)
      return given
    } catch (error) {
      if (isReply(error)) this.refusals.set(command, error)
      throw error
    }
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
    const { data, listening, clock, heartbeatKey, scripts, note, holdsNote } = this.#parts
    const watch = this.#watch
    if (watch === undefined) return
    this.#cancelHeartbeat()
    this.#cancelHeartbeat = clock.setTimer(() => void this.#beat(), this.#heartbeatMs)
    // By the machine's own clock: this is about the network.
    if (systemClock.now() - this.#heardAt > longestSilenceMs) return this.#reconnect()
    const sentAt = clock.now()
    const key = heartbeatKey()
    const answers = await Promise.allSettled([
      data.run((client) => (key === undefined ? client.ping() : evaluate(client, scripts.heartbeat, [key], []))),
      holdsNote() ? data.run((client) => note.renew(client)) : undefined,
      this.#asked('PING', listening.ping()),
    ])
    const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as Error] : []))
    // A refusal is no silence; and of a server that answers too late to be asked, the data connection knows whether it lives.
    const [, , barrier] = answers
    const isHeard = barrier.status === 'fulfilled' && data.silence !== undefined
    if (isHeard || failures.every((error) => isReply(error.cause ?? error))) this.#heardAt = systemClock.now()
    if (failures.length > 0) return this.#refused(failures)
    const toldAt = Math.min(sentAt, note.agreedAt)
    this.#toldAt = Math.max(this.#toldAt, toldAt)
    if (key !== undefined) watch.verifiedAt = Math.max(watch.verifiedAt, toldAt)
  }

  #refused(failures: readonly Error[]): void {
    // It was a primary: the address, or the sentinels, may know the new one.
    if (failures.some(({ cause }) => isReply(cause) && cause.message.startsWith('READONLY'))) this.#reconnect()
    this.#parts.onRefused?.()
  }

  #told(message: unknown): void {
    const { listener, telling } = this.#parts
    const keys = telling.keysIn(message)
    if (keys === undefined) listener.gap()
    else listener.invalidated(this.#ours(keys))
  }

  // The server knows keys with the prefix that the client puts in front of them; nobody else here does.
  #ours(keys: readonly string[]): readonly string[] {
    const prefix = this.#parts.data.client.options.keyPrefix ?? ''
    return prefix === '' ? keys : keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
  }
}

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}
