import type { Found, MarkerNumbers, Replacement, SharedFilling, SharedPut, SharedStore, Watch, Written } from '../index'
import type { Answer, Command } from './memory-command'

/** How a {@link MemoryStore} reaches its server. */
export interface Wire {
  /** Who tells of changes now; undefined: nobody. */
  readonly watch: Watch | undefined
  connect(): Promise<void>
  close(): Promise<void>
  serverTime(): number
  /** Sends commands in one flush; answers when the server has answered all of them. */
  send(commands: readonly Command[]): Promise<readonly Answer[]>
  matching(pattern: string): Promise<readonly string[]>
}

/** How bytes travel as texts. */
export interface Texts {
  ofLease(lease: Buffer): string
  ofFrame(key: string, frame: Buffer): string
  /** What something begins with that stood at a key. */
  ofHead(head: Buffer): string
  toBytes(key: string, text: string): Buffer
}

const asText = (bytes: Buffer): string => bytes.toString('latin1')

/** A character for each byte. */
export const byteTexts: Texts = {
  ofLease: asText,
  ofFrame: (_key, frame) => asText(frame),
  ofHead: asText,
  toBytes: (_key, text) => Buffer.from(text, 'latin1'),
}

/** What a {@link MemoryStore} works with. */
export interface MemoryStoreParts {
  readonly wire: Wire
  readonly texts: Texts
  readonly counterKey: string
}

/** The shared tier of one process on a {@link MemoryServer}: what the door to Redis sends, command for command. */
export class MemoryStore implements SharedStore {
  readonly #wire: Wire
  readonly #texts: Texts
  readonly #counterKey: string

  constructor({ wire, texts, counterKey }: MemoryStoreParts) {
    this.#wire = wire
    this.#texts = texts
    this.#counterKey = counterKey
  }

  connect(): Promise<void> {
    return this.#wire.connect()
  }

  close(): Promise<void> {
    return this.#wire.close()
  }

  async probe(): Promise<[]> {
    return []
  }

  async *scan(pattern: string): AsyncIterable<readonly string[]> {
    const keys = await this.#wire.matching(pattern)
    if (keys.length > 0) yield keys
  }

  serverTime(): number {
    return this.#wire.serverTime()
  }

  silenceOf(): undefined {
    return undefined
  }

  groups(keys: readonly string[]): readonly (readonly string[])[] {
    return [keys]
  }

  async getMany(keys: readonly string[]): Promise<Found[]> {
    if (keys.length === 0) return []
    const [[found], watch] = await this.#watched([{ name: 'get', keys }])
    return (found as (string | null)[]).map((text, index) => ({ bytes: this.#bytes(keys[index]!, text), watch }))
  }

  async lease(key: string, lease: Buffer, ms: number, over?: Buffer): Promise<Found> {
    const beginning = over === undefined ? {} : { over: this.#texts.ofHead(over) }
    const [[found], watch] = await this.#watched([
      { name: 'takeLease', key, lease: this.#texts.ofLease(lease), ms, ...beginning },
    ])
    return { bytes: this.#bytes(key, found as string | null), watch }
  }

  async leaseMany(keys: readonly string[], leases: readonly Buffer[], ms: number): Promise<readonly boolean[]> {
    const found = await Promise.all(keys.map((key, index) => this.lease(key, leases[index]!, ms)))
    return found.map(({ bytes }) => bytes === null)
  }

  async renew(key: string, lease: Buffer, ms: number): Promise<boolean> {
    const [held] = await this.#wire.send([{ name: 'renewLease', key, lease: this.#texts.ofLease(lease), ms }])
    return held === 1
  }

  renewMany(keys: readonly string[], leases: readonly Buffer[], ms: number): Promise<readonly boolean[]> {
    return Promise.all(keys.map((key, index) => this.renew(key, leases[index]!, ms)))
  }

  async release(key: string, lease: Buffer): Promise<void> {
    await this.#wire.send([{ name: 'releaseLease', key, lease: this.#texts.ofLease(lease) }])
  }

  fill(key: string, lease: Buffer, bytes: Buffer, ms: number, version?: string): Promise<Written> {
    const frame = this.#texts.ofFrame(key, bytes)
    const its = { name: 'fillLease', key, lease: this.#texts.ofLease(lease), frame, ms } as const
    return this.#written(key, frame, { ...its, ...versioned(version) })
  }

  fillMany(fills: readonly SharedFilling[]): Promise<readonly Written[]> {
    return Promise.all(
      fills.map(({ key, lease, bytes, lifeMs, version }) => this.fill(key, lease, bytes, lifeMs, version)),
    )
  }

  replace({ key, head, bytes, lifeMs: ms, version }: Replacement): Promise<Written> {
    const frame = this.#texts.ofFrame(key, bytes)
    const its = { name: 'replaceEntry', key, over: this.#texts.ofHead(head), frame, ms } as const
    return this.#written(key, frame, { ...its, ...versioned(version) })
  }

  putMany(entries: readonly SharedPut[]): Promise<Written[]> {
    return Promise.all(
      entries.map(({ key, bytes, lifeMs: ms, beganAt: began, version }) => {
        const frame = this.#texts.ofFrame(key, bytes)
        return this.#written(key, frame, { name: 'putEntry', key, frame, ms, began, ...versioned(version) })
      }),
    )
  }

  async delete(keys: readonly string[], as?: 'journal'): Promise<void> {
    await this.#wire.send(keys.map((key) => ({ name: 'dropEntry', key, isRetry: as === 'journal' })))
  }

  async readMarkers(keys: readonly string[]): Promise<MarkerNumbers> {
    const [[found], watch] = await this.#watched([{ name: 'get', keys: [this.#counterKey, ...keys] }])
    return toNumbers(found as (string | null)[], watch)
  }

  async ensureMarkers(names: readonly string[], ms: number): Promise<MarkerNumbers> {
    const keys = [this.#counterKey, ...names]
    const [[, found], watch] = await this.#watched([
      { name: 'ensureMarkers', keys, ms },
      { name: 'get', keys },
    ])
    return toNumbers(found as (string | null)[], watch)
  }

  async raiseMarkers(names: readonly string[], ms: number): Promise<number> {
    const [number] = await this.#wire.send([{ name: 'raiseMarkers', keys: [this.#counterKey, ...names], ms }])
    return Number(number)
  }

  /** A write is not watched, so what was just written is read, to know that it is ours. */
  async #written(key: string, frame: string, write: Command): Promise<Written> {
    const isWatched = this.#wire.watch !== undefined
    const [[done, found], watch] = await this.#watched(isWatched ? [write, { name: 'get', keys: [key] }] : [write])
    const isOurs = !isWatched || (found as (string | null)[])[0] === frame
    return { stands: done === 1 && isOurs, watch: isWatched ? watch : undefined }
  }

  /** The answers, and the watch under which the commands were both sent and answered. */
  async #watched(commands: readonly Command[]): Promise<[readonly Answer[], Watch | undefined]> {
    const { watch } = this.#wire
    const answers = await this.#wire.send(commands)
    return [answers, watch?.isLive ? watch : undefined]
  }

  #bytes(key: string, text: string | null): Buffer | null {
    return text === null ? null : this.#texts.toBytes(key, text)
  }
}

function versioned(version: string | undefined): { readonly version?: string } {
  return version === undefined ? {} : { version }
}

function toNumbers(found: readonly (string | null)[], watch: Watch | undefined): MarkerNumbers {
  const [counter, ...markers] = found.map((text) => ({ number: text === null ? undefined : Number(text), watch }))
  return { counter: counter!, markers }
}
