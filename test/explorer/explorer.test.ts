import { FlightRegistry } from '../../src/cache/flight-registry'
import { LocalTier } from '../../src/cache/local-tier'
import { TagMarkers } from '../../src/cache/tag-markers'
import { TieredCache } from '../../src/cache/tiered-cache'
import { WriteFence } from '../../src/cache/write-fence'
import { EvictionJournal } from '../../src/coherence/eviction-journal'
import { type Beginning, explore, play, sample } from './explorer'
import type { Flaw } from './model-server'
import { NodeMemory, patient } from './node'
import type { Budget, Kind } from './world'

jest.setTimeout(120_000)

const commandTimeoutMs = 250

afterEach(() => jest.restoreAllMocks())

const two: Budget = { operations: 2, times: 0, spans: [], areFlushesWhole: true }

const ofKeys: { readonly kinds: readonly Kind[] } = { kinds: ['load', 'put', 'evict'] }

/** Three operations of these kinds on one of the nodes. */
const alone = (...kinds: Kind[]): Budget => ({ ...two, operations: 3, kinds, nodes: ['A'] })

describe('every schedule', () => {
  test.each<[string, Beginning, Budget, number]>([
    ['of one operation, from nothing', 'cold', { ...two, operations: 1, areFlushesWhole: false }, patient],
    ['of two operations', 'warm', two, patient],
    ['of two operations, command by command', 'warm', { ...two, ...ofKeys, areFlushesWhole: false }, patient],
    ['of two operations on what both hold', 'held', { ...two, kinds: ['load', 'evict', 'expire'] }, patient],
    [
      'of two operations and a pause that outlasts trust',
      'warm',
      { ...two, ...ofKeys, times: 1, spans: [1_001] },
      patient,
    ],
    ['of three operations in one process', 'warm', alone('load', 'evict', 'expire'), patient],
    [
      'of three writes and broken connections',
      'warm',
      { ...two, operations: 3, kinds: ['put', 'evict', 'cut'] },
      patient,
    ],
    [
      'of two operations that may be given up',
      'warm',
      { ...two, kinds: ['load', 'evict'], times: 1, spans: [251] },
      commandTimeoutMs,
    ],
  ])('%s keeps the guarantees', async (_what, beginning, budget, timeout) => {
    const { found, isComplete, states } = await explore(beginning, budget, { memory: new NodeMemory(timeout) })
    expect(found).toBeUndefined()
    expect(isComplete).toBe(true)
    expect(states).toBeGreaterThan(20)
  })
})

describe('schedules at random', () => {
  const spans = [251, 600, 1_001, 5_001, 20_001]
  test.each<[Beginning, number, number, number]>([
    ['cold', 3, 1, patient],
    ['warm', 4, 1, patient],
    ['held', 5, 2, patient],
    ['warm', 5, 2, commandTimeoutMs],
  ])('from %s, of %i operations and %i pauses, keep the guarantees', async (beginning, operations, times, timeout) => {
    const subject = { memory: new NodeMemory(timeout) }
    const { found } = await sample(beginning, { operations, times, spans }, subject, 1, 400)
    expect(found).toBeUndefined()
  })
})

describe('the explorer finds', () => {
  const finds = async (beginning: Beginning, budget: Budget, flaws: readonly Flaw[]): Promise<void> => {
    const subject = { memory: new NodeMemory(), flaws: new Set(flaws) }
    const isSmall = budget.operations < 3
    const { found } = await (isSmall
      ? explore(beginning, budget, subject)
      : sample(beginning, budget, subject, 1, 3_000))
    expect(found?.message).toMatch(/^G[125]/)
    // What was printed leads there again, on nodes that know nothing of it.
    await expect(play(found!.schedule, { ...subject, memory: new NodeMemory() })).rejects.toThrow(found!.message)
  }

  test.each<[string, Flaw, Beginning, Budget]>([
    ['takes fills without a lease', 'fill-without-lease', 'warm', two],
    ['leaves leases where it evicts', 'evict-leaves-lease', 'warm', two],
    ['tells nobody', 'silent', 'held', two],
    ['does not remember who wrote', 'forgets-writers', 'warm', two],
    ['remembers the last writer alone', 'last-writer-only', 'warm', { ...two, operations: 3, kinds: ['put', 'evict'] }],
  ])('a server that %s', async (_what, flaw, beginning, budget) => {
    await finds(beginning, budget, [flaw])
  })

  const nothing = (): void => {}
  test.each<[string, () => unknown, Beginning, Budget]>([
    [
      'does not hear the feed',
      () => jest.spyOn(TieredCache.prototype, 'changed').mockImplementation(nothing),
      'held',
      two,
    ],
    [
      'keeps what was named meanwhile',
      () => jest.spyOn(FlightRegistry.prototype, 'changed').mockImplementation(nothing),
      'warm',
      two,
    ],
    [
      'lets loads go on after an evict',
      () => jest.spyOn(FlightRegistry.prototype, 'revoke').mockImplementation(nothing),
      'warm',
      alone('load', 'evict'),
    ],
    [
      'lets loads go on after a clear',
      () => jest.spyOn(FlightRegistry.prototype, 'revokeAll').mockImplementation(nothing),
      'warm',
      alone('load', 'clear'),
    ],
    [
      'lets loads be joined after a tag was evicted',
      () => jest.spyOn(FlightRegistry.prototype, 'detachTagged').mockImplementation(nothing),
      'warm',
      alone('load', 'evictTags'),
    ],
    [
      'takes every put for the newest',
      () => jest.spyOn(WriteFence.prototype, 'overlapped').mockReturnValue(false),
      'warm',
      two,
    ],
    [
      'does not look for clears',
      () => jest.spyOn(TieredCache.prototype, 'changedAll').mockImplementation(nothing),
      'held',
      two,
    ],
    [
      'does not hear of evicted tags',
      () => jest.spyOn(TagMarkers.prototype, 'invalidated').mockImplementation(nothing),
      'warm',
      two,
    ],
    [
      'takes every entry for alive',
      () => jest.spyOn(TagMarkers.prototype, 'judge').mockReturnValue('alive'),
      'warm',
      two,
    ],
    ['keeps what it drops', () => jest.spyOn(LocalTier.prototype, 'drop').mockImplementation(nothing), 'held', two],
    [
      'keeps no journal',
      () => jest.spyOn(EvictionJournal.prototype, 'keep').mockImplementation(nothing),
      'held',
      { ...two, kinds: ['evict', 'cut'] },
    ],
  ])('a core that %s', async (_what, breakIt, beginning, budget) => {
    breakIt()
    await finds(beginning, budget, [])
  })

  test('the same schedule for the same seed', async () => {
    const flaws: ReadonlySet<Flaw> = new Set(['forgets-writers'])
    const [one, two] = await Promise.all([7, 7].map((seed) => sampled(seed, flaws)))
    expect(one).toBeDefined()
    expect(two).toEqual(one)
  })

  const sampled = async (seed: number, flaws: ReadonlySet<Flaw>): Promise<unknown> =>
    (await sample('warm', { ...two, operations: 4 }, { memory: new NodeMemory(), flaws }, seed, 500)).found
})
