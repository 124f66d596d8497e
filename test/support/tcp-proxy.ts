import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** `toServer` is what the client says, `toClient` what the server answers. */
export type Direction = 'toServer' | 'toClient'

/** What happens to a chunk: `undefined` passes it, `'drop'` loses it, bytes take its place. */
export type Verdict = undefined | 'drop' | Uint8Array

/**
 * Looks at a chunk on its way. A promise holds it, and all that follows in that direction of that connection, until it
 * settles. What a TCP chunk contains is not promised to be one command or reply, though for small ones it is.
 */
export type DataHook = (
  chunk: Buffer,
  at: {
    readonly direction: Direction
    readonly connection: ProxyConnection
    /** Passes bytes on at once, ahead of what the hook answers with: a chunk can be taken apart. */
    pass(bytes: Uint8Array): void
  },
) => Answer | Promise<Answer>
// biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks returns nothing
type Answer = Verdict | void

const directions = ['toServer', 'toClient'] as const

/** Starts a proxy on a free port of 127.0.0.1 that passes everything on to `targetPort`. */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(targetPort)
  await proxy.accept()
  return proxy
}

/** A proxy before each of these servers, by the server's port. */
export async function startProxies(
  servers: readonly { readonly port: number }[],
): Promise<ReadonlyMap<number, TcpProxy>> {
  return new Map(await Promise.all(servers.map(async ({ port }) => [port, await startProxy(port)] as const)))
}

/** Where a client that is told the servers' own addresses finds each of them. */
export function natMap(
  proxies: ReadonlyMap<number, TcpProxy>,
): Readonly<Record<string, { readonly host: string; readonly port: number }>> {
  return Object.fromEntries(
    [...proxies].map(([port, proxy]) => [`127.0.0.1:${port}`, { host: '127.0.0.1', port: proxy.port }]),
  )
}

/** The network between a client and a server, as bad as the test wants it. */
export class TcpProxy {
  #targetPort: number
  readonly #connections = new Set<ProxyConnection>()
  readonly #hooks = new Set<DataHook>()
  readonly #held = new Set<Direction>()
  readonly #delays: Record<Direction, number> = { toServer: 0, toClient: 0 }
  #server: Server | undefined
  #port = 0
  #accepted = 0

  /** @internal use {@link startProxy} */
  constructor(targetPort: number) {
    this.#targetPort = targetPort
  }

  get port(): number {
    return this.#port
  }

  /** For a Redis behind it. */
  get url(): string {
    return `redis://127.0.0.1:${this.#port}`
  }

  /** The open connections, oldest first. */
  get connections(): readonly ProxyConnection[] {
    return [...this.#connections]
  }

  /** How many connections there have ever been. */
  get accepted(): number {
    return this.#accepted
  }

  /** Every chunk takes `ms` longer, in one direction or (each way) in both. Chunks keep their order and overlap, as on a long line. */
  delay(ms: number, direction?: Direction): void {
    for (const each of only(direction)) this.#delays[each] = ms
  }

  /** A black hole: connections are accepted and stay open, and nothing passes, not even their end. */
  hold(direction?: Direction): void {
    for (const each of only(direction)) this.#held.add(each)
  }

  /** Undoes {@link hold}: what was held goes on its way. */
  release(direction?: Direction): void {
    for (const each of only(direction)) this.#held.delete(each)
    for (const connection of this.#connections) connection.stir()
  }

  /** Breaks all connections there are; new ones may come at once. */
  cut(): void {
    for (const connection of this.#connections) connection.cut()
  }

  /** Refuses new connections, as a host without the server does. Those that are open stay; `cut()` them too for a crash. */
  refuse(): void {
    // The listener is gone at once; only the server's `close` event waits for the last connection.
    this.#server?.close()
    this.#server = undefined
  }

  /** Undoes {@link refuse}, on the same port. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#open(client))
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
    this.#server = server
  }

  /** Leads new connections elsewhere, as an address does whose server was replaced; those that are open stay. */
  leadTo(port: number): void {
    this.#targetPort = port
  }

  /** Adds a hook that sees every chunk of every connection; what it returns removes it. Hooks run in the order they were added. */
  onData(hook: DataHook): () => void {
    this.#hooks.add(hook)
    return () => void this.#hooks.delete(hook)
  }

  /** Breaks everything and stops listening. */
  async close(): Promise<void> {
    const server = this.#server
    const closed = server === undefined ? undefined : once(server, 'close')
    this.refuse()
    this.cut()
    await closed
  }

  #open(client: Socket): void {
    this.#accepted += 1
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const connection = new ProxyConnection(this.#accepted, client, server, {
      hooks: this.#hooks,
      held: this.#held,
      delays: this.#delays,
      onClose: () => void this.#connections.delete(connection),
    })
    this.#connections.add(connection)
  }
}

interface Rules {
  readonly hooks: ReadonlySet<DataHook>
  readonly held: ReadonlySet<Direction>
  readonly delays: Readonly<Record<Direction, number>>
  onClose(): void
}

/** One client's connection through the proxy. */
export class ProxyConnection {
  /** 1 for the first connection of the proxy, and so on. */
  readonly id: number
  readonly #sockets: readonly [client: Socket, server: Socket]
  readonly #rules: Rules
  readonly #held = new Set<Direction>()
  readonly #seen: Record<Direction, Buffer[]> = { toServer: [], toClient: [] }
  readonly #room: Record<Direction, number> = { toServer: 2 ** 20, toClient: 2 ** 20 }
  #wake: (() => void)[] = []
  #dead = false

  /** @internal */
  constructor(id: number, client: Socket, server: Socket, rules: Rules) {
    this.id = id
    this.#sockets = [client, server]
    this.#rules = rules
    this.#join(client, server, 'toServer')
    this.#join(server, client, 'toClient')
  }

  /** Whether it still stands. */
  get open(): boolean {
    return !this.#dead
  }

  /** The first megabyte sent in one direction so far, held and dropped or not: enough to recognise a connection by. */
  sent(direction: Direction): string {
    return Buffer.concat(this.#seen[direction]).toString('latin1')
  }

  /** As {@link TcpProxy.hold}, for this connection alone. */
  hold(direction?: Direction): void {
    for (const each of only(direction)) this.#held.add(each)
  }

  /** Undoes {@link hold}; what the whole proxy holds stays held. */
  release(direction?: Direction): void {
    for (const each of only(direction)) this.#held.delete(each)
    this.stir()
  }

  /** Breaks it, for both sides. */
  cut(): void {
    if (this.#dead) return
    this.#dead = true
    for (const socket of this.#sockets) socket.destroy()
    this.stir()
    this.#rules.onClose()
  }

  /** @internal lets what is held look again whether it may go on */
  stir(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }

  #join(from: Socket, to: Socket, direction: Direction): void {
    // One promise chain for each direction: order is kept whatever a chunk has to wait for.
    let tail = Promise.resolve()
    const queue = (deliver: () => void | Promise<void>): void => {
      const due = performance.now() + this.#rules.delays[direction]
      tail = tail
        .then(() => this.#turn(direction, due))
        .then(() => (this.#dead ? undefined : deliver()))
        .catch(() => this.cut())
    }
    from.on('data', (chunk: Buffer) => {
      if (this.#room[direction] > 0) this.#seen[direction].push(chunk)
      this.#room[direction] -= chunk.length
      queue(async () => {
        const write = (bytes: Uint8Array): void => {
          if (!this.#dead) to.write(bytes)
        }
        const passed = await this.#judge(chunk, direction, write)
        // A hook may have taken its time, and meanwhile everything may have been put on hold.
        await this.#turn(direction, 0)
        if (passed !== undefined) write(passed)
      })
    })
    from.once('end', () => queue(() => void to.end()))
    // A reset, or a target that does not answer: the other side learns of it in its turn.
    from.on('error', () => {})
    from.once('close', () => queue(() => this.#closed()))
  }

  async #turn(direction: Direction, due: number): Promise<void> {
    const early = due - performance.now()
    if (early > 0) await this.#until((wake) => setTimeout(wake, early))
    while (!this.#dead && (this.#held.has(direction) || this.#rules.held.has(direction))) await this.#until()
  }

  /** Waits for {@link stir}, or for the timer that `arm` sets. */
  async #until(arm?: (wake: () => void) => NodeJS.Timeout): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((wake) => {
      if (arm === undefined) this.#wake.push(wake)
      else timer = arm(wake).unref()
    })
    clearTimeout(timer)
  }

  async #judge(chunk: Buffer, direction: Direction, pass: (bytes: Uint8Array) => void): Promise<Buffer | undefined> {
    let passed = chunk
    for (const hook of this.#rules.hooks) {
      const verdict = await hook(passed, { direction, connection: this, pass })
      if (verdict === 'drop') return undefined
      if (verdict !== undefined) passed = Buffer.from(verdict)
    }
    return passed
  }

  #closed(): void {
    // The end of one side is passed on by `end`; when both are gone, or one broke, nothing can pass any more.
    const [client, server] = this.#sockets
    if (client.destroyed && server.destroyed) this.cut()
    else if (client.errored !== null || server.errored !== null) this.cut()
    else if (client.destroyed) server.destroySoon()
    else client.destroySoon()
  }
}

function only(direction: Direction | undefined): readonly Direction[] {
  return direction === undefined ? directions : [direction]
}
