import type { SharedStoreContext, Watch } from 'cachewright'
import { decodeFrame, encodeFrame, encodeLease } from '../../src/codec/frame'
import { MemoryStore, type Texts } from '../../src/testing/memory-store'
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

/** The shared tier of one node: the store of the door for tests, over a wire whose other end is the explorer. */
export class ModelStore extends MemoryStore {
  readonly #feed: ModelFeed

  constructor(context: SharedStoreContext, wire: Wire) {
    const feed = new ModelFeed(context, wire)
    super({
      counterKey: context.counterKey,
      texts: new ModelTexts(),
      wire: {
        get watch() {
          return feed.watch
        },
        connect: async () => {
          // The manager that opens this store is still being made.
          await undefined
          feed.arm()
        },
        close: async () => {},
        serverTime: () => Math.round(context.clock.now()),
        send: (commands) => wire.send(commands.map(rounded)),
        matching: async () => [],
      },
    })
    this.#feed = feed
  }

  cut(): void {
    this.#feed.cut()
  }

  up(): void {
    this.#feed.up()
  }

  told(notice: string | number): void {
    this.#feed.told(notice)
  }
}

/** What tracking-feed.ts does. */
class ModelFeed {
  readonly #context: SharedStoreContext
  readonly #wire: Wire
  watch: ModelWatch | undefined
  #cancelBeat = (): void => {}

  constructor(context: SharedStoreContext, wire: Wire) {
    this.#context = context
    this.#wire = wire
  }

  cut(): void {
    if (this.watch !== undefined) this.watch.isLive = false
    this.watch = undefined
    this.#cancelBeat()
  }

  up(): void {
    this.#context.onConnected(true)
    this.arm()
  }

  arm(): void {
    this.#context.listener.gap()
    this.watch = new ModelWatch()
    this.#beat()
  }

  /** The feed names changed keys, or (a number) says as of when it has named all. */
  told(notice: string | number): void {
    if (typeof notice === 'string') this.#context.listener.invalidated([notice])
    else if (this.watch !== undefined) this.watch.verifiedAt = Math.max(this.watch.verifiedAt, notice)
  }

  #beat(): void {
    const { clock, maxStalenessMs } = this.#context
    this.#wire.beat(clock.now())
    this.#cancelBeat = clock.setTimer(() => this.#beat(), maxStalenessMs / 4)
  }
}

/**
 * Leases and frames travel as texts that say whose they are (`i`: this node's, `o`: the other one's) and what they hold,
 * so that two runs of the same schedule have the same texts, whatever random bytes were drawn.
 */
class ModelTexts implements Texts {
  readonly #texts = new Map<string, string>()
  #made = 0

  ofLease(lease: Buffer): string {
    return this.#texts.get(headOf(lease)) ?? this.#note(lease, `iL${++this.#made}`)
  }

  ofFrame(key: string, bytes: Buffer): string {
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

  ofHead(head: Buffer): string {
    const text = this.#texts.get(headOf(head))
    if (text === undefined) throw new Error('bytes are compared that were never here')
    return text
  }

  toBytes(key: string, text: string): Buffer {
    const [, id, json] = /^(\w+)(.*)$/.exec(text)!
    const bytes = json === '' ? encodeLease(id!) : frameOf(key, id!, JSON.parse(json!) as FrameText)
    this.#note(bytes, text)
    return bytes
  }

  #note(bytes: Buffer, text: string): string {
    this.#texts.set(headOf(bytes), text)
    return text
  }
}

// A node's clock stands a fraction beside the server's, so that two things never happen at the very same time.
function rounded(command: Command): Command {
  return 'ms' in command ? { ...command, ms: Math.round(command.ms) } : command
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
