import { hash } from 'node:crypto'
import type { Flaw } from './model-server'
import { leaseMs, maxStalenessMs, type NodeMemory } from './node'
import { type Budget, Violation, World } from './world'

/** From where an exploration starts; `.` stands for all that arrives by itself. */
export const beginnings = {
  /** Nobody has asked the server for anything. */
  cold: '',
  /** Both know the markers; nothing is kept. */
  warm: 'A:load . expire . B:load . expire .',
  /** Both hold the value, and so does the server. */
  held: 'A:load . B:load .',
} as const
export type Beginning = keyof typeof beginnings

/** What an exploration looked at, and what it found. */
export interface Outcome {
  readonly states: number
  readonly transitions: number
  /** States in which nothing is under way; each of them was brought to its end. */
  readonly ends: number
  /** Whether everything within the budget was looked at. */
  readonly isComplete: boolean
  /** Reads that were answered with what their node had been told is old. */
  readonly late: number
  readonly found: Found | undefined
}

export interface Found {
  readonly message: string
  /** Leads there again by {@link play}. */
  readonly schedule: string
}

/** Limits on the time an exploration may take, beside its budget. */
export interface Limits {
  readonly states?: number
  readonly untilMs?: number
}

/** What is explored: the real core on a server that may be broken on purpose. */
export interface Subject {
  readonly memory: NodeMemory
  readonly flaws?: ReadonlySet<Flaw>
}

/** Plays a schedule. @throws Violation */
export async function play(schedule: string, subject: Subject): Promise<World> {
  const [beginning, ...steps] = schedule.split(' ')
  let world = await begin(beginning as Beginning, subject)
  for (const step of steps) {
    if (step === 'end') await finish(world, [])
    else world = await world.after(step)
  }
  return world
}

async function begin(beginning: Beginning, { memory, flaws }: Subject): Promise<World> {
  let world = await arrive(await World.begin(memory, flaws))
  for (const step of beginnings[beginning].split(' ')) {
    if (step === '.') world = await arrive(world)
    else if (step !== '') world = await world.after(step)
  }
  world.operations = 0
  return world
}

async function arrive(from: World, steps: string[] = []): Promise<World> {
  let world = from
  for (let [step] = world.arrivals; step !== undefined; [step] = world.arrivals) {
    steps.push(step)
    world = await world.after(step)
  }
  return world
}

/**
 * Brings a world to its end: whoever waits for a lease gets it in time, and when all is told and `maxStaleness` has passed
 * both nodes read the newest version, twice. `steps` learns what was done; what never happens is written as `end`.
 */
async function finish(from: World, steps: string[]): Promise<void> {
  let world = from
  const { length } = steps
  const never = (what: string): never => {
    steps.splice(length, steps.length, 'end')
    throw new Violation(what)
  }
  const step = async (next: string): Promise<void> => {
    steps.push(next)
    world = await world.after(next)
  }
  const settle = async (): Promise<void> => {
    world = await arrive(world, steps)
    for (let waits = 0; !world.isSettled; waits++) {
      if (waits > 12) never('G4: an operation hangs')
      await step(`time+${leaseMs / 4 + 1}`)
      world = await arrive(world, steps)
    }
  }
  await settle()
  for (let waits = 0; !world.hasReached; waits++) {
    if (waits > 3) never('G5: an eviction is lost')
    await step(`time+${leaseMs / 4 + 1}`)
    world = await arrive(world, steps)
  }
  await step(`time+${maxStalenessMs + 1}`)
  world = await arrive(world, steps)
  for (const name of ['A', 'B', 'A', 'B'] as const) {
    if (!world.nodes[name].isAlive) continue
    await step(`${name}:load`)
    await settle()
  }
}

interface Place {
  readonly world: World
  /** The step that led here. */
  readonly step: string
  /** What has yet to be tried from here. */
  readonly left: string[]
}

/**
 * Looks at every schedule within a budget, each state once, and at how each one ends. Stops at the first violation, whose
 * schedule is then made short.
 */
export async function explore(
  beginning: Beginning,
  budget: Budget,
  subject: Subject,
  { states = Number.POSITIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY }: Limits = {},
): Promise<Outcome> {
  const first = await begin(beginning, subject)
  const seen = new Set([digest(first.key)])
  // Depth first: what a node does next is mostly asked of the one that has just been brought there.
  const path: Place[] = [{ world: first, step: beginning, left: [...first.enabled(budget)] }]
  let [transitions, ends, late] = [0, 0, 0]
  let trying: string[] = []
  try {
    for (let here = path.at(-1); here !== undefined; here = path.at(-1)) {
      if (seen.size >= states || performance.now() >= untilMs) break
      const step = here.left.pop()
      if (step === undefined) {
        path.pop()
        continue
      }
      trying = [step]
      transitions++
      const world = await here.world.after(step)
      late += world.late - here.world.late
      const key = digest(world.key)
      if (seen.has(key)) continue
      seen.add(key)
      path.push({ world, step, left: [...world.enabled(budget)] })
      if (world.arrivals.length > 0) continue
      ends++
      trying = []
      await finish(world, trying)
    }
  } catch (error) {
    const schedule = [...path.map(({ step }) => step), ...trying]
    if (!(error instanceof Violation)) throw new Error(`after ${schedule.join(' ')}`, { cause: error })
    const found = await shrink(schedule, error.message, subject)
    return { states: seen.size, transitions, ends, isComplete: false, late, found }
  }
  return { states: seen.size, transitions, ends, isComplete: path.length === 0, late, found: undefined }
}

/** Plays schedules drawn at random, each to its end: for budgets that are too large to be looked at as a whole. */
export async function sample(
  beginning: Beginning,
  budget: Budget,
  subject: Subject,
  seed: number,
  schedules: number,
  untilMs = Number.POSITIVE_INFINITY,
): Promise<{ readonly schedules: number; readonly found: Found | undefined }> {
  const random = generator(seed)
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!
  for (let played = 0; played < schedules; played++) {
    if (performance.now() >= untilMs) return { schedules: played, found: undefined }
    let world = await begin(beginning, subject)
    const steps: string[] = []
    // Some schedules let much pile up, others little.
    const eagerness = random() * 0.6
    try {
      for (;;) {
        const enabled = world.enabled(budget)
        const arrivals = enabled.slice(0, world.arrivals.length)
        const others = enabled.slice(arrivals.length)
        if (enabled.length === 0) break
        const step =
          others.length > 0 && (arrivals.length === 0 || random() < eagerness) ? pick(others) : pick(arrivals)
        steps.push(step)
        world = await world.after(step)
      }
      await finish(world, steps)
    } catch (error) {
      if (!(error instanceof Violation)) throw new Error(`after ${[beginning, ...steps].join(' ')}`, { cause: error })
      return { schedules: played + 1, found: await shrink([beginning, ...steps], error.message, subject) }
    }
  }
  return { schedules, found: undefined }
}

/** Leaves out steps as long as the same guarantee is violated. */
async function shrink(schedule: readonly string[], message: string, subject: Subject): Promise<Found> {
  const [rule] = message.split(':')
  let found = { message, schedule: schedule.join(' ') }
  let steps = [...schedule]
  for (let width = Math.ceil(steps.length / 2); width >= 1; width = width === 1 ? 0 : Math.ceil(width / 2)) {
    for (let at = steps.length - width; at >= 1; at--) {
      const fewer = steps.toSpliced(at, width)
      const failure = await play(fewer.join(' '), subject).then(
        () => undefined,
        (error: unknown) => error,
      )
      if (!(failure instanceof Violation) || failure.message.split(':')[0] !== rule) continue
      steps = fewer
      found = { message: failure.message, schedule: fewer.join(' ') }
    }
  }
  return found
}

/** Mulberry32: the same numbers for the same seed, everywhere. */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function digest(key: string): string {
  return hash('md5', key, 'base64')
}
