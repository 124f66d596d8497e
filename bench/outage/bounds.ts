import { recoveries } from './figures'
import { byKey, type Judged, judge } from './judged'
import { quantile } from './quantile'
import type { PhaseRun, Trial } from './record'

/** A promise with a number in it. */
export interface Bound {
  readonly what: string
  readonly measured: string
  readonly isHeld: boolean
}

// The defaults of the package.
const commandTimeoutMs = 250
const maxStalenessMs = 1_000

/** Timers are late by this much at most on a machine that has other work too. */
const lateMs = 25
const openMs = 1
const recoveryMs = 1_000

/** What is promised of this package, held against a trial of it, and shown beside one without a cache. */
export function boundsOf(trial: Trial, control: Trial | undefined): readonly Bound[] {
  const judged = judge(trial)
  const frozen = trial.phases.filter(({ redis }) => redis === 'frozen').map((phase) => ofFreeze(phase, judged))
  return [
    waitsOnce(frozen),
    thenNotAtAll(frozen, control),
    noFailures(trial, judged),
    recovers(trial),
    nothingUncaught(trial),
    sparesSource(trial),
  ]
}

/** The calls of a phase in which Redis was frozen: those made while that was being found out, and those made after. */
interface Freeze {
  readonly name: string
  readonly first: readonly number[]
  readonly later: readonly number[]
}

function ofFreeze(phase: PhaseRun, judged: readonly Judged[]): Freeze {
  const { name } = phase
  const calls = judged.filter((call) => call.phase === phase)
  const added = (those: readonly Judged[]): readonly number[] =>
    those.map(({ addedMs }) => addedMs ?? Number.POSITIVE_INFINITY)
  const firstWait = calls.find(({ addedMs }) => (addedMs ?? Number.POSITIVE_INFINITY) > commandTimeoutMs / 2)
  if (firstWait === undefined) return { name, first: [], later: added(calls) }
  // It is known to be frozen when the first command to it has timed out; who asked until then may have waited as long.
  const knownAt = firstWait.sentAt + commandTimeoutMs + lateMs
  return {
    name,
    first: added(calls.filter(({ sentAt }) => sentAt < knownAt)),
    later: added(calls.filter(({ sentAt }) => sentAt >= knownAt)),
  }
}

function waitsOnce(freezes: readonly Freeze[]): Bound {
  const longest = Math.max(...freezes.flatMap(({ first, later }) => [...first, ...later]))
  const again = freezes.map(({ later }) => later.filter((ms) => ms > commandTimeoutMs / 2).length)
  const where = freezes.map(({ name }, index) => `${again[index]} in '${name}'`).join(', ')
  return {
    what: `Redis frozen: a call waits for it ${commandTimeoutMs} ms at most, and only until that has passed once`,
    measured: `longest ${show(longest)}; calls that waited after that: ${where}`,
    isHeld: longest <= commandTimeoutMs + lateMs && again.every((count) => count === 0),
  }
}

function thenNotAtAll(freezes: readonly Freeze[], control: Trial | undefined): Bound {
  const p99s = freezes.map(({ later }) => quantile(later, 0.99) ?? Number.POSITIVE_INFINITY)
  const where = freezes.map(({ name }, index) => `${show(p99s[index]!)} in '${name}'`).join(', ')
  // Where nothing stands between, what is measured is the machine.
  const noise =
    control &&
    quantile(
      judge(control).flatMap(({ addedMs }) => addedMs ?? []),
      0.99,
    )
  return {
    what: `Redis frozen: from then on it adds less than ${openMs} ms (p99)`,
    measured: noise === undefined ? where : `${where}; without a cache ${show(noise)}`,
    isHeld: p99s.every((ms) => ms < openMs),
  }
}

function noFailures(trial: Trial, judged: readonly Judged[]): Bound {
  const failing = trial.phases.filter(({ source }) => source === 'failing')
  const couldAnswer = ({ sentAt, endedAt = Number.POSITIVE_INFINITY }: Judged): boolean =>
    !failing.some(({ from, to }) => sentAt < to && endedAt >= from)
  const failed = judged.filter((call) => call.hasFailed && couldAnswer(call))
  return {
    what: 'no call fails that the source could answer',
    measured: `${failed.length} of ${judged.filter(couldAnswer).length}${failed[0] ? `: ${failed[0].error ?? 'no answer'}` : ''}`,
    isHeld: failed.length === 0,
  }
}

function recovers(trial: Trial): Bound {
  const before = (run: PhaseRun): string => trial.phases[trial.phases.indexOf(run) - 1]!.name
  const all = recoveries(trial)
  return {
    what: `back within ${recoveryMs / 1_000} s of Redis answering`,
    measured: all.map(({ run, afterMs }) => `${show(afterMs)} after '${before(run)}'`).join(', '),
    isHeld: all.length > 0 && all.every(({ afterMs }) => afterMs <= recoveryMs),
  }
}

function nothingUncaught({ uncaught }: Trial): Bound {
  return {
    what: 'no rejection is left unhandled',
    measured: `${uncaught.length}${uncaught[0] ? `: ${uncaught[0].what}` : ''}`,
    isHeld: uncaught.length === 0,
  }
}

function sparesSource(trial: Trial): Bound {
  const worst = trial.phases
    // A load that fails leaves nothing to believe: where the source fails too, the next call asks it again.
    .filter(({ redis, source }) => redis !== 'up' && source !== 'failing')
    .map(({ name, from, to }) => {
      const loads = byKey(trial.loads.filter((load) => from <= load.from && load.from < to))
      const most = Math.max(0, ...[...loads.values()].map(({ length }) => length))
      // One at its beginning, and one whenever what was loaded is not to be believed any more.
      return { name, most, allowed: Math.ceil((to - from) / maxStalenessMs) + 1 }
    })
  return {
    what: `Redis away: the source is asked once per key and ${maxStalenessMs / 1_000} s at most`,
    measured: worst
      .map(({ name, most, allowed }) => `${most} for the key asked most in '${name}' (${allowed})`)
      .join(', '),
    isHeld: worst.every(({ most, allowed }) => most <= allowed),
  }
}

function show(ms: number): string {
  if (!Number.isFinite(ms)) return 'never'
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`
}
