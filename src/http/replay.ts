import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { takeConditions } from './conditions'

/** What of a connection handlers look at. */
const looks = ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'encrypted'] as const

/** A connection that nobody holds the other end of: what is written is gone. */
class NobodysSocket extends Socket {
  constructor(like: Socket) {
    super()
    for (const name of looks) Object.defineProperty(this, name, { value: (like as never)[name] })
  }

  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done()
  }

  override _writev(_chunks: unknown, done: () => void): void {
    done()
  }
}

/**
 * The same request once more, which nobody sent and whose answer nobody gets: for handlers to make the answer that is kept
 * next. Without conditions, so that it is whole.
 *
 * @param signal breaks it off, as a client would that goes away
 */
export function replayOf(
  from: IncomingMessage & { readonly originalUrl?: string },
  signal: AbortSignal,
): { readonly raw: IncomingMessage; readonly response: ServerResponse } {
  const { headers, rawHeaders, httpVersion, httpVersionMajor, httpVersionMinor } = from
  const nobody = new NobodysSocket(from.socket)
  const raw = new IncomingMessage(nobody)
  Object.assign(raw, { method: 'GET', httpVersion, httpVersionMajor, httpVersionMinor, complete: true })
  raw.url = from.originalUrl ?? from.url ?? '/'
  raw.headers = { host: headers[':authority'] as string | undefined, ...headers }
  for (const name of Object.keys(raw.headers)) if (name.startsWith(':')) delete raw.headers[name]
  takeConditions(raw.headers)
  raw.rawHeaders = rawHeaders.filter((_, at) => raw.headers[rawHeaders[at - (at % 2)]!.toLowerCase()] !== undefined)
  raw.push(null)
  const response = new ServerResponse(raw)
  response.assignSocket(nobody)
  // As a server does with a connection that is not to be used again.
  response.once('finish', () => nobody.destroy())
  signal.addEventListener('abort', () => nobody.destroy(), { once: true })
  return { raw, response }
}
