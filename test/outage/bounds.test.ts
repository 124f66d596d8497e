import { type Bound, boundsOf } from '../../bench/outage/bounds'
import { figuresOf } from '../../bench/outage/figures'
import { timeline } from '../../bench/outage/phases'
import type { Call, PhaseRun, Trial } from '../../bench/outage/record'

/*
 * Bounds that are always held prove nothing. Each trial here is forged: a sound one, and the same with one thing wrong.
 */

const seconds = 5
const phases: readonly PhaseRun[] = timeline(seconds).map((phase, index, all) => {
  const isBack = phase.redis === 'up' && index > 0 && all[index - 1]!.redis !== 'up'
  return { ...phase, from: phase.fromMs, to: phase.toMs, ...(isBack ? { redisBackAt: phase.fromMs + 5 } : {}) }
})
const [frozen, failing, last] = ['Redis frozen', 'source failing', 'healthy again'].map(
  (name) => phases.find((phase) => phase.name === name)!,
) as [PhaseRun, PhaseRun, PhaseRun]

const call = (at: number, tookMs: number, more: Partial<Call> = {}): Call => ({
  key: 'p1',
  dueAt: at,
  sentAt: at,
  endedAt: at + tookMs,
  saidAt: at - 100,
  ...more,
})

const steady = Array.from({ length: last.to / 5 }, (_, index) => call(index * 5, 0.2))
const sound: Trial = {
  contender: 'cachewright',
  startedAt: 0,
  phases,
  calls: steady,
  loads: phases.map(({ from }) => ({ key: 'p1', from, to: from + 5 })),
  redisAnsweredAt: phases.flatMap(({ redisBackAt }) => (redisBackAt === undefined ? [] : redisBackAt + 40)),
  uncaught: [],
}

const broken = (trial: Partial<Trial>): string[] =>
  boundsOf({ ...sound, ...trial }, undefined)
    .filter(({ isHeld }: Bound) => !isHeld)
    .map(({ what }) => what)
const withCalls = (...calls: Call[]): string[] =>
  broken({ calls: [...steady, ...calls].sort((a, b) => a.dueAt - b.dueAt) })

test('a sound trial holds every bound', () => {
  expect(broken({})).toEqual([])
})

test('whoever finds out that Redis is frozen may wait for one command, and so may those who ask meanwhile', () => {
  expect(withCalls(call(frozen.from + 20, 251), call(frozen.from + 200, 240))).toEqual([])
  // Due before it, and caught by it.
  expect(withCalls(call(frozen.from - 1, 251))).toEqual([])
})

test('a longer wait, and a wait that comes again, are found', () => {
  expect(withCalls(call(frozen.from + 20, 320))).toEqual([expect.stringContaining('waits for it 250 ms at most')])
  expect(withCalls(call(frozen.from + 20, 251), call(frozen.from + 2_000, 250))).toEqual([
    expect.stringContaining('waits for it 250 ms at most'),
  ])
})

test('the time in which the source worked for the key is not a wait', () => {
  const at = frozen.from + 2_000
  const loads = [...sound.loads, { key: 'p1', from: at + 0.1, to: at + 300 }]
  expect(broken({ calls: [...steady, call(at, 300.3)], loads })).toEqual([])
})

test('what is added to every call later is found', () => {
  const slow = steady.map((its) => (its.dueAt > frozen.from && its.dueAt < frozen.to ? call(its.dueAt, 3) : its))
  expect(broken({ calls: slow })).toEqual([expect.stringContaining('adds less than 1 ms')])
})

test('a call that fails is found, unless the source was failing', () => {
  const error = 'Error: away'
  expect(withCalls(call(failing.from + 20, 5, { error }))).toEqual([])
  expect(withCalls(call(frozen.from + 20, 5, { error }))).toEqual([expect.stringContaining('no call fails')])
  const { endedAt: _, ...unanswered } = call(last.from + 20, 0)
  expect(withCalls(unanswered)).toEqual([expect.stringContaining('no call fails')])
})

test('a late return to Redis, and none, are found', () => {
  const [first, ...others] = sound.redisAnsweredAt as [number, ...number[]]
  expect(broken({ redisAnsweredAt: [first + 1_200, ...others] })).toEqual([expect.stringContaining('back within 1 s')])
  expect(broken({ redisAnsweredAt: [] })).toEqual([expect.stringContaining('back within 1 s')])
})

test('a rejection that nobody handled is found', () => {
  expect(broken({ uncaught: [{ at: 10, what: 'unhandledRejection: x' }] })).toEqual([
    expect.stringContaining('unhandled'),
  ])
})

test('a source that is asked too often is found', () => {
  const often = Array.from({ length: 7 }, (_, index) => {
    const from = frozen.from + index * 600
    return { key: 'p2', from, to: from + 5 }
  })
  expect(broken({ loads: [...sound.loads, ...often] })).toEqual([expect.stringContaining('the source is asked')])
  expect(broken({ loads: [...sound.loads, ...often.slice(0, 6)] })).toEqual([])
})

test('figures count a call where it was due, or in the fault that came over it', () => {
  const rows = (calls: Call[]) => figuresOf({ ...sound, calls }).filter(({ p50 }) => p50 !== undefined)
  expect(rows([call(frozen.from - 1, 0.5)]).map(({ phase }) => phase)).toEqual(['healthy'])
  expect(rows([call(frozen.from - 1, 251)]).map(({ phase }) => phase)).toEqual(['Redis frozen'])
  const [old] = rows([call(frozen.from + 3_000, 1, { saidAt: frozen.from })])
  expect(old).toMatchObject({ stale: 1, failed: 0, p50: 1 })
})
