import { Random } from './random'

/** What may be done to the world. */
export const networkFaults = [
  'cut listener',
  'cut data',
  'cut all',
  'refuse',
  'hold listener',
  'hold data',
  'hold all',
  'slow network',
] as const
export const processFaults = ['pause process', 'kill process'] as const
export const serverFaults = [
  'freeze',
  'restart empty',
  'restart from disk',
  'flush all',
  'foreign delete',
  'squeeze memory',
  'full memory',
  'forget scripts',
  'small tracking table',
  'kill clients',
] as const
/** Those that need more than one server. */
export const failoverFaults = ['failover', 'crash failover', 'freeze failover', 'move slots'] as const

export type FaultName =
  | (typeof networkFaults)[number]
  | (typeof processFaults)[number]
  | (typeof serverFaults)[number]
  | (typeof failoverFaults)[number]

/** A fault to come. */
export interface PlannedFault {
  readonly name: FaultName
  /** Milliseconds from the beginning of the run. */
  readonly at: number
  readonly forMs: number
  /** The process it is done to, where it is done to one. */
  readonly target?: number
  /** For what else the fault has to choose. */
  readonly seed: number
}

/** A time in which nothing is written. */
export interface Lull {
  readonly at: number
  readonly forMs: number
}

export interface Plan {
  readonly faults: readonly PlannedFault[]
  readonly lulls: readonly Lull[]
  /** Milliseconds from the beginning to the end of the work. */
  readonly lengthMs: number
}

export interface PlanOptions {
  readonly seed: number
  readonly seconds: number
  readonly processes: number
  /** Only these. @default all that the topology can do */
  readonly faults: readonly FaultName[]
}

const isOneOf = (names: readonly string[], name: FaultName): boolean => names.includes(name)

/**
 * The schedule: episodes of one to three faults at once, with pauses in which the world heals. Every kind of fault comes
 * once before any comes again. After an episode there may be a lull, and now and then a time without faults long enough
 * for every connection to be back.
 */
export function makePlan({ seed, seconds, processes, faults: names }: PlanOptions): Plan {
  const random = Random.of(seed, 0xfa17)
  const faults: PlannedFault[] = []
  const lulls: Lull[] = []
  const lengthMs = seconds * 1_000
  let at = random.between(600, 1_200)
  let deck: FaultName[] = []
  for (let episode = 1; ; episode += 1) {
    const count = random.weighted({ 1: 5, 2: 3, 3: 2 })
    let end = at
    const hit = new Set<number>()
    let isServerHit = false
    for (let index = 0; index < Number(count); index += 1) {
      if (deck.length === 0) deck = random.shuffle(names)
      const needsServer = (name: FaultName): boolean => !isOneOf(networkFaults, name) && !isOneOf(processFaults, name)
      // What is done to the servers is done one at a time; the card waits for the next episode.
      const next = deck.findIndex((name) => !(isServerHit && needsServer(name)))
      if (next === -1) break
      const [name] = deck.splice(next, 1) as [FaultName]
      const target = random.index(processes)
      if (needsServer(name)) isServerHit = true
      else if (isOneOf(processFaults, name)) {
        if (hit.has(target)) continue
        hit.add(target)
      }
      const start = at + random.between(0, 400)
      const forMs = lengthOf(name, random)
      faults.push({ name, at: start, forMs, seed: random.index(2 ** 31), ...(needsServer(name) ? {} : { target }) })
      end = Math.max(end, start + forMs)
    }
    const isLull = random.chance(0.6)
    if (isLull) lulls.push({ at: end, forMs: random.between(800, 1_200) })
    at = end + random.between(200, 1_000) + (isLull ? 800 : 0) + (episode % 5 === 0 ? 4_000 : 0)
    if (at > lengthMs - 1_500) break
  }
  const within = faults.filter((fault) => fault.at + fault.forMs < lengthMs - 500)
  return { faults: within.toSorted((a, b) => a.at - b.at), lulls: lulls.filter((its) => its.at < lengthMs), lengthMs }
}

function lengthOf(name: FaultName, random: Random): number {
  switch (name) {
    case 'cut listener':
    case 'cut data':
    case 'cut all':
    case 'flush all':
    case 'foreign delete':
    case 'forget scripts':
    case 'kill clients':
      return 0
    case 'failover':
    case 'move slots':
      return 1_000
    case 'crash failover':
    case 'freeze failover':
      return 3_500
    case 'kill process':
      return random.between(50, 600)
    case 'freeze':
    case 'hold data':
    case 'hold listener':
    case 'hold all':
      return random.between(80, 1_800)
    default:
      return random.between(150, 1_500)
  }
}

/** One line for each fault, for the report. */
export function describePlan({ faults, lulls }: Plan): string[] {
  const events = [
    ...faults.map(({ name, at, forMs, target }) => ({ at, text: text(name, forMs, target) })),
    ...lulls.map(({ at, forMs }) => ({ at, text: text('(lull)', forMs, undefined) })),
  ]
  return events
    .toSorted((a, b) => a.at - b.at)
    .map((event) => `${(event.at / 1_000).toFixed(2).padStart(7)} s  ${event.text}`)
}

function text(name: string, forMs: number, target: number | undefined): string {
  const where = target === undefined ? '' : ` of process ${target}`
  return `${name}${where}${forMs === 0 ? '' : ` for ${Math.round(forMs)} ms`}`
}
