import type { Call, PhaseRun, Trial } from './record'
import type { Load } from './source'
import { terms } from './terms'

// A value is on its way for a while after its time is up.
const staleSlackMs = 250

/** A call, and what its caller makes of it. */
export interface Judged extends Call {
  /** The phase it belongs to: that in which it was due, or the fault that came over it. */
  readonly phase: PhaseRun
  /** From when it was due; undefined if it was never answered. */
  readonly latencyMs: number | undefined
  /** What was waited for beside the source: from when it was made, without the time the source worked for its key. */
  readonly addedMs: number | undefined
  readonly hasFailed: boolean
  /** Whether the answer was older than its `ttl` when it was asked for. */
  readonly isStale: boolean
}

/** All calls of a trial, judged. */
export function judge({ calls, loads, phases }: Trial): readonly Judged[] {
  const loadsOf = byKey(loads)
  return calls.map((call) => {
    const { dueAt, sentAt, endedAt, saidAt, error, key } = call
    return {
      ...call,
      phase: phaseOf(call, phases),
      latencyMs: endedAt === undefined ? undefined : endedAt - dueAt,
      addedMs: endedAt === undefined ? undefined : endedAt - sentAt - worked(loadsOf.get(key) ?? [], sentAt, endedAt),
      hasFailed: endedAt === undefined || error !== undefined,
      isStale: saidAt !== undefined && sentAt - saidAt > terms.ttlMs + staleSlackMs,
    }
  })
}

function phaseOf({ dueAt, endedAt = Number.POSITIVE_INFINITY }: Call, phases: readonly PhaseRun[]): PhaseRun {
  const index = phases.findLastIndex(({ from }) => from <= dueAt)
  const [phase, next] = [phases[index]!, phases[index + 1]]
  const isHealthy = ({ redis, source }: PhaseRun): boolean => redis === 'up' && source === 'up'
  return next !== undefined && isHealthy(phase) && !isHealthy(next) && endedAt >= next.from ? next : phase
}

/** The loads of each key, in the order in which they began. */
export function byKey(loads: readonly Load[]): ReadonlyMap<string, readonly Load[]> {
  const found = new Map<string, Load[]>()
  for (const load of [...loads].sort((a, b) => a.from - b.from)) {
    const its = found.get(load.key)
    if (its === undefined) found.set(load.key, [load])
    else its.push(load)
  }
  return found
}

/** For how long at least one of the loads was under way between two moments. */
function worked(loads: readonly Load[], from: number, to: number): number {
  let total = 0
  let until = from
  for (const load of loads) {
    const begins = Math.max(load.from, until)
    const ends = Math.min(load.to, to)
    if (ends <= begins) continue
    total += ends - begins
    until = ends
  }
  return total
}
