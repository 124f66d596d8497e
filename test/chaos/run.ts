import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterwards } from './afterwards'
import { check, type Limits, timeOf, type Verdict } from './checker'
import { commit, type World } from './faults'
import { FileRecorder, type Happening, now, parseHistory, watchLag } from './history'
import { type FaultName, makePlan, type Plan } from './plan'
import { Random } from './random'
import { Source } from './source'
import { startTopology, type TopologyName } from './topology'
import { Worker } from './workers'

export interface ChaosOptions {
  readonly seed: number
  readonly seconds: number
  readonly processes: number
  readonly topology: TopologyName
  /** Only these faults. @default all that the topology knows */
  readonly faults?: readonly FaultName[] | undefined
  /** Where the history is kept; left out, it is thrown away. */
  readonly keep?: string | undefined
}

export interface ChaosRun extends Verdict {
  readonly plan: Plan
  readonly history: readonly Happening[]
  /** What the processes printed: nothing, unless something is wrong. */
  readonly output: string
  readonly startedAt: number
}

const limits: Limits = { maxStalenessMs: 500, commandTimeoutMs: 200 }

/** One run: processes, servers, faults, and the judgement of what happened. */
export async function runChaos(options: ChaosOptions): Promise<ChaosRun> {
  const { seed, seconds, processes, keep } = options
  if (keep !== undefined) mkdirSync(keep, { recursive: true })
  const dir = keep ?? mkdtempSync(join(tmpdir(), 'cachewright-chaos-'))
  const callOff = keep === undefined ? afterwards('rm -rf "$0"', dir) : () => {}
  const recorder = new FileRecorder(join(dir, 'parent.jsonl'))
  const topology = await startTopology(options.topology)
  const source = new Source(recorder, Random.of(seed, 0x50))
  const workers: Worker[] = []
  const stopWatching = watchLag('parent', recorder)
  let isWriting = true
  try {
    for (let index = 0; index < processes; index += 1) {
      const address = await topology.address(index)
      workers.push(new Worker(index, dir, { seed, address, ...limits }, source, recorder))
    }
    await Promise.all(workers.map((worker) => worker.start(isWriting)))
    const plan = makePlan({ seed, seconds, processes, faults: options.faults ?? topology.faults })
    const startedAt = now()
    const world: World = { topology, workers, recorder, isWriting: () => isWriting }
    const write = (on: boolean): void => {
      isWriting = on
      recorder.note({ type: 'mark', what: on ? 'writing' : 'lull', by: 'parent', at: now() })
      for (const worker of workers) worker.tell({ kind: 'writing', on })
    }
    const at = (ms: number): Promise<void> => pause(Math.max(0, startedAt + ms - now()))
    // A failover may take longer than was planned for; what is done to the servers next waits for its end.
    let serverDeed = Promise.resolve()
    const deeds = plan.faults.map(async (fault) => {
      await at(fault.at)
      if (fault.target !== undefined) return commit(fault, world)
      serverDeed = serverDeed.then(() => commit(fault, world))
      return serverDeed
    })
    const lulls = plan.lulls.map(async (lull) => {
      await at(lull.at)
      write(false)
      await at(lull.at + lull.forMs)
      write(true)
    })
    await Promise.all([...deeds, ...lulls, at(plan.lengthMs)])
    recorder.note({ type: 'mark', what: 'healed', by: 'parent', at: now() })
    await Promise.all(workers.map((worker) => worker.settle()))
    await pause(limits.maxStalenessMs + 100)
    recorder.note({ type: 'mark', what: 'settled', by: 'parent', at: now() })
    await Promise.all(workers.map((worker) => worker.finish()))
    recorder.flush()
    const history = readHistory(dir)
    const output = workers.map((worker) => worker.output).join('')
    return { ...check(history, limits), plan, history, output, startedAt }
  } finally {
    stopWatching()
    await Promise.all(workers.map((worker) => worker.kill()))
    await topology.stop()
    recorder.close()
    callOff()
    if (keep === undefined) rmSync(dir, { recursive: true, force: true })
  }
}

/** The parts of all processes, in order of time. */
export function readHistory(dir: string): Happening[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => parseHistory(readFileSync(join(dir, name), 'utf8')))
    .toSorted((a, b) => timeOf(a) - timeOf(b))
}
