/** What is wrong with Redis. */
export type RedisState = 'up' | 'frozen' | 'refused' | 'slow'
/** What is wrong with the source. */
export type SourceState = 'up' | 'failing' | 'slow'

/** A part of the run in which one thing is wrong, or nothing. */
export interface Phase {
  readonly name: string
  readonly redis: RedisState
  readonly source: SourceState
  /** From the start of the run. */
  readonly fromMs: number
  readonly toMs: number
  /** A short time of health after a fault, to see how a contender comes back. */
  readonly isMending: boolean
}

type Fault = readonly [name: string, redis: RedisState, source: SourceState]

const faults: readonly Fault[] = [
  ['healthy', 'up', 'up'],
  ['Redis frozen', 'frozen', 'up'],
  ['Redis refused', 'refused', 'up'],
  ['Redis slow', 'slow', 'up'],
  ['source failing', 'up', 'failing'],
  ['source slow', 'up', 'slow'],
  ['both', 'frozen', 'failing'],
  ['healthy again', 'up', 'up'],
]

/** By how much a slow Redis answers later. */
export const slowRedisMs = 200

/** What the times of health between the faults are called together. */
export const mending = 'between faults'

/** The whole run: each fault lasts so many seconds, and all but the last are followed by up to two seconds of health. */
export function timeline(seconds: number): readonly Phase[] {
  const phases: Phase[] = []
  let at = 0
  const add = (name: string, redis: RedisState, source: SourceState, lastsMs: number, isMending: boolean): void => {
    phases.push({ name, redis, source, fromMs: at, toMs: at + lastsMs, isMending })
    at += lastsMs
  }
  for (const [index, [name, redis, source]] of faults.entries()) {
    add(name, redis, source, seconds * 1_000, false)
    const isFault = redis !== 'up' || source !== 'up'
    // The last fault is followed by a phase of health of its own.
    if (isFault && index < faults.length - 2) add(mending, 'up', 'up', Math.min(seconds, 2) * 1_000, true)
  }
  return phases
}
