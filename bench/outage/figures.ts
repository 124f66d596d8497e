import type { ContenderName } from './contender'
import { type Judged, judge } from './judged'
import { mending } from './phases'
import { quantile } from './quantile'
import type { PhaseRun, Trial } from './record'

/** What one contender did in one phase. */
export interface Figures {
  readonly phase: string
  readonly contender: ContenderName
  /** Calls answered with a value, by the second in which they were. */
  readonly answeredPerSecond: number
  /** Of the calls that were answered with a value; undefined if none was. */
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly max: number | undefined
  readonly loads: number
  readonly stale: number
  readonly failed: number
  /** What they failed with, most often. */
  readonly why: string | undefined
  readonly uncaught: number
  /** From when Redis answered again until it had answered this contender; undefined where that does not come up. */
  readonly backAfterMs: number | undefined
}

/** The phases' names, each once, the times between faults last. */
export function phaseNames(trial: Trial): readonly string[] {
  const names = trial.phases.filter(({ isMending }) => !isMending).map(({ name }) => name)
  return [...names, mending]
}

/** One row for each phase; the times between faults are one. */
export function figuresOf(trial: Trial): readonly Figures[] {
  const judged = judge(trial)
  return phaseNames(trial).map((name) => {
    const runs = trial.phases.filter((phase) => phase.name === name)
    return ofPhase(trial, judged, name, runs)
  })
}

function ofPhase(trial: Trial, judged: readonly Judged[], name: string, runs: readonly PhaseRun[]): Figures {
  const isIn = (moment: number | undefined): boolean =>
    moment !== undefined && runs.some(({ from, to }) => from <= moment && moment < to)
  const calls = judged.filter(({ phase }) => runs.includes(phase))
  const latencies = calls.flatMap(({ hasFailed, latencyMs }) => (hasFailed ? [] : latencyMs!))
  const seconds = runs.reduce((sum, { from, to }) => sum + to - from, 0) / 1_000
  const failures = calls.filter(({ hasFailed }) => hasFailed)
  const back = recoveries(trial).filter(({ run }) => runs.includes(run))
  return {
    phase: name,
    contender: trial.contender,
    answeredPerSecond: judged.filter(({ hasFailed, endedAt }) => !hasFailed && isIn(endedAt)).length / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    max: quantile(latencies, 1),
    loads: trial.loads.filter(({ from }) => isIn(from)).length,
    stale: calls.filter(({ isStale }) => isStale).length,
    failed: failures.length,
    why: commonest(failures.map(({ error }) => error ?? 'no answer')),
    uncaught: trial.uncaught.filter(({ at }) => isIn(at)).length,
    backAfterMs: back.length === 0 ? undefined : Math.max(...back.map(({ afterMs }) => afterMs)),
  }
}

/** How a contender came back in one phase after Redis did. */
export interface Recovery {
  readonly run: PhaseRun
  /** Infinity if it did not. */
  readonly afterMs: number
}

/** Every time Redis came back; empty for who does not ask it. */
export function recoveries({ phases, redisAnsweredAt }: Trial): readonly Recovery[] {
  if (redisAnsweredAt === undefined) return []
  return phases.flatMap((run) => {
    const { redisBackAt, to } = run
    if (redisBackAt === undefined) return []
    const answeredAt = redisAnsweredAt.find((at) => at >= redisBackAt)
    const isInTime = answeredAt !== undefined && answeredAt < to
    return [{ run, afterMs: isInTime ? answeredAt - redisBackAt : Number.POSITIVE_INFINITY }]
  })
}

function commonest(texts: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0]
}
