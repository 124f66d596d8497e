import type {
  Found,
  MarkerNumbers,
  Replacement,
  SharedFilling,
  SharedPut,
  SharedStore,
  SharedStoreContext,
  Watch,
  Written,
} from 'cachewright'
import { decodeFrame, encodeFrame, encodeLease } from '../../src/codec/frame'
import type { Answer, Command } from './model-server'

/** How a store reaches the server of the exploration. */
export interface Wire {
  /** Sends commands in one flush; answers when the server has answered all of them. */
  send(commands: readonly Command[]): Promise<readonly Answer[]>
  /** Asks to be told when every notice queued until now was delivered. */
  beat(at: number): void
}

interface FrameText {
  readonly stamp: number
  readonly createdAt: number
  readonly expiresAt: number
  readonly staleUntil: number
  readonly loadTime: number
  readonly tags: readonly string[]
  readonly format: number
  readonly payload: string
}

class ModelWatch implements Watch {
  verifiedAt = Number.NEGATIVE_INFINITY
  isLive = true
}

// What src compares of a dead entry.
const headBytes = 32

/**
 * The shared tier of one node: redis-store.ts and tracking-feed.ts, command for command, over a wire whose other end is the
 * explorer. Leases and frames travel as texts that say whose they are (`i`: this node's, `o`: the other one's) and
 * what they hold, so that two runs of the same schedule have the same texts, whatever random bytes were drawn.
 */
export class ModelStore implements SharedStore {
  readonly #context: SharedStoreContext
  readonly #wire: Wire
  readonly #texts = new Map<string, string>()
  #made = 0
  #watch: ModelWatch | undefined
  #cancelBeat = (): void => {}

  constructor(context: SharedStoreContext, wire: Wire) {
    this.#context = context
    this.#wire = wire
  }

  async connect(): Promise<void> {
    // The manager that opens this store is still being made.
    await undefined
    this.#arm()
  }

  cut(): void {
    if (this.#watch !== undefined) this.#watch.isLive = false
    this.#watch = undefined
    this.#cancelBeat()
  }

  up(): void {
    this.#context.onConnected(true)
    this.#arm()
  }

  #arm(): void {
    this.#context.listener.gap()
    this.#watch = new ModelWatch()
    this.#beat()
  }

  async close(): Promise<void> {}

  async probe(): Promise<[]> {
    return []
  }

  async *scan(): AsyncIterable<readonly string[]> {}

  serverTime(): number {
    return Math.round(this.#context.clock.now())
  }

  /** The feed names changed keys, or (a number) says as of when it has named all. */
  told(notice: string | number): void {
    if (typeof notice === 'string') this.#context.listener.invalidated([notice])
    else if (this.#watch !== undefined) this.#watch.verifiedAt = Math.max(this.#watch.verifiedAt, notice)
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
    const [[found], watch] = await this.#watched([
      {
        name: 'takeLease',
        key,
        lease: this.#leaseText(lease),
        ms,
        ...(over === undefined ? {} : { over: this.#known(over) }),
      },
    ])
    return { bytes: this.#bytes(key, found as string | null), watch }
  }

  async leaseMany(keys: readonly string[], leases: readonly Buffer[], ms: number): Promise<readonly boolean[]> {
    const found = await Promise.all(keys.map((key, index) => this.lease(key, leases[index]!, ms)))
    return found.map(({ bytes }) => bytes === null)
  }

  async renewMany(keys: readonly string[], leases: readonly Buffer[], ms: number): Promise<readonly boolean[]> {
    return Promise.all(keys.map((key, index) => this.renew(key, leases[index]!, ms)))
  }

  async fillMany(fills: readonly SharedFilling[]): Promise<readonly Written[]> {
    return Promise.all(fills.map(({ key, lease, bytes, lifeMs }) => this.fill(key, lease, bytes, lifeMs)))
  }

  async renew(key: string, lease: Buffer, ms: number): Promise<boolean> {
    const [held] = await this.#wire.send([{ name: 'renewLease', key, lease: this.#leaseText(lease), ms }])
    return held === 1
  }

  async release(key: string, lease: Buffer): Promise<void> {
    await this.#wire.send([{ name: 'releaseLease', key, lease: this.#leaseText(lease) }])
  }

  fill(key: string, lease: Buffer, bytes: Buffer, ms: number, version?: string): Promise<Written> {
    const frame = this.#frameText(key, bytes)
    return this.#written(key, frame, {
      name: 'fillLease',
      key,
      lease: this.#leaseText(lease),
      frame,
      ms: Math.round(ms),
      ...(version === undefined ? {} : { version }),
    })
  }

  replace({ key, head, bytes, lifeMs, version }: Replacement): Promise<Written> {
    const frame = this.#frameText(key, bytes)
    return this.#written(key, frame, {
      name: 'replaceEntry',
      key,
      over: this.#known(head),
      frame,
      ms: Math.round(lifeMs),
      ...(version === undefined ? {} : { version }),
    })
  }

  putMany(entries: readonly SharedPut[]): Promise<Written[]> {
    return Promise.all(
      entries.map(({ key, bytes, lifeMs, beganAt: began, version }) => {
        const frame = this.#frameText(key, bytes)
        return this.#written(key, frame, {
          name: 'putEntry',
          key,
          frame,
          ms: Math.round(lifeMs),
          began,
          ...(version === undefined ? {} : { version }),
        })
      }),
    )
  }

  async delete(keys: readonly string[], as?: 'journal'): Promise<void> {
    await this.#wire.send(keys.map((key) => ({ name: 'dropEntry', key, isRetry: as === 'journal' })))
  }

  async readMarkers(keys: readonly string[]): Promise<MarkerNumbers> {
    const [[found], watch] = await this.#watched([{ name: 'get', keys: [this.#context.counterKey, ...keys] }])
    return toNumbers(found as (string | null)[], watch)
  }

  async ensureMarkers(keys: readonly string[], ms: number): Promise<MarkerNumbers> {
    const every = [this.#context.counterKey, ...keys]
    const [[, found], watch] = await this.#watched([
      { name: 'ensureMarkers', keys: every, ms: Math.round(ms) },
      { name: 'get', keys: every },
    ])
    return toNumbers(found as (string | null)[], watch)
  }

  async raiseMarkers(keys: readonly string[], ms: number): Promise<number> {
    const [number] = await this.#wire.send([{ name: 'raiseMarkers', keys: [this.#context.counterKey, ...keys], ms }])
    return Number(number)
  }

  async #written(key: string, frame: string, write: Command): Promise<Written> {
    const isWatched = this.#watch !== undefined
    const [[done, head], watch] = await this.#watched(isWatched ? [write, { name: 'get', keys: [key] }] : [write])
    const isOurs = !isWatched || (head as (string | null)[])[0] === frame
    return { stands: done === 1 && isOurs, watch: isWatched ? watch : undefined }
  }

  async #watched(commands: readonly Command[]): Promise<[readonly Answer[], Watch | undefined]> {
    const watch = this.#watch
    const answers = await this.#wire.send(commands)
    return [answers, watch?.isLive ? watch : undefined]
  }

  #beat(): void {
    const { clock, maxStalenessMs } = this.#context
    this.#wire.beat(clock.now())
    this.#cancelBeat = clock.setTimer(() => this.#beat(), maxStalenessMs / 4)
  }

  #leaseText(lease: Buffer): string {
    return this.#texts.get(headOf(lease)) ?? this.#note(lease, `iL${++this.#made}`)
  }

  #frameText(key: string, bytes: Buffer): string {
    const frame = decodeFrame(bytes, argumentsOf(key))
    if (frame.kind !== 'value') throw new Error(`a frame that cannot be read is written: ${JSON.stringify(frame)}`)
    const { stamp, createdAt, tags } = frame.header
    const expiresAt = Math.round(frame.header.expiresAt)
    const text: FrameText = {
      stamp,
      createdAt,
      expiresAt,
      staleUntil: Math.round(frame.header.staleUntil),
      loadTime: 0,
      tags,
      format: frame.format,
      payload: frame.payload.toString('base64'),
    }
    return this.#note(bytes, `iF${++this.#made}${JSON.stringify(text)}`)
  }

  #bytes(key: string, text: string | null): Buffer | null {
    if (text === null) return null
    const [, id, json] = /^(\w+)(.*)$/.exec(text)!
    const bytes = json === '' ? encodeLease(id!) : frameOf(key, id!, JSON.parse(json!) as FrameText)
    this.#note(bytes, text)
    return bytes
  }

  #note(bytes: Buffer, text: string): string {
    this.#texts.set(headOf(bytes), text)
    return text
  }

  #known(head: Buffer): string {
    const text = this.#texts.get(headOf(head))
    if (text === undefined) throw new Error('bytes are compared that were never here')
    return text
  }
}

function headOf(bytes: Buffer): string {
  return bytes.toString('latin1', 0, headBytes)
}

function frameOf(key: string, id: string, { format, payload, ...header }: FrameText): Buffer {
  const fillId = Buffer.from(id.padEnd(8).slice(0, 8))
  const whole = { ...header, key: argumentsOf(key), fillId, isError: false, validator: undefined }
  return encodeFrame(whole, format, Buffer.from(payload, 'base64'))
}

function argumentsOf(key: string): string {
  return key.slice(key.indexOf('{') + 1, -1)
}

function toNumbers(found: readonly (string | null)[], watch: Watch | undefined): MarkerNumbers {
  const [counter, ...markers] = found.map((text) => ({ number: text === null ? undefined : Number(text), watch }))
  return { counter: counter!, markers }
}
