import { Cacheable, CacheableMany, CacheEvict, type CacheManager, CachePut } from 'cachewright'
import type { ManualClock } from 'cachewright/testing'
import fc from 'fast-check'

/*
 * Reads of lists held against a plain model: a map of what is cached, and of each call the ids that the source has to be
 * asked for. Used in one process and over Redis.
 */

interface Row {
  readonly id: number
  readonly version: number
}

// No sum of the steps below comes near it.
const ttlMs = 10_700
const maxBatch = 3

// After each write more time passes than a copy is believed for: nothing depends on how fast the feed tells of it.
const maxStalenessMs = 1_000
const settleMs = 1_001

/** The options of a manager that stories are played with. */
export const terms = { defaults: { ttl: ttlMs }, maxStaleness: maxStalenessMs }

/** What the methods read: rows that come and go and change, and some that cannot be read. */
class Source {
  readonly #versions = new Map<number, number>()
  failing = new Set<number>()
  /** The ids of each call. */
  asked: number[][] = []

  row(id: number): Row | undefined {
    const version = this.#versions.get(id) ?? (id % 4 === 3 ? undefined : 0)
    return version === undefined || version < 0 ? undefined : { id, version }
  }

  change(id: number, isGone: boolean): Row {
    const version = Math.abs(this.#versions.get(id) ?? 0) + 1
    this.#versions.set(id, isGone ? -version : version)
    return { id, version }
  }

  /** As a statement does: the first row that cannot be read fails all of it. */
  read(ids: readonly number[]): Row[] {
    this.asked.push([...ids])
    for (const id of ids) if (this.failing.has(id)) throw failureOf(id)
    // In no order of the caller's, and nothing for what there is not.
    return [...ids].sort((one, other) => other - one).flatMap((id) => this.row(id) ?? [])
  }
}

function failureOf(id: number): Error {
  return new Error(`row ${id} cannot be read`)
}

function serviceOf(source: Source, manager: CacheManager) {
  const of = { manager, cache: 'rows' } as const
  class Rows {
    @CacheableMany({ ...of, idOf: (row: Row) => row.id })
    async named(ids: readonly number[]): Promise<Row[]> {
      return source.read(ids)
    }

    @CacheableMany(of)
    async placed(ids: readonly number[]): Promise<(Row | null | Error)[]> {
      source.asked.push([...ids])
      return ids.map((id) => (source.failing.has(id) ? failureOf(id) : (source.row(id) ?? null)))
    }

    @CacheableMany({ ...of, map: true })
    async mapped(ids: readonly number[]): Promise<Map<number, Row>> {
      return new Map(source.read(ids).map((row) => [row.id, row]))
    }

    @CacheableMany({ ...of, map: true, cacheAbsent: null, maxBatch })
    async bounded(ids: readonly number[]): Promise<Map<number, Row>> {
      return this.mappedNow(ids)
    }

    @Cacheable(of)
    async one(id: number): Promise<Row | null> {
      return source.read([id])[0] ?? null
    }

    @Cacheable({ ...of, loadMany: 'bounded' })
    async gathered(_id: number): Promise<Row | null> {
      throw new Error('called for one')
    }

    @CachePut({ ...of, key: (id) => id })
    async save(id: number): Promise<Row> {
      return source.change(id, false)
    }

    @CachePut({ ...of, keys: (ids: readonly number[]) => ids })
    async saveAll(ids: readonly number[]): Promise<Row[]> {
      return ids.map((id) => source.change(id, false))
    }

    @CacheEvict(of)
    async remove(id: number): Promise<void> {
      source.change(id, true)
    }

    @CacheEvict({ ...of, keys: (ids: readonly number[]) => ids })
    async removeAll(ids: readonly number[]): Promise<void> {
      for (const id of ids) source.change(id, true)
    }

    mappedNow(ids: readonly number[]): Map<number, Row> {
      return new Map(source.read(ids).map((row) => [row.id, row]))
    }
  }
  return new Rows()
}

type Rows = ReturnType<typeof serviceOf>

const lists = ['named', 'placed', 'mapped', 'bounded'] as const
type ListRead = (typeof lists)[number]

/** What is done in one step; `who` is the process, where there are several. */
export type Step = { readonly who: number } & (
  | { readonly act: ListRead; readonly ids: readonly number[] }
  | { readonly act: 'gathered' | 'beside'; readonly ids: readonly number[] }
  | { readonly act: 'one' | 'save' | 'remove'; readonly id: number }
  | { readonly act: 'saveAll' | 'removeAll'; readonly ids: readonly number[] }
  | { readonly act: 'change'; readonly id: number; readonly isGone: boolean }
  | { readonly act: 'fail'; readonly ids: readonly number[] }
  | { readonly act: 'wait'; readonly ms: number }
)

const id = fc.integer({ min: 0, max: 7 })
const ids = fc.array(id, { minLength: 1, maxLength: 10 })
const who = fc.integer({ min: 0, max: 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ who, act: fc.constantFrom(...lists, 'gathered', 'beside'), ids }) },
  { weight: 3, arbitrary: fc.record({ who, act: fc.constantFrom('one', 'save', 'remove'), id }) },
  {
    weight: 2,
    arbitrary: fc.record({
      who,
      act: fc.constantFrom('saveAll', 'removeAll'),
      ids: fc.uniqueArray(id, { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ who, act: fc.constant('change'), id, isGone: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ who, act: fc.constant('fail'), ids: fc.uniqueArray(id, { maxLength: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ who, act: fc.constant('wait'), ms: fc.constant(3_500) }) },
) as fc.Arbitrary<Step>

/** Sequences of steps. */
export const story = fc.array(step, { minLength: 1, maxLength: 40 })

/** Plays a story in processes that share a cache and holds each answer, and what the source was asked for, against the model. */
export async function play(
  steps: readonly Step[],
  clock: ManualClock,
  processes: readonly CacheManager[],
): Promise<void> {
  const source = new Source()
  const services = processes.map((manager) => serviceOf(source, manager))
  const model = new Model(source, clock)
  for (const its of steps) {
    source.asked = []
    // Writes that follow each other within a millisecond in two processes may leave nothing: one process does all of them.
    const who =
      its.act === 'save' || its.act === 'saveAll' || its.act === 'remove' || its.act === 'removeAll' ? 0 : its.who
    await perform(its, services[who % services.length]!, source, model, clock)
  }
}

/** What is cached, and until when. */
class Model {
  readonly #cached = new Map<number, { readonly value: Row | null; readonly expiresAt: number }>()

  constructor(
    private readonly source: Source,
    private readonly clock: ManualClock,
  ) {}

  has(id: number): boolean {
    const its = this.#cached.get(id)
    return its !== undefined && this.clock.now() < its.expiresAt
  }

  /** The value of one that is cached. */
  valueOf(id: number): Row | null {
    return this.#cached.get(id)!.value
  }

  keep(id: number, value: Row | null): void {
    this.#cached.set(id, { value, expiresAt: this.clock.now() + ttlMs })
  }

  drop(id: number): void {
    this.#cached.delete(id)
  }

  missing(ids: readonly number[]): number[] {
    return [...new Set(ids)].filter((id) => !this.has(id))
  }

  /** What a list read does: the calls it makes, what it keeps of them, and what it answers with, or that it fails. */
  read(
    act: ListRead,
    ids: readonly number[],
  ): { readonly calls: number[][]; readonly values: Map<number, Row | null> | undefined } {
    const missing = this.missing(ids)
    const calls = act === 'bounded' ? chunks(missing) : missing.length === 0 ? [] : [missing]
    const values = new Map([...new Set(ids)].filter((id) => this.has(id)).map((id) => [id, this.valueOf(id)]))
    let hasFailed = false
    for (const call of calls) {
      const failed =
        act === 'placed'
          ? call.filter((id) => this.source.failing.has(id))
          : call.some((id) => this.source.failing.has(id))
            ? call
            : []
      hasFailed ||= failed.length > 0
      for (const id of call) {
        if (failed.includes(id)) continue
        const row = this.source.row(id) ?? null
        values.set(id, row)
        if (row !== null || act === 'placed' || act === 'bounded') this.keep(id, row)
      }
    }
    return { calls, values: hasFailed ? undefined : values }
  }
}

async function perform(its: Step, rows: Rows, source: Source, model: Model, clock: ManualClock): Promise<void> {
  switch (its.act) {
    case 'named':
    case 'placed':
    case 'mapped':
    case 'bounded': {
      const { calls, values } = model.read(its.act, its.ids)
      const answer = await outcomeOf(rows[its.act](its.ids))
      expect(answer).toEqual(values === undefined ? expect.any(Error) : answerOf(its.act, its.ids, values))
      expect(source.asked).toEqual(calls)
      return
    }
    case 'gathered': {
      const { calls } = model.read('bounded', its.ids)
      const answers = await Promise.all(its.ids.map((id) => outcomeOf(rows.gathered(id))))
      expect(source.asked).toEqual(calls)
      // Each is told of its own call's failure alone.
      const failed = new Set(calls.filter((call) => call.some((id) => source.failing.has(id))).flat())
      for (const [index, id] of its.ids.entries()) {
        expect(answers[index]).toEqual(failed.has(id) ? expect.any(Error) : model.valueOf(id))
      }
      return
    }
    case 'beside': {
      // Lists and a single one at once: whoever asks first has it asked for, and the others wait.
      source.failing.clear()
      const known = its.ids.filter((id) => source.row(id) !== undefined || model.has(id))
      if (known.length === 0) return
      const missing = model.missing(known)
      for (const id of missing) model.keep(id, source.row(id)!)
      const values = new Map(known.map((id) => [id, model.valueOf(id)]))
      const [named, mapped, one, bounded] = await Promise.all([
        rows.named(known),
        rows.mapped([...known].reverse()),
        rows.one(known[0]!),
        rows.bounded(known),
      ])
      expect(named).toEqual(answerOf('named', known, values))
      expect(mapped).toEqual(answerOf('mapped', known, values))
      expect(bounded).toEqual(answerOf('bounded', known, values))
      expect(one).toEqual(values.get(known[0]!))
      expect(source.asked.flat().sort()).toEqual([...missing].sort())
      return
    }
    case 'one': {
      const isCached = model.has(its.id)
      const answer = await outcomeOf(rows.one(its.id))
      expect(source.asked).toEqual(isCached ? [] : [[its.id]])
      if (!isCached && source.failing.has(its.id)) return expect(answer).toEqual(expect.any(Error))
      if (!isCached) model.keep(its.id, source.row(its.id) ?? null)
      expect(answer).toEqual(model.valueOf(its.id))
      return
    }
    case 'save':
    case 'saveAll': {
      const written = 'id' in its ? [await rows.save(its.id)] : await rows.saveAll(its.ids)
      for (const row of written) model.keep(row.id, row)
      return clock.jump(settleMs)
    }
    case 'remove':
    case 'removeAll': {
      await ('id' in its ? rows.remove(its.id) : rows.removeAll(its.ids))
      for (const id of 'id' in its ? [its.id] : its.ids) model.drop(id)
      return clock.jump(settleMs)
    }
    case 'change':
      return void source.change(its.id, its.isGone)
    case 'fail':
      source.failing = new Set(its.ids)
      return
    case 'wait':
      return clock.jump(its.ms)
  }
}

function answerOf(act: ListRead, ids: readonly number[], values: ReadonlyMap<number, Row | null>): unknown {
  if (act === 'placed') return ids.map((id) => values.get(id))
  const there = ids.filter((id) => (values.get(id) ?? null) !== null)
  return act === 'named' ? there.map((id) => values.get(id)) : new Map(there.map((id) => [id, values.get(id)]))
}

function chunks(ids: readonly number[]): number[][] {
  const found: number[][] = []
  for (let from = 0; from < ids.length; from += maxBatch) found.push(ids.slice(from, from + maxBatch))
  return found
}

function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => error)
}
