import type { Redis } from 'ioredis'
import { type MarkerNumbers, type SharedPut, type SharedStore, uniqueText } from '../index'
import type { Connection } from './connection'
import {
  dropEntry,
  ensureMarkers,
  fillLease,
  putEntry,
  raiseMarkers,
  releaseLease,
  renewLease,
  takeLease,
} from './scripts'
import type { TrackingFeed } from './tracking-feed'

/** The shared tier on one Redis server. The protocol is told in docs/protocol.md. */
export class RedisStore implements SharedStore {
  readonly #connection: Connection
  readonly #counterKey: string
  readonly feed: TrackingFeed
  readonly #writer = uniqueText()

  constructor(connection: Connection, feed: TrackingFeed, counterKey: string) {
    this.#connection = connection
    this.feed = feed
    this.#counterKey = counterKey
  }

  async connect(): Promise<void> {
    await Promise.all([this.#connection.connect(), this.feed.connect()])
  }

  async close(): Promise<void> {
    this.feed.close()
    this.#connection.close()
  }

  serverTime(): number {
    return this.#connection.serverTime()
  }

  earliestServerTime(): number {
    return this.#connection.earliestServerTime()
  }

  getMany(keys: readonly string[]): Promise<(Buffer | null)[]> {
    if (keys.length === 0) return Promise.resolve([])
    return this.#connection.run((client) => client.mgetBuffer(...keys))
  }

  /** By script, since only reads are watched, and `SET … GET` is none. */
  lease(key: string, lease: Buffer, leaseMs: number, over?: Buffer): Promise<Buffer | null> {
    return this.#connection.run(async (client) => {
      try {
        return (await this.#connection.evaluate(
          takeLease,
          [key],
          over === undefined ? [lease, String(leaseMs)] : [lease, String(leaseMs), over],
        )) as Buffer | null
      } catch (error) {
        // A server that takes no writes may still have the value.
        const found = isWriteRefusal(error) ? await client.getBuffer(key) : null
        if (found === null) throw error
        return found
      }
    })
  }

  renew(key: string, lease: Buffer, leaseMs: number): Promise<boolean> {
    return this.#script(renewLease, [key], [lease, String(leaseMs)]).then(isOne)
  }

  async release(key: string, lease: Buffer): Promise<void> {
    await this.#script(releaseLease, [key], [lease])
  }

  async fill(key: string, lease: Buffer, bytes: Buffer, lifeMs: number): Promise<boolean> {
    const [filled, stands] = await this.#connection.run((client) =>
      Promise.all([
        this.#connection.evaluate(fillLease, [key], [lease, bytes, lifeText(lifeMs)]),
        this.#stillStands(client, key, bytes),
      ]),
    )
    return Number(filled) === 1 && stands
  }

  // Commands of one turn leave in one flush.
  putMany(entries: readonly SharedPut[]): Promise<boolean[]> {
    return this.#connection.run((client) =>
      Promise.all(
        entries.map(async ({ key, bytes, lifeMs, beganAt }) => {
          const args = [this.#writer, String(noteMs), String(Math.floor(beganAt)), bytes, lifeText(lifeMs)]
          const [put, stands] = await Promise.all([
            this.#connection.evaluate(putEntry, [key, noteOf(key)], args),
            this.#stillStands(client, key, bytes),
          ])
          return Number(put) === 1 && stands
        }),
      ),
    )
  }

  /** A write is not watched, so what was just written is read: a few bytes, to know that it is ours. */
  async #stillStands(client: Redis, key: string, bytes: Buffer): Promise<boolean> {
    if (this.feed.epoch === undefined) return true
    const head = await client.getrangeBuffer(key, 0, headBytes - 1)
    return head.equals(bytes.subarray(0, headBytes))
  }

  async delete(keys: readonly string[]): Promise<void> {
    const args = [this.#writer, String(noteMs)]
    await this.#connection.run(() =>
      Promise.all(keys.map((key) => this.#connection.evaluate(dropEntry, [key, noteOf(key)], args))),
    )
  }

  async readMarkers(keys: readonly string[]): Promise<MarkerNumbers> {
    return toNumbers(await this.#connection.run((client) => client.mget(this.#counterKey, ...keys)))
  }

  async ensureMarkers(keys: readonly string[], lifeMs: number): Promise<MarkerNumbers> {
    const every = [this.#counterKey, ...keys]
    const [, found] = await this.#connection.run((client) =>
      Promise.all([this.#connection.evaluate(ensureMarkers, every, [lifeText(lifeMs)]), client.mget(...every)]),
    )
    return toNumbers(found)
  }

  async raiseMarkers(keys: readonly string[], lifeMs: number): Promise<number> {
    return Number(await this.#script(raiseMarkers, [this.#counterKey, ...keys], [String(whole(lifeMs))]))
  }

  #script(
    script: Parameters<Connection['evaluate']>[0],
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown> {
    return this.#connection.run(() => this.#connection.evaluate(script, keys, args))
  }
}

// How long a write is remembered beside its key; one that takes longer leaves the key empty.
const noteMs = 30_000

/** The note of the last write, in the same cluster slot as its key. */
function noteOf(key: string): string {
  return `${key}:written`
}

// The checksum and random id of a frame stand in its first bytes.
const headBytes = 16

function toNumbers(found: readonly (string | null)[]): MarkerNumbers {
  const [counter, ...markers] = found.map(toNumber)
  return { counter, markers }
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

function isWriteRefusal(error: unknown): boolean {
  return startsWith(error, 'OOM') || startsWith(error, 'READONLY') || startsWith(error, 'NOREPLICAS')
}

function startsWith(error: unknown, text: string): boolean {
  return error instanceof Error && error.message.startsWith(text)
}
