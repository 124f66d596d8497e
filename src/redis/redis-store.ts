import type {
  CacheError,
  Found,
  MarkerNumber,
  MarkerNumbers,
  Replacement,
  SharedFilling,
  SharedFinding,
  SharedPut,
  SharedStore,
  Watch,
  WriteQueue,
  Written,
} from '../index'
import { literalPattern } from '../index'
import { type Client, evaluate } from './client'
import type { Connection } from './connection'
import type { FeedNote } from './feed-note'
import { probe } from './probe'
import type { Protocol } from './protocol'
import type { Script } from './script'
import type { Scripts } from './scripts'
import type { ServerFeed } from './server-feed'
import { RedisWriteQueue } from './write-queue'

/** What a {@link RedisStore} works with. */
export interface RedisStoreParts {
  readonly connection: Connection
  readonly feed: ServerFeed
  readonly protocol: Protocol
  readonly note: FeedNote
  /** Whether this server has to answer for a key. */
  readonly owns: (key: string) => boolean
  readonly isInCluster: boolean
  /** Whether each command is to be let through to a slot that is on its way to this server. */
  readonly isAsking?: boolean
}

/** The shared tier on one Redis server. The protocol is told in docs/protocol.md. */
export class RedisStore implements SharedStore {
  readonly #parts: RedisStoreParts
  readonly #connection: Connection
  readonly #feed: ServerFeed
  readonly #protocol: Protocol
  readonly #scripts: Scripts
  readonly #isAsking: boolean

  constructor(parts: RedisStoreParts) {
    const { connection, feed, protocol, isAsking = false } = parts
    this.#parts = parts
    this.#connection = connection
    this.#feed = feed
    this.#protocol = protocol
    this.#scripts = protocol.scripts
    this.#isAsking = isAsking
  }

  async connect(): Promise<void> {
    await Promise.all([this.#connection.connect(), this.#feed.connect()])
    // By now both connections stand.
    await this.#feed.connect()
  }

  probe(): Promise<readonly SharedFinding[]> {
    return probe(this.#parts)
  }

  async close(): Promise<void> {
    this.#feed.close()
    this.#connection.close()
  }

  serverTime(): number {
    return this.#connection.time.now()
  }

  toldAt(): number {
    return this.#feed.toldAt
  }

  silenceOf(): CacheError | undefined {
    return this.#connection.silence
  }

  groups(keys: readonly string[]): readonly (readonly string[])[] {
    return [keys]
  }

  async getMany(keys: readonly string[]): Promise<Found[]> {
    if (keys.length === 0) return []
    const [found, watch] = await this.#watched((client) => client.mgetBuffer(...keys))
    return found.map((bytes) => ({ bytes, watch }))
  }

  /** By script, since only reads are watched, and `SET … GET` is none. */
  async lease(key: string, lease: Buffer, leaseMs: number, over?: Buffer): Promise<Found> {
    const args = over === undefined ? [lease, String(leaseMs)] : [lease, String(leaseMs), over]
    const [bytes, watch] = await this.#watched(async (client) => {
      try {
        return (await this.#evaluate(client, this.#scripts.takeLease, [key], args)) as Buffer | null
      } catch (error) {
        // A server that is full may still have the value.
        const found = startsWith(error, 'OOM') ? await client.getBuffer(key) : null
        if (found === null) throw error
        return found
      }
    })
    return { bytes, watch }
  }

  /** By one script: nothing is read, so that nothing of it is told to ourselves when the leases are replaced. */
  async leaseMany(keys: readonly string[], leases: readonly Buffer[], leaseMs: number): Promise<readonly boolean[]> {
    const taken = await this.#script(this.#scripts.takeLeases, keys, [String(leaseMs), ...leases])
    return (taken as readonly unknown[]).map(isOne)
  }

  async renew(key: string, lease: Buffer, leaseMs: number): Promise<boolean> {
    return isOne(await this.#script(this.#scripts.renewLease, [key], [lease, String(leaseMs)]))
  }

  async renewMany(keys: readonly string[], leases: readonly Buffer[], leaseMs: number): Promise<readonly boolean[]> {
    const held = await this.#script(this.#scripts.renewLeases, keys, [String(leaseMs), ...leases])
    return (held as readonly unknown[]).map(isOne)
  }

  async release(key: string, lease: Buffer): Promise<void> {
    // A lease that nobody holds keeps all others waiting until it runs out, so it is given back whatever the server does.
    await this.#run((client) => this.#evaluate(client, this.#scripts.releaseLease, [key], [lease]), true)
  }

  fill(key: string, lease: Buffer, bytes: Buffer, lifeMs: number, version?: string): Promise<Written> {
    const args = [lease, bytes, lifeText(lifeMs)]
    return this.#written(key, bytes, (client) =>
      version === undefined
        ? this.#evaluate(client, this.#scripts.fillLease, [key], args)
        : this.#evaluate(client, this.#scripts.fillVersion, [key, noteOf(key)], [...args, version, noteLife(lifeMs)]),
    )
  }

  /** By one script, which reads the keys when all is written, so that they are watched from then on. */
  async fillMany(fills: readonly SharedFilling[]): Promise<readonly Written[]> {
    const plain = fills.filter(({ version }) => version === undefined)
    const isWatched = this.#feed.watch !== undefined
    const filling = this.#watched(async (client) => {
      if (plain.length === 0) return []
      const args = plain.flatMap(({ lease, bytes, lifeMs }) => [lease, bytes, lifeText(lifeMs)])
      const keys = plain.map(({ key }) => key)
      return (await this.#evaluate(client, this.#scripts.fillLeases, keys, args)) as readonly unknown[]
    })
    // A version is noted beside its key.
    const versioned = fills.map(({ key, lease, bytes, lifeMs, version }) =>
      version === undefined ? undefined : this.fill(key, lease, bytes, lifeMs, version),
    )
    const [[filled, watch], others] = await Promise.all([filling, Promise.all(versioned)])
    let at = 0
    return others.map((its) => its ?? { stands: isOne(filled[at++]), watch: isWatched ? watch : undefined })
  }

  replace({ key, head, bytes, lifeMs, version }: Replacement): Promise<Written> {
    const args = [head, bytes, lifeText(lifeMs), version ?? '', noteLife(lifeMs)]
    return this.#written(key, bytes, (client) =>
      this.#evaluate(client, this.#scripts.replaceEntry, [key, noteOf(key)], args),
    )
  }

  // Commands of one turn leave in one flush.
  /** @param as for a put that comes late, so that it may have been overtaken by writes of this process too */
  putMany(entries: readonly SharedPut[], as = this.#protocol.writer): Promise<Written[]> {
    return Promise.all(
      entries.map(({ key, bytes, lifeMs, beganAt, version }) => {
        const began = Math.floor(this.#connection.time.earliestAt(beganAt))
        const noteLifeText = version === undefined ? String(noteMs) : noteLife(lifeMs)
        const args = [as, String(noteMs), String(began), bytes, lifeText(lifeMs), version ?? '', noteLifeText]
        return this.#written(key, bytes, (client) =>
          this.#evaluate(client, this.#scripts.putEntry, [key, noteOf(key)], args),
        )
      }),
    )
  }

  /** A write is not watched, so what was just written is read: a few bytes, to know that it is ours. */
  async #written(key: string, bytes: Buffer, write: (client: Client) => Promise<unknown>): Promise<Written> {
    const isWatched = this.#feed.watch !== undefined
    const [[done, head], watch] = await this.#watched((client) =>
      Promise.all([write(client), isWatched ? client.getrangeBuffer(key, 0, headBytes - 1) : undefined]),
    )
    const isOurs = head === undefined || head.equals(bytes.subarray(0, headBytes))
    return { stands: isOne(done) && isOurs, watch: isWatched ? watch : undefined }
  }

  async delete(keys: readonly string[], as?: 'journal'): Promise<void> {
    const args = [as ?? this.#protocol.writer, String(noteMs)]
    await this.#run((client) =>
      Promise.all(keys.map((key) => this.#evaluate(client, this.#scripts.dropEntry, [key, noteOf(key)], args))),
    )
  }

  /** The first half of {@link delete}, for when key and note cannot be touched at once. */
  async note(key: string, as?: 'journal'): Promise<void> {
    await this.#script(this.#scripts.noteWrite, [noteOf(key)], [as ?? this.#protocol.writer, String(noteMs)])
  }

  /** The second half. */
  async unlink(key: string): Promise<void> {
    await this.#script(this.#scripts.unlinkEntry, [key], [])
  }

  writeQueue(keys: string): WriteQueue {
    return new RedisWriteQueue(keys, (script, its, args) => this.run(script, its, args))
  }

  /** Runs a script that tells nobody of what it changes. */
  run(script: Script, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown> {
    return this.#run((client) => evaluate(client, script, keys, args))
  }

  async *scan(pattern: string): AsyncIterable<readonly string[]> {
    const prefix = this.#connection.client.options.keyPrefix ?? ''
    let cursor = '0'
    do {
      const [next, keys] = await this.#run((client) =>
        client.scan(cursor, 'MATCH', literalPattern(prefix) + pattern, 'COUNT', scanned),
      )
      cursor = next
      // What scan is given and answers is the one thing that ioredis leaves without the prefix.
      if (keys.length > 0) yield keys.map((key) => key.slice(prefix.length))
    } while (cursor !== '0')
  }

  async readMarkers(keys: readonly string[]): Promise<MarkerNumbers> {
    const [counter, ...markers] = await this.numbers([this.#protocol.counterKey, ...keys])
    return { counter: counter!, markers }
  }

  async ensureMarkers(keys: readonly string[], lifeMs: number): Promise<MarkerNumbers> {
    const every = [this.#protocol.counterKey, ...keys]
    const [[counter, ...markers]] = await this.#numbersAfter(every, this.#scripts.ensureMarkers, [lifeText(lifeMs)])
    return { counter: counter!, markers }
  }

  async raiseMarkers(keys: readonly string[], lifeMs: number): Promise<number> {
    return Number(
      await this.#script(this.#scripts.raiseMarkers, [this.#protocol.counterKey, ...keys], [String(whole(lifeMs))]),
    )
  }

  /** The numbers at these keys, counter or markers. */
  async numbers(keys: readonly string[]): Promise<MarkerNumber[]> {
    return toNumbers(...(await this.#watched((client) => client.mget(...keys))))
  }

  /** Creates a marker with this number if it is missing; also tells whether it was. */
  async createMarker(key: string, number: number, lifeMs: number): Promise<[MarkerNumber, isNew: boolean]> {
    const [[marker], created] = await this.#numbersAfter([key], this.#scripts.createMarkers, [
      lifeText(lifeMs),
      numberText(number),
    ])
    return [marker!, (created as unknown[]).length > 0]
  }

  /** Sets a marker to this number unless it stands higher. */
  async liftMarker(key: string, number: number, lifeMs: number): Promise<MarkerNumber> {
    const [[marker]] = await this.#numbersAfter([key], this.#scripts.liftMarkers, [
      numberText(number),
      String(whole(lifeMs)),
    ])
    return marker!
  }

  /** Changes numbers and reads them, since a change is not watched. */
  async #numbersAfter(
    keys: readonly string[],
    script: Script,
    args: readonly string[],
  ): Promise<[MarkerNumber[], unknown]> {
    const [[answer, found], watch] = await this.#watched((client) =>
      Promise.all([this.#evaluate(client, script, keys, args), client.mget(...keys)]),
    )
    return [toNumbers(found, watch), answer]
  }

  #script(script: Script, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown> {
    return this.#run((client) => this.#evaluate(client, script, keys, args))
  }

  #evaluate(
    client: Client,
    script: Script,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown> {
    return evaluate(client, script, keys, [...args, ...this.#protocol.telling])
  }

  #run<Answer>(commands: (client: Client) => Promise<Answer>, isCleanup = false): Promise<Answer> {
    return this.#connection.run(this.#isAsking ? (client) => commands(askingFirst(client)) : commands, isCleanup)
  }

  /** The answer of commands, and the watch under which they were both sent and answered. */
  async #watched<Answer>(commands: (client: Client) => Promise<Answer>): Promise<[Answer, Watch | undefined]> {
    const { watch } = this.#feed
    const answer = await this.#run(commands)
    return [answer, watch?.isLive ? watch : undefined]
  }
}

// Keys the server looks at before it answers others again.
const scanned = 1_000

// How long a write is remembered beside its key; one that takes longer leaves the key empty.
const noteMs = 30_000

// A version is remembered as long as its value may live, but not for ever.
const longestNoteMs = 24 * 3_600_000

function noteLife(lifeMs: number): string {
  return String(whole(Math.max(noteMs, Math.min(lifeMs, longestNoteMs))))
}

/** The note of the last write, in the same cluster slot as its key. */
function noteOf(key: string): string {
  return `${key}:written`
}

// The checksum and random id of a frame stand in its first bytes.
const headBytes = 16

function toNumbers(found: readonly (string | null)[], watch: Watch | undefined): MarkerNumber[] {
  return found.map((text) => ({ number: toNumber(text), watch }))
}

// Above 2^53 nobody counts; without an exponent every script can read it.
function numberText(number: number): string {
  return number.toFixed(0)
}

// What is no number says nothing of evictions: as good as lost.
function toNumber(found: string | null): number | undefined {
  const number = found === null || found === '' ? Number.NaN : Number(found)
  return Number.isFinite(number) ? number : undefined
}

function isOne(answer: unknown): boolean {
  return Number(answer) === 1
}

function lifeText(lifeMs: number): string {
  return lifeMs === Number.POSITIVE_INFINITY ? '' : String(whole(lifeMs))
}

function whole(ms: number): number {
  return Math.max(1, Math.floor(ms))
}

/** The client with `ASKING` before each command. */
function askingFirst(client: Client): Client {
  return new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]): unknown => {
        target.asking().catch(() => {})
        return Reflect.apply(member, target, args)
      }
    },
  })
}

function startsWith(error: unknown, text: string): boolean {
  return error instanceof Error && error.message.startsWith(text)
}
