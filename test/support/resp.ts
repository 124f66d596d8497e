import { connect, type Socket } from 'node:net'

/** A reply of Redis: an error reply becomes an `Error` when it stands inside an array, else it is thrown. */
export type Reply = string | number | null | Error | Reply[]

/**
 * Sends one command over a connection of its own, in the plainest protocol there is, so that what a server is asked by the
 * tests is exactly this: no handshake, no retries, nothing of the client under test.
 */
export async function send(
  port: number,
  args: readonly (string | Uint8Array | number)[],
  within = 5000,
): Promise<Reply> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  try {
    socket.setTimeout(within, () => socket.destroy(new Error(`no reply to ${args[0]} within ${within} ms`)))
    socket.write(encode(args))
    const reply = await firstReply(socket)
    if (reply instanceof Error) throw reply
    return reply
  } finally {
    socket.destroy()
  }
}

function encode(args: readonly (string | Uint8Array | number)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = Buffer.from(typeof arg === 'number' ? String(arg) : (arg as string))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

async function firstReply(socket: Socket): Promise<Reply> {
  let received = Buffer.alloc(0)
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer])
    const parsed = parse(received, 0)
    if (parsed !== undefined) return parsed.reply
  }
  throw new Error('the server closed the connection without a reply')
}

interface Parsed {
  readonly reply: Reply
  readonly end: number
}

function parse(bytes: Buffer, start: number): Parsed | undefined {
  const lineEnd = bytes.indexOf('\r\n', start)
  if (lineEnd === -1) return undefined
  const line = bytes.toString('utf8', start + 1, lineEnd)
  const next = lineEnd + 2
  switch (String.fromCharCode(bytes[start] as number)) {
    case '+':
      return { reply: line, end: next }
    case '-':
      return { reply: new Error(line), end: next }
    case ':':
      return { reply: Number(line), end: next }
    case '$':
      return bulk(bytes, next, Number(line))
    case '*':
      return array(bytes, next, Number(line))
    default:
      throw new Error(`not a reply: ${line}`)
  }
}

function bulk(bytes: Buffer, start: number, length: number): Parsed | undefined {
  if (length === -1) return { reply: null, end: start }
  const end = start + length
  return bytes.length < end + 2 ? undefined : { reply: bytes.toString('utf8', start, end), end: end + 2 }
}

function array(bytes: Buffer, start: number, length: number): Parsed | undefined {
  if (length === -1) return { reply: null, end: start }
  const items: Reply[] = []
  let end = start
  for (let index = 0; index < length; index += 1) {
    const item = parse(bytes, end)
    if (item === undefined) return undefined
    items.push(item.reply)
    end = item.end
  }
  return { reply: items, end }
}
