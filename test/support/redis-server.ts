import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually'
import { type Reply, send } from './resp'

/** How a {@link RedisServer} is started. */
export interface RedisServerOptions {
  /** Further arguments of `redis-server`, such as `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[]
  /** @default a free one */
  readonly port?: number
  /** Its working directory, which is then kept. @default a temporary one, removed by `stop()` */
  readonly dir?: string
  /** Makes it a sentinel, which keeps what it knows in a file of its directory. @default false */
  readonly sentinel?: boolean
}

// Two tests may be given the same free port by the system before either has bound it.
const portAttempts = 10

/** Starts a real `redis-server` that keeps nothing on disk, and waits until it answers. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'cachewright-redis-')))
  const attempts = options.port === undefined ? portAttempts : 1
  for (let attempt = 1; ; attempt += 1) {
    const server = new RedisServer(options.port ?? (await freePort()), dir, options)
    try {
      await server.start()
      return server
    } catch (error) {
      await server.kill()
      if (attempt < attempts && error instanceof PortTaken) continue
      await server.stop()
      throw error
    }
  }
}

/** A running `redis-server` on 127.0.0.1. Every signal goes to its process id. */
export class RedisServer {
  readonly port: number
  readonly dir: string
  readonly #args: readonly string[]
  readonly #temporary: boolean
  readonly #sentinel: boolean
  #process: ChildProcess | undefined
  #watchdog: ChildProcess | undefined
  #output = ''
  #ownInfos = 0

  /** @internal use {@link startRedis} */
  constructor(port: number, dir: string, { args = [], dir: given, sentinel = false }: RedisServerOptions) {
    this.port = port
    this.dir = dir
    this.#args = args
    this.#temporary = given === undefined
    this.#sentinel = sentinel
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Its process id; an error when it does not run. */
  get pid(): number {
    const pid = this.#process?.pid
    if (pid === undefined) throw new Error(`the redis-server on port ${this.port} is not running`)
    return pid
  }

  get running(): boolean {
    return this.#process !== undefined
  }

  /** What it printed so far. */
  get output(): string {
    return this.#output
  }

  /** Starts it, after `kill()` for instance, on its port and in its directory. */
  async start(): Promise<void> {
    if (this.#process !== undefined) throw new Error(`the redis-server on port ${this.port} is running already`)
    const base = [
      '--port',
      `${this.port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      this.dir,
      '--save',
      '',
      '--appendonly',
      'no',
    ]
    const mode: string[] = []
    if (this.#sentinel) {
      const file = join(this.dir, 'sentinel.conf')
      // Created empty, else left as it is: a sentinel that comes back knows what it knew.
      await writeFile(file, '', { flag: 'a' })
      mode.push(file, '--sentinel')
    }
    const child = spawn('redis-server', [...mode, ...base, ...this.#args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#output = ''
    this.#ownInfos = 0
    const note = (chunk: Buffer): void => {
      this.#output += chunk.toString()
    }
    child.stdout.on('data', note)
    child.stderr.on('data', note)
    let failure: Error | undefined
    child.once('error', (error) => {
      failure = error
    })
    child.once('exit', () => this.#forget(child))
    if (child.pid === undefined) {
      await once(child, 'error').catch(() => {})
      throw new Error(`redis-server could not be started: ${failure?.message ?? 'no reason given'}`)
    }
    this.#process = child
    // A server that a test forgot must not keep the runner from ending; the watchdog then ends the server.
    for (const held of [child, child.stdout as Socket, child.stderr as Socket]) held.unref()
    this.#watchdog = watch(child.pid, this.#temporary ? this.dir : undefined)
    await eventually(() => this.#answers(child), { within: 10_000, what: `redis-server on port ${this.port} answers` })
    if (this.#process === child) return
    const why = this.#output.trim().split('\n').slice(-3).join('; ')
    throw /in use|bind:/i.test(this.#output) ? new PortTaken(why) : new Error(`redis-server ended at once: ${why}`)
  }

  /** Ends it (a frozen one too) and removes its temporary directory. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
    if (this.#temporary) await rm(this.dir, { recursive: true, force: true })
  }

  /** Ends it as a crash does. Its port and directory stay its own: `start()` brings it back. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Stops it in the middle of what it does, as a paused machine: connections stay open and nothing answers. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  /** Undoes {@link freeze}. */
  resume(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  /** Ends it, if it runs, and starts it again, empty, on the same port. */
  async restart(): Promise<void> {
    await this.#end('SIGTERM')
    await this.start()
  }

  /** Sends one command on a connection of its own. An error reply rejects. */
  async command(...args: (string | Uint8Array | number)[]): Promise<Reply> {
    return await send(this.port, args)
  }

  /** Calls of each command (as `get`, `client|tracking`) since the start or {@link resetStats}, without those made for this. */
  async commandStats(): Promise<Record<string, number>> {
    const info = String(await this.command('INFO', 'commandstats'))
    const calls: Record<string, number> = {}
    for (const [, name, count] of info.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)) calls[name as string] = Number(count)
    calls.info = (calls.info ?? 0) - this.#ownInfos
    if (calls.info <= 0) delete calls.info
    delete calls['config|resetstat']
    this.#ownInfos += 1
    return calls
  }

  /** Makes {@link commandStats} count from zero. */
  async resetStats(): Promise<void> {
    await this.command('CONFIG', 'RESETSTAT')
    this.#ownInfos = 0
  }

  async #answers(child: ChildProcess): Promise<boolean> {
    // It has ended: nothing will answer, and the caller says why.
    if (this.#process !== child) return true
    const info = String(await send(this.port, ['INFO', 'server'], 1000))
    // Another server may have the port: then ours is about to end.
    if (!info.includes(`process_id:${child.pid}\r\n`)) return false
    this.#ownInfos += 1
    return (await send(this.port, ['PING'], 1000)) === 'PONG'
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.ref()
    child.kill(signal)
    // SIGTERM waits for the end of a freeze.
    child.kill('SIGCONT')
    // A deadline, not a sleep: a busy script, or a replica that lags behind, would keep the server for long.
    const deadline = setTimeout(() => child.kill('SIGKILL'), 3000)
    await exited
    clearTimeout(deadline)
  }

  #forget(child: ChildProcess): void {
    if (this.#process !== child) return
    this.#process = undefined
    // Before the process id can belong to something else.
    this.#watchdog?.kill('SIGKILL')
    this.#watchdog = undefined
  }
}

class PortTaken extends Error {}

/**
 * A server must not outlive the tests, however those end. The watchdog waits for the end of its input, which comes when
 * this process is gone (no exit hook is needed, and none would run after SIGKILL), then ends the server by its id.
 */
function watch(pid: number, dir: string | undefined): ChildProcess {
  const script = 'read -r _; kill -9 "$0" 2>/dev/null; if [ -n "$1" ]; then rm -rf "$1"; fi'
  const watchdog = spawn('sh', ['-c', script, `${pid}`, dir ?? ''], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watchdog.stdin.on('error', () => {})
  for (const held of [watchdog, watchdog.stdin as Socket]) held.unref()
  return watchdog
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}
