/** Postgres on a port: prints it, and serves until its input ends. */
import { createServer, type Socket } from 'node:net'
import { PGlite } from '@electric-sql/pglite'

const [idle, sync, query, terminate] = ['I', 'S', 'Q', 'X'].map((letter) => letter.charCodeAt(0))
const startup = 3 << 16

/** One session for all connections: who is in a transaction has it to itself, and the others wait. */
class Turns {
  #owner: Socket | undefined
  #waiting: (() => void)[] = []

  async take(socket: Socket): Promise<void> {
    while (this.#owner !== undefined && this.#owner !== socket)
      await new Promise<void>((wake) => this.#waiting.push(wake))
    this.#owner = socket
  }

  leave(socket: Socket): void {
    if (this.#owner !== socket) return
    this.#owner = undefined
    for (const wake of this.#waiting.splice(0)) wake()
  }

  isOf(socket: Socket): boolean {
    return this.#owner === socket
  }
}

async function main(): Promise<void> {
  const database = await PGlite.create()
  const turns = new Turns()

  /** A query, or the messages up to a Sync. */
  async function answer(socket: Socket, messages: Uint8Array): Promise<void> {
    await turns.take(socket)
    const said = await database.execProtocolRaw(messages)
    // The last byte tells whether a transaction is under way.
    if (said.at(-1) === idle) turns.leave(socket)
    socket.write(said)
  }

  function serve(socket: Socket): void {
    let unread = Buffer.alloc(0)
    let group: Buffer[] = []
    let isStarted = false
    let tail = Promise.resolve()
    const then = (next: () => Promise<void>): void => {
      tail = tail.then(next).catch(() => void socket.destroy())
    }
    const take = (message: Buffer): void => {
      if (!isStarted) {
        const isStartup = message.readInt32BE(4) === startup
        isStarted = isStartup
        // What else may be asked for first is encryption, and refused.
        if (isStartup) then(() => answer(socket, message))
        else socket.write('N')
        return
      }
      if (message[0] === terminate) socket.end()
      group.push(message)
      if (message[0] !== sync && message[0] !== query) return
      const whole = Buffer.concat(group)
      group = []
      then(() => answer(socket, whole))
    }
    socket.on('data', (chunk) => {
      unread = Buffer.concat([unread, chunk])
      while (unread.length >= (isStarted ? 5 : 8)) {
        const length = isStarted ? 1 + unread.readInt32BE(1) : unread.readInt32BE(0)
        if (unread.length < length) return
        const message = unread.subarray(0, length)
        unread = unread.subarray(length)
        take(message)
      }
    })
    socket.on('error', () => {})
    socket.on('close', () =>
      then(async () => {
        if (!turns.isOf(socket)) return
        await database.exec('rollback')
        turns.leave(socket)
      }),
    )
  }

  const server = createServer({ noDelay: true }, serve)
  server.listen(0, '127.0.0.1', () => console.log((server.address() as { port: number }).port))
  process.stdin.on('end', () => process.exit(0)).resume()
}

void main()
