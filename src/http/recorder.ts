import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { ResponseHead } from './stored-response'

/** Who follows what a handler answers. Each is called at the moment it names, before anything of it leaves. */
export interface Follower {
  /** The status and fields are known. @returns the most bytes to record; undefined: nothing */
  readonly onHead: (head: ResponseHead) => number | undefined
  /**
   * The handler has said everything.
   *
   * @param isWhole whether nothing has left yet
   * @returns false, if the status and fields that `response` has now are to leave without the body
   */
  readonly onBody: (body: Buffer, isWhole: boolean) => boolean
  /** There will be no recording: it is too large, not as long as it says, or was broken off. */
  readonly onLoss: (why: 'size' | 'length' | 'broken') => void
}

type HeaderList = OutgoingHttpHeaders | readonly OutgoingHttpHeader[] | readonly (readonly [string, string])[]

/**
 * Records a response while it leaves. It hooks the methods by which every framework for Node writes, however many other
 * wrappers stand around it; nothing is held back that the client could have, but for the fields, which leave with the
 * first byte of the body, as they do anyway.
 */
export class Recorder {
  readonly #response: ServerResponse
  readonly #follower: Follower
  readonly #own: Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>
  #phase: 'head' | 'body' | 'over' = 'head'
  /** Whether `writeHead` was called, and still has to be. */
  #isPut = false
  #chunks: Buffer[] = []
  #bytes = 0
  /** The most bytes that are recorded; undefined: nothing is. */
  #limit: number | undefined
  #length: number | undefined

  constructor(response: ServerResponse, follower: Follower) {
    this.#response = response
    this.#follower = follower
    const { writeHead, write, end, flushHeaders } = response
    this.#own = { writeHead, write, end, flushHeaders }
    response.writeHead = (...args: unknown[]) => this.#writeHead(args)
    response.flushHeaders = () => {
      this.#sendHead()
      flushHeaders.call(response)
    }
    response.write = (...args: unknown[]) => this.#write(args)
    response.end = (...args: unknown[]) => this.#end(args)
    response.once('close', () => this.#lose('broken'))
  }

  #writeHead(args: unknown[]): ServerResponse {
    const [status, ...rest] = args as [number, ...unknown[]]
    const response = this.#response
    // What Node would refuse, it refuses itself; and from the first byte on the call is its own, or a mistake.
    const isOdd = !(status >= 200 && status <= 999)
    if (this.#phase !== 'head' || response.headersSent || isOdd) {
      return this.#own.writeHead.apply(response, args as Parameters<ServerResponse['writeHead']>)
    }
    response.statusCode = status
    if (typeof rest[0] === 'string') response.statusMessage = rest[0]
    setHeaders(response, rest.find((it) => typeof it === 'object' && it !== null) as HeaderList | undefined)
    this.#isPut = true
    return response
  }

  #write(args: unknown[]): boolean {
    this.#sendHead()
    this.#take(args[0], args[1])
    return this.#own.write.apply(this.#response, args as Parameters<ServerResponse['write']>)
  }

  #end(args: unknown[]): ServerResponse {
    if (this.#phase === 'over') return this.#callEnd(args)
    const isWhole = this.#phase === 'head'
    if (isWhole) this.#judge()
    this.#take(args[0], args[1])
    let leavesBody = true
    if (this.#limit !== undefined) {
      const isShort = this.#length !== undefined && this.#length !== this.#bytes
      if (isShort) this.#lose('length')
      else leavesBody = this.#follower.onBody(Buffer.concat(this.#chunks), isWhole)
    }
    this.#phase = 'over'
    this.#limit = undefined
    this.#chunks = []
    if (isWhole) this.#callHead()
    if (leavesBody) return this.#callEnd(args)
    return this.#callEnd(args.filter((arg) => typeof arg === 'function'))
  }

  #sendHead(): void {
    if (this.#phase !== 'head') return
    this.#judge()
    this.#phase = 'body'
    this.#callHead()
  }

  #judge(): void {
    const { statusCode: status } = this.#response
    const headers = { ...this.#response.getHeaders() }
    this.#limit = this.#follower.onHead({ status, headers })
    const said = headers['content-length']
    this.#length = said === undefined ? undefined : Number(said)
  }

  #callHead(): void {
    if (!this.#isPut) return
    this.#isPut = false
    this.#own.writeHead.call(this.#response, this.#response.statusCode)
  }

  #callEnd(args: unknown[]): ServerResponse {
    return this.#own.end.apply(this.#response, args as unknown as Parameters<ServerResponse['end']>)
  }

  #take(chunk: unknown, encoding: unknown): void {
    if (this.#limit === undefined || chunk === undefined || chunk === null || typeof chunk === 'function') return
    const bytes = bytesOf(chunk, encoding)
    this.#bytes += bytes.length
    if (this.#bytes > this.#limit) this.#lose('size')
    else this.#chunks.push(bytes)
  }

  #lose(why: 'size' | 'length' | 'broken'): void {
    const isOver = this.#phase === 'over' || (this.#phase === 'body' && this.#limit === undefined)
    this.#limit = undefined
    this.#chunks = []
    if (why === 'broken') this.#phase = 'over'
    if (!isOver) this.#follower.onLoss(why)
  }
}

/** A copy: the handler may use its buffer again. @throws TypeError for what Node does not write either */
function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (ArrayBuffer.isView(chunk)) return Buffer.from(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  return Buffer.from(chunk as string, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
}

/** As `writeHead` sets the fields it is given: an object, a list of pairs, or names and values in turn. */
function setHeaders(response: ServerResponse, given: HeaderList | undefined): void {
  if (given === undefined) return
  if (!Array.isArray(given)) {
    for (const [name, value] of Object.entries(given)) if (value !== undefined) response.setHeader(name, value)
    return
  }
  const flat = given.flat(1) as string[]
  const names = flat.filter((_, index) => index % 2 === 0)
  for (const name of names) response.removeHeader(name)
  for (const [index, name] of names.entries()) response.appendHeader(name, flat[index * 2 + 1]!)
}
