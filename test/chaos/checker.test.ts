import { check, type FindingKind, type Limits, type Verdict } from './checker'
import type { Broken, Eviction, FaultRecord, Happening, Load, Read } from './history'

/*
 * A checker that finds nothing proves nothing unless it can find. Each history here is forged: a sound one, and the same
 * with one thing wrong.
 */

const limits: Limits = { maxStalenessMs: 500, commandTimeoutMs: 200 }
const key = 'items/1'

const verdict = (...history: Happening[]): Verdict => check(history, limits)
const kinds = (...history: Happening[]): FindingKind[] => verdict(...history).findings.map(({ kind }) => kind)

const write = (version: number, at: number): Happening => ({ type: 'write', by: '0.1', key, version, at })
const read = (by: string, from: number, version: number | undefined, until = from + 1): Read => ({
  type: 'read',
  by,
  key,
  from,
  until,
  ...(version === undefined ? {} : { version }),
})
const load = (by: string, from: number, until: number, version = 0): Load => ({
  type: 'load',
  by,
  key,
  from,
  until,
  version,
})
const eviction = (from: number, more: Partial<Eviction> = {}): Eviction => ({
  type: 'eviction',
  how: 'evict',
  by: '0.1',
  keys: [key],
  from,
  until: from + 1,
  pending: 0,
  tookMs: 1,
  ...more,
})
const pending = (at: number, count: number, by = '0.1'): Happening => ({ type: 'pending', by, at, pending: count })
const fault = (from: number, until: number, more: Partial<FaultRecord> = {}): FaultRecord => ({
  type: 'fault',
  name: 'freeze',
  silent: false,
  from,
  until,
  ...more,
})
const loss = (since: number, until: number): Happening => ({ type: 'loss', since, until })
const settled = (at: number): Happening => ({ type: 'mark', what: 'settled', by: 'parent', at })
const broken = (what: Broken['what']): Happening => ({
  type: 'broken',
  by: '0.1',
  what,
  call: 'read items/1',
  at: 1,
  message: 'x',
})

describe('what a read may answer with', () => {
  test('an old value within the bound in another process is sound, beyond it stale', () => {
    const evicted = [write(1, 100), eviction(110)]
    expect(kinds(...evicted, read('1.1', 610, 0), read('1.1', 616, 0))).toEqual([])
    expect(kinds(...evicted, read('1.1', 617, 0))).toEqual(['stale'])
    expect(kinds(...evicted, read('1.1', 617, 1))).toEqual([])
  })

  test('an old value is stale in its own process as soon as the evict is resolved, and not before', () => {
    const evicted = [write(1, 100), eviction(110)]
    expect(kinds(...evicted, read('0.1', 110.5, 0))).toEqual([])
    expect(kinds(...evicted, read('0.1', 112, 0))).toEqual(['stale in its own process'])
  })

  test('the floor is what the source had when the evict was called, not what came later', () => {
    const history = [write(1, 100), eviction(110), write(2, 110.5)]
    expect(kinds(...history, read('1.1', 700, 1))).toEqual([])
    expect(kinds(...history, read('1.1', 700, 0))).toEqual(['stale'])
  })

  test('the floor of a put is what was put: others may have written meanwhile and have yet to say so', () => {
    const history = [write(1, 100), write(2, 101), eviction(110, { how: 'put', version: 1 })]
    expect(kinds(...history, read('0.1', 112, 1))).toEqual([])
    expect(kinds(...history, read('0.1', 112, 0))).toEqual(['stale in its own process'])
  })

  test.each(['tags', 'clear'] as const)('%s counts for each key it covers', (how) => {
    const history = [write(1, 100), eviction(110, { how, keys: ['items/0', key] })]
    expect(kinds(...history, read('1.1', 700, 0))).toEqual(['stale'])
  })

  test('a second life of a process is another process', () => {
    const evicted = [write(1, 100), eviction(110)]
    expect(kinds(...evicted, read('0.2', 400, 0))).toEqual([])
    expect(kinds(...evicted, read('0.2', 700, 0))).toEqual(['stale'])
  })

  test('an evict that was kept back counts for others from when it got through', () => {
    const deferred = [write(1, 100), eviction(110, { pending: 1 }), pending(110.5, 1)]
    expect(kinds(...deferred, pending(5_000, 0), read('1.1', 5_400, 0))).toEqual([])
    expect(kinds(...deferred, pending(5_000, 0), read('1.1', 5_600, 0))).toEqual(['stale'])
    expect(kinds(...deferred, pending(5_000, 0), read('0.1', 120, 0))).toEqual(['stale in its own process'])
  })

  test('an evict that died with its process counts for nobody, and is counted', () => {
    const history = [write(1, 100), eviction(110, { pending: 1 }), read('1.1', 9_000, 0)]
    expect(verdict(...history)).toMatchObject({ findings: [], tally: { excused: 1 } })
  })

  test('an evict that the server lost counts from when it was sent again', () => {
    const history = [write(1, 100), eviction(110), loss(50, 2_000), pending(2_100, 1), pending(2_110, 0)]
    expect(kinds(...history, read('1.1', 2_600, 0))).toEqual([])
    expect(kinds(...history, read('1.1', 2_700, 0))).toEqual(['stale'])
    expect(kinds(...history, read('0.1', 2_050, 0))).toEqual(['stale in its own process'])
  })

  test('an evict that the server had kept is not excused by a loss', () => {
    const history = [write(1, 100), eviction(110), loss(300, 2_000)]
    expect(kinds(...history, read('1.1', 2_600, 0))).toEqual(['stale'])
  })

  test('what is sent again just after the connection is back is waited for', () => {
    const again = [pending(2_050, 0), pending(2_100, 1), pending(2_110, 0)]
    const history = [write(1, 100), eviction(110), loss(50, 2_000), ...again]
    expect(kinds(...history, read('1.1', 2_600, 0))).toEqual([])
    expect(kinds(...history, read('1.1', 2_700, 0))).toEqual(['stale'])
  })

  test('what is old when all is over has a name of its own', () => {
    const history = [write(1, 100), eviction(110), settled(5_000), read('1.1', 5_001, 0)]
    expect(kinds(...history)).toEqual(['stale after everything healed'])
  })

  test('a version the source never had is a finding, one that was written during the read is not', () => {
    expect(kinds(write(1, 100), read('1.1', 99.5, 1, 101))).toEqual([])
    expect(kinds(write(1, 100), read('1.1', 98, 1, 99))).toEqual(['never written'])
    expect(kinds(write(1, 100), read('1.1', 110, 7))).toEqual(['never written'])
  })

  test('no value is never old', () => {
    expect(kinds(write(1, 100), eviction(110), read('1.1', 700, undefined))).toEqual([])
  })

  test('equal findings are told once, with their number', () => {
    const history = [write(1, 100), eviction(110), read('1.1', 700, 0), read('1.1', 710, 0), read('2.1', 720, 0)]
    expect(verdict(...history).findings.map(({ by, count }) => [by, count])).toEqual([
      ['1.1', 2],
      ['2.1', 1],
    ])
  })
})

describe('how long a call may take', () => {
  test('one timeout beside the source, with some slack', () => {
    expect(kinds(read('1.1', 0, 0, 340))).toEqual([])
    expect(kinds(read('1.1', 0, 0, 400))).toEqual(['late call'])
    expect(kinds(read('1.1', 0, 0, 640), load('1.1', 10, 310))).toEqual([])
  })

  test('the time in which the process, or the one the network is in, did not run is not counted', () => {
    expect(kinds(read('1.1', 0, 0, 1_200), { type: 'lag', by: '1.1', from: 100, until: 1_000 })).toEqual([])
    expect(kinds(read('1.1', 0, 0, 1_200), { type: 'lag', by: 'parent', from: 100, until: 1_000 })).toEqual([])
    expect(kinds(read('1.1', 0, 0, 1_200), { type: 'lag', by: '2.1', from: 100, until: 1_000 })).toEqual(['late call'])
  })

  test('a read may wait for another process’s load', () => {
    expect(kinds(read('1.1', 0, 0, 1_000), load('2.1', -10, 900))).toEqual([])
    expect(kinds(read('1.1', 0, 0, 1_700), load('2.1', -10, 900))).toEqual(['late call'])
  })

  test('a read may wait for a lease whose holder was killed, until that has run out', () => {
    const killed: Happening = { type: 'mark', what: 'killed', by: '2.1', at: -100 }
    expect(verdict(killed, read('1.1', 0, 0, 5_500))).toMatchObject({ findings: [], tally: { waitedForLostLease: 1 } })
    expect(kinds(killed, read('1.1', 0, 0, 7_500))).toEqual(['late call'])
  })

  test('while Redis is silent nobody waits for more than one timeout', () => {
    const silence = fault(-100, 2_000, { silent: true })
    expect(kinds(silence, read('1.1', 0, 0, 340))).toEqual([])
    expect(kinds(silence, read('1.1', 0, 0, 600))).toEqual(['late call'])
    expect(kinds(fault(-100, 2_000, { silent: true, target: 2 }), read('1.1', 0, 0, 600))).toEqual([])
    expect(kinds(fault(-100, 2_000, { silent: true, target: 1, life: '1.2' }), read('1.1', 0, 0, 600))).toEqual([])
  })

  test('nor does an evict or a put', () => {
    expect(kinds(eviction(0, { tookMs: 340, until: 340 }))).toEqual([])
    expect(kinds(eviction(0, { tookMs: 400, until: 400 }))).toEqual(['late call'])
  })
})

describe('loads at once', () => {
  const twice = [load('1.1', 1_000, 1_100), load('2.1', 1_050, 1_150)]

  test('of two processes, with nothing wrong, are a finding; one after the other they are none', () => {
    expect(kinds(...twice)).toEqual(['loaded twice at once'])
    expect(kinds(load('1.1', 1_000, 1_100), load('2.1', 1_101, 1_150))).toEqual([])
  })

  test('of two processes are allowed where the key is evicted, Redis failed, or the world was being hurt', () => {
    expect(kinds(...twice, eviction(1_020))).toEqual([])
    expect(kinds(...twice, eviction(900, { pending: 1 }), pending(1_060, 0))).toEqual([])
    const failure = { type: 'failure', by: '2.1', at: 1_049, operation: 'get', message: '' } as const
    expect(kinds(...twice, failure)).toEqual([])
    expect(kinds(...twice, { ...failure, by: '3.1' })).toEqual(['loaded twice at once'])
    expect(kinds(...twice, fault(500, 900))).toEqual([])
    expect(kinds(...twice, fault(-9_000, -8_000))).toEqual(['loaded twice at once'])
  })

  test('of one process are none at any time, but where the key or a tag is evicted', () => {
    const own = [load('1.1', 1_000, 1_100), load('1.1', 1_050, 1_150)]
    expect(kinds(...own, fault(500, 900))).toEqual(['loaded twice at once'])
    expect(kinds(...own, eviction(1_020))).toEqual([])
    expect(kinds(...own, eviction(1_020, { by: '1.1', how: 'tags', keys: ['items/2'] }))).toEqual([])
    expect(kinds(...own, eviction(1_020, { by: '2.1', how: 'tags', keys: ['items/2'] }))).toEqual([
      'loaded twice at once',
    ])
  })

  test('of one process are allowed where an evict came while the first of them still waited for its turn', () => {
    const own = [read('1.1', 100, 0, 1_110), load('1.1', 1_000, 1_100), load('1.1', 1_050, 1_150)]
    expect(kinds(...own, eviction(300))).not.toContain('loaded twice at once')
  })

  test('of one process are allowed there too when the source failed the first of them, and so its readers', () => {
    const loads = [load('1.1', 1_000, 1_100, undefined), load('1.1', 1_050, 1_150)]
    const tags = eviction(300, { by: '1.1', how: 'tags', keys: ['items/2'] })
    const failed = { ...read('1.1', 100, 0, 1_110), failed: true }
    expect(kinds(...loads, tags)).toContain('loaded twice at once')
    expect(kinds(failed, ...loads, tags)).not.toContain('loaded twice at once')
  })
})

test.each([
  ['rejected', 'failed call'],
  ['hung', 'hung call'],
  ['unhandled', 'noise'],
  ['warning', 'noise'],
  ['alien', 'noise'],
  ['undrained', 'lost eviction'],
] as const)('%s is a finding: %s', (what, kind) => {
  expect(kinds(broken(what))).toEqual([kind])
})
