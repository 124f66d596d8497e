import { type ChildProcess, fork } from 'node:child_process'
import { join, resolve } from 'node:path'
import { eventually } from '../support/eventually'
import { afterwards } from './afterwards'
import { type Life, now, type Recorder } from './history'
import type { Order, Word, WorkerOrder } from './messages'
import type { Source } from './source'

const root = resolve(__dirname, '../..')
const program = join(__dirname, 'worker.ts')

/** What a worker is given beside its name. */
export type WorkerSettings = Omit<WorkerOrder, 'by' | 'isWriting' | 'file'>

/** One process of the service, over its lives. */
export class Worker {
  #child: ChildProcess | undefined
  #callOff = (): void => {}
  #lives = 0
  #isUp = false
  #hasSettled = false
  #hasFinished = false
  #output = ''

  constructor(
    readonly index: number,
    private readonly dir: string,
    private readonly settings: WorkerSettings,
    private readonly source: Source,
    private readonly recorder: Recorder,
  ) {}

  get by(): Life {
    return `${this.index}.${this.#lives}`
  }

  get isReading(): boolean {
    return this.source.isReading(this.by)
  }

  /** What it printed, which is nothing unless something is wrong. */
  get output(): string {
    return this.#output
  }

  async start(isWriting: boolean): Promise<void> {
    this.#lives += 1
    this.#isUp = false
    const order: WorkerOrder = { ...this.settings, by: this.by, isWriting, file: join(this.dir, `${this.by}.jsonl`) }
    const forkedAt = now()
    const child = fork(program, [JSON.stringify(order)], {
      cwd: root,
      execArgv: ['--import', 'tsx', '--no-warnings'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    this.#callOff = afterwards('kill -9 "$0"', `${child.pid}`)
    const by = this.by
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString()
      })
    }
    child.on('message', (word: Word) => this.#hear(by, child, word, forkedAt))
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined
    })
    await eventually(() => this.#isUp || this.#child !== child, { within: 20_000, what: `process ${by} is up` })
    if (this.#child !== child) throw new Error(`process ${by} ended before it had begun:\n${this.#output}`)
  }

  tell(order: Order): void {
    this.#child?.send(order, () => {})
  }

  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const { by } = this
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    this.#callOff()
    this.recorder.note({ type: 'mark', what: 'killed', by, at: now() })
  }

  /** Ends its work; resolves when it keeps nothing back, or has said that it does. */
  async settle(): Promise<void> {
    this.#hasSettled = false
    this.tell({ kind: 'settle' })
    await eventually(() => this.#hasSettled || this.#child === undefined, {
      within: 25_000,
      what: `${this.by} settles`,
    })
  }

  /** Lets it read everything once more and end. */
  async finish(): Promise<void> {
    this.tell({ kind: 'finish' })
    await eventually(() => this.#hasFinished && this.#child === undefined, { within: 40_000, what: `${this.by} ends` })
    this.#callOff()
  }

  #hear(by: Life, child: ChildProcess, word: Word, forkedAt: number): void {
    switch (word.kind) {
      case 'ask':
        this.source.answer(by, word, (answer) => {
          if (child.connected) child.send(answer, () => {})
        })
        return
      case 'up':
        if (word.at < forkedAt || word.at > now()) throw new Error('the clocks of two processes disagree')
        this.#isUp = true
        return
      case 'settled':
        this.#hasSettled = true
        return
      case 'finished':
        this.#hasFinished = true
    }
  }
}
