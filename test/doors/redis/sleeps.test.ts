import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import { eventually } from '../../support/eventually'
import type { TcpProxy } from '../../support/tcp-proxy'
import { redisHouse } from './processes'

const house = redisHouse()
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const maxStaleness = 300

interface Answer {
  readonly value: unknown
  readonly isLocal: boolean
}

/** Another process with a copy of 'old' that it serves without asking. */
class Sleeper {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(url: string, staleness: number) {
    const args = ['-r', 'esbuild-register', `${__dirname}/sleeps.program.ts`, url, String(staleness)]
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] })
    children.push(this.#child)
    this.#lines = createInterface(this.#child.stdout!)[Symbol.asyncIterator]()
  }

  async said(): Promise<unknown> {
    return JSON.parse((await this.#lines.next()).value as string)
  }

  tell(what: 'read' | 'block'): void {
    this.#child.stdin!.write(`${what}\n`)
  }

  /** What a read is answered now. */
  async read(): Promise<Answer> {
    this.tell('read')
    return (await this.said()) as Answer
  }

  async block(): Promise<void> {
    this.tell('block')
    expect(await this.said()).toBe('blocked')
  }

  /** Ends the block; what the read of the same turn was answered. */
  async unblock(): Promise<Answer> {
    ;(this.#child.stdio[3] as Writable).write('.')
    return (await this.said()) as Answer
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }

  async holdsOld(): Promise<void> {
    await eventually(async () => expect(await this.read()).toEqual({ value: 'old', isLocal: true }), { within: 10_000 })
  }

  async end(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.stdin!.end()
    await exited
  }
}

/** Holds back what the server tells the process, and lets it answer. */
function holdNotices(proxy: TcpProxy): void {
  const listening = proxy.connections.filter((connection) => connection.sent('toServer').includes('invalidate'))
  expect(listening).toHaveLength(1)
  for (const connection of listening) connection.hold('toClient')
}

async function pass(ms: number): Promise<void> {
  const began = performance.now()
  await eventually(() => performance.now() - began > ms, { within: ms + 5_000 })
}

async function begin(staleness: number): Promise<{ readonly sleeper: Sleeper; readonly proxy: TcpProxy }> {
  const proxy = await house.proxy()
  await house.open().cache('c').put('k', 'old')
  const sleeper = new Sleeper(proxy.url, staleness)
  await sleeper.holdsOld()
  return { sleeper, proxy }
}

describe('a process whose event loop was blocked while another one evicted', () => {
  test('serves no copy on trust that is older than maxStaleness, not even in its first turn', async () => {
    const { sleeper } = await begin(maxStaleness)
    await sleeper.block()
    await house.open().cache('c').put('k', 'new')
    await pass(maxStaleness)
    expect(await sleeper.unblock()).toEqual({ value: 'new', isLocal: false })
    await sleeper.end()
  }, 20_000)

  test('serves its copies with maxStaleness Infinity, until it has heard what it was told meanwhile', async () => {
    const { sleeper } = await begin(Infinity)
    await sleeper.block()
    await house.open().cache('c').put('k', 'new')
    await pass(maxStaleness)
    expect(await sleeper.unblock()).toEqual({ value: 'old', isLocal: true })
    await eventually(async () => expect(await sleeper.read()).toMatchObject({ value: 'new' }))
    await sleeper.end()
  }, 20_000)
})

describe('a process that was stopped while another one evicted', () => {
  test('serves no copy on trust that is older than maxStaleness, though notices are late as well', async () => {
    const { sleeper, proxy } = await begin(maxStaleness)
    sleeper.signal('SIGSTOP')
    holdNotices(proxy)
    await house.open().cache('c').put('k', 'new')
    await pass(maxStaleness)
    sleeper.signal('SIGCONT')
    expect(await sleeper.read()).toEqual({ value: 'new', isLocal: false })
    await sleeper.end()
  }, 20_000)

  test('serves its copies with maxStaleness Infinity as long as notices are held back', async () => {
    const { sleeper, proxy } = await begin(Infinity)
    sleeper.signal('SIGSTOP')
    holdNotices(proxy)
    await house.open().cache('c').put('k', 'new')
    sleeper.signal('SIGCONT')
    expect(await sleeper.read()).toEqual({ value: 'old', isLocal: true })
    for (const connection of proxy.connections) connection.release()
    await eventually(async () => expect(await sleeper.read()).toMatchObject({ value: 'new' }))
    await sleeper.end()
  }, 20_000)
})
