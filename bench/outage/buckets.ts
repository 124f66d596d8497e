import { judge } from './judged'
import { quantile } from './quantile'
import type { Trial } from './record'

/** A slice of the run, by when calls were due. */
export interface Bucket {
  /** Of the calls answered with a value; undefined if none was. */
  readonly p99: number | undefined
  /** The share of the calls that failed. */
  readonly failed: number
  readonly loadsPerSecond: number
}

/** The run in slices of equal length, the same for every contender. */
export function bucketsOf(trial: Trial, bucketMs: number): readonly Bucket[] {
  const { startedAt, phases, loads } = trial
  const judged = judge(trial)
  const count = Math.ceil((phases.at(-1)!.to - startedAt) / bucketMs)
  const at = (moment: number): number => Math.floor((moment - startedAt) / bucketMs)
  return Array.from({ length: count }, (_, index) => {
    const calls = judged.filter(({ dueAt }) => at(dueAt) === index)
    const answered = calls.flatMap(({ hasFailed, latencyMs }) => (hasFailed ? [] : latencyMs!))
    return {
      p99: quantile(answered, 0.99),
      failed: calls.length === 0 ? 0 : calls.filter(({ hasFailed }) => hasFailed).length / calls.length,
      loadsPerSecond: (loads.filter(({ from }) => at(from) === index).length * 1_000) / bucketMs,
    }
  })
}
