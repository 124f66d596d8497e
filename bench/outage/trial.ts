import { type ChildProcess, fork } from 'node:child_process'
import { join, resolve } from 'node:path'
import { now, until } from './clock'
import type { ContenderName } from './contender'
import type { Phase } from './phases'
import type { PhaseRun, ServiceOrder, ServiceRecord, Start, Trial, Word } from './record'
import { Stage } from './stage'

const root = resolve(__dirname, '../..')
const program = join(__dirname, 'service.ts')

const headStartMs = 200

/** Leads one contender, in a process of its own and with a Redis of its own, through all phases. */
export async function runTrial(contender: ContenderName, phases: readonly Phase[], seed: number): Promise<Trial> {
  const stage = await Stage.open()
  const service = new Service({ contender, phases, seed, port: stage.port })
  try {
    await service.ready
    const startedAt = now() + headStartMs
    service.start({ startsAt: startedAt })
    const runs: PhaseRun[] = []
    for (const phase of phases) {
      const [from, to] = [startedAt + phase.fromMs, startedAt + phase.toMs]
      await until(from)
      const before = runs.at(-1)?.redis ?? 'up'
      const since = before === phase.redis ? from : await stage.set(phase.redis)
      const isBack = before !== 'up' && phase.redis === 'up'
      runs.push({ ...phase, from, to, ...(isBack ? { redisBackAt: since } : {}) })
    }
    const record = await service.done
    return { ...record, contender, startedAt, phases: runs }
  } finally {
    service.end()
    await stage.close()
  }
}

/** The process of a contender, as seen from here. */
class Service {
  readonly ready: Promise<void>
  readonly done: Promise<ServiceRecord>
  readonly #child: ChildProcess

  constructor(order: ServiceOrder) {
    const child = fork(program, [JSON.stringify(order)], {
      cwd: root,
      execArgv: ['--import', 'tsx', '--no-warnings'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    this.#child = child
    let output = ''
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        // What it says of its troubles is of interest only if it ends of them.
        output = (output + chunk.toString()).slice(-4_000)
      })
    }
    const word = <Kind extends Word['kind']>(kind: Kind): Promise<Extract<Word, { kind: Kind }>> =>
      new Promise((resolve, reject) => {
        child.on('message', (said: Word) => {
          if (said.kind === kind) resolve(said as Extract<Word, { kind: Kind }>)
        })
        child.once('error', reject)
        child.once('exit', () => reject(new Error(`the process of ${order.contender} ended early:\n${output}`)))
      })
    this.ready = word('ready').then(() => {})
    this.done = word('done').then(({ record }) => record)
    // Waited for only after the other.
    this.done.catch(() => {})
  }

  start(word: Start): void {
    this.#child.send(word)
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}
