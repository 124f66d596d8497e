import type { Adjustments } from '../cache/adjustments'
import type { Cache } from '../cache/cache'
import { besideFlight } from '../cache/current-flight'
import type { LoadRequest } from '../cache/tier'
import type { Write } from '../cache/writes'
import { isCacheError } from '../kernel/errors'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { Invocation, type WarmCall } from './invocation'
import { isPassedOn, keysOfRead } from './keys-of-read'
import type { Plan, Planned } from './plan'
import { followsError, isVetoed, keyOf, keysOf, type Outcome, passes, statesKey, tagsOf, termsOf } from './questions'
import { readMany } from './read-many'
import { isGathered, readTogether } from './read-together'
import { writeBehind } from './write-behind'

/*
 * The fixed order of effects, whatever the order of the decorators:
 *
 *   1. evicts marked `before`
 *   2. lookup: condition, then key; a hit is the answer and nothing else happens
 *   3. the method, once
 *   4. puts: unless, then key
 *   5. other evicts
 *
 * An error of the method goes to the caller and skips 4 and 5, except evicts whose `afterError` means it. Where a put takes part the method always runs, and what
 * the reads of the same method had no entry for is put too.
 */

/**
 * Runs one call of a decorated method by its plan.
 *
 * @param warm what the call is made for, if not for its answer
 * @throws (or rejects with) CW_KEY_UNSUPPORTED, and what the method throws
 */
export function intercept(
  plan: Plan,
  method: DecoratedMethod,
  self: unknown,
  args: readonly unknown[],
  warm?: WarmCall,
): Promise<unknown> {
  const { shortest, single } = plan
  if (shortest !== undefined && !shortest.planned.manager.isClosed) {
    const { planned, cache } = shortest
    // The path that must cost least: a hit makes nothing but its key.
    const key = planned.keyOfArguments(cache.parts.keys, args)
    return cache.parts.tiers.loads.hit(key) ?? readOne(planned, cache, new Invocation(method, self, args, warm))
  }
  if (plan.behind !== undefined) return writeBehind(plan.behind, method, self, args)
  const invocation = new Invocation(method, self, args, warm)
  if (isClosed(plan)) return invocation.direct()
  if (plan.many !== undefined) return readMany(plan.many, method, self, invocation)
  if (plan.together !== undefined && isGathered(self, args)) {
    return readTogether(plan.together, method, self, invocation)
  }
  if (single === undefined) return inOrder(plan, invocation)
  const [cache] = single.caches as readonly [Cache]
  // A key function, and the function that names the partition, may fail without failing the call.
  return readOne(single, cache, invocation)
}

/** After `close()` the method runs as if it were not decorated. */
function isClosed({ single, operations }: Plan): boolean {
  return single === undefined ? operations.every(({ manager }) => manager.isClosed) : single.manager.isClosed
}

function readOne(single: Planned, cache: Cache, invocation: Invocation): Promise<unknown> {
  return readThrough(lookupIn(cache, single, invocation), invocation)
}

async function inOrder(plan: Plan, invocation: Invocation): Promise<unknown> {
  const takesPart = (planned: Planned): boolean => !planned.manager.isClosed && passes(planned, invocation)
  const targetsOf = (operations: readonly Planned[]): Target[] =>
    operations.filter(takesPart).flatMap((planned) => planned.caches.map((cache) => target(planned, cache, invocation)))
  await evict(targetsOf(plan.evictsBefore), invocation)
  const puts = targetsOf(plan.puts)
  const reads = plan.reads.filter(takesPart)
  const evictsAfter = targetsOf(plan.evictsAfter)
  const evictsAfterError = evictsAfter.filter(({ planned }) => planned.operation.afterError !== false)
  if (evictsAfterError.length > 0) {
    invocation.whenFailed((error) =>
      evict(
        evictsAfterError.filter(({ planned }) => followsError(planned, invocation, error)),
        invocation,
      ),
    )
  }
  if (puts.length === 0) {
    // With the call of the method, not with this caller's wait for it: who else waits relies on them too.
    if (evictsAfter.length > 0) invocation.whenDone((result) => evict(evictsAfter, invocation, { result }))
    const result = await read(reads, invocation)
    if (invocation.failure !== undefined) throw invocation.failure.error
    return result
  }
  const readTargets = reads.flatMap((planned) => planned.caches.map((cache) => target(planned, cache, invocation)))
  return write([...puts, ...readTargets], invocation, (result) => evict(evictsAfter, invocation, { result }))
}

/** Ends what was begun, whatever becomes of each part of it. @throws what the first of those that failed throws */
async function allOf(parts: readonly Promise<unknown>[]): Promise<void> {
  const ends = await Promise.allSettled(parts)
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/** What an operation does in one of its caches. */
interface Target {
  readonly planned: Planned
  readonly cache: Cache
  /** The key, where the arguments alone make it. */
  readonly argumentKey: string | undefined
  /** The keys of the read that an evict names, where the arguments alone make them. */
  readonly argumentKeys: readonly string[] | undefined
}

/**
 * Finds the key before the method is called, where that can be done: arguments that cannot be a key must be refused
 * while nothing has happened yet. A key function is asked afterwards, for it may read what the method sets.
 */
function target(planned: Planned, cache: Cache, invocation: Invocation): Target {
  if (planned.read !== undefined) {
    const argumentKeys = isPassedOn(planned) ? keysOfRead(planned, cache, invocation) : undefined
    return { planned, cache, argumentKey: undefined, argumentKeys }
  }
  const byArguments =
    !statesKey(planned) &&
    !planned.operation.allEntries &&
    (planned.operation.kind !== 'evict' || planned.operation.tags === undefined)
  const argumentKey = byArguments ? keyOf(planned, cache, invocation) : undefined
  return { planned, cache, argumentKey, argumentKeys: undefined }
}

async function read(reads: readonly Planned[], invocation: Invocation): Promise<unknown> {
  const lookups = reads.flatMap((planned) => planned.caches.flatMap((cache) => lookupIn(cache, planned, invocation)))
  return readThrough(lookups, invocation)
}

/** Asks the caches one after the other; the next is the loader of the one before, and the method that of the last. */
function readThrough(lookups: readonly LookupIn[], invocation: Invocation): Promise<unknown> {
  const from = (index: number, signal: AbortSignal | undefined, adjustments?: Adjustments): Promise<unknown> => {
    const lookup = lookups[index]
    if (adjustments !== undefined) adjustments.isElsewhere = lookup !== undefined
    if (lookup === undefined) {
      return index === 0 ? besideFlight(() => invocation.proceed(signal)) : invocation.proceed(signal)
    }
    const { cache, key, planned } = lookup
    const load: LoadRequest['load'] = (next, its) => from(index + 1, next, its)
    const terms = termsOf(planned, cache, invocation)
    const { tiers } = cache.parts
    const tagged = tiers.isTagged(planned.operation.tags !== undefined)
    // What one cache answers with instead of an error the next would take for a value.
    const fallback = index === 0 ? terms.fallback : () => undefined
    return tiers.loads.read({ key, load, terms: { ...terms, fallback }, tagged, call: invocation }, signal)
  }
  return from(0, invocation.signal)
}

interface LookupIn {
  readonly cache: Cache
  readonly key: string
  readonly planned: Planned
}

function lookupIn(cache: Cache, planned: Planned, invocation: Invocation): LookupIn[] {
  const key = keyOf(planned, cache, invocation)
  return key === undefined ? [] : [{ cache, key, planned }]
}

/** Calls the method and puts its result where the puts say, and where a read of the same method has no entry. */
async function write(
  targets: readonly Target[],
  invocation: Invocation,
  then: (result: unknown) => Promise<void>,
): Promise<unknown> {
  const writes: Write[] = await Promise.all(
    targets.map(({ cache, planned }) => {
      const { tiers } = cache.parts
      return tiers.writes.begin(tiers.isTagged(planned.operation.tags !== undefined))
    }),
  )
  try {
    const result = await besideFlight(() => invocation.proceed())
    const written = new Map<Cache, Set<string>>()
    const putting = allOf(
      targets.map(async (its, index) => {
        const { planned, cache } = its
        if (planned.operation.keys !== undefined) return putMany(its, invocation, result, writes[index]!)
        if (isVetoed(planned, invocation, result)) return
        const key = keyAfter(its, invocation, { result })
        if (key === undefined) return
        // Several operations may mean one entry; the first of them has it.
        const keys = written.get(cache) ?? new Set<string>()
        if (keys.has(key)) return
        written.set(cache, keys.add(key))
        const { tiers } = cache.parts
        if (planned.operation.kind === 'read' && (await tiers.holds(key))) return
        await tiers.writes.put([{ key, value: result }], termsOf(planned, cache, invocation), writes[index]!)
      }),
    )
    // What the method has changed is evicted also if its value could not be put, and that fails the call.
    await allOf([putting, putting.catch(() => {}).then(() => then(result))])
    return result
  } finally {
    for (const [index, { cache }] of targets.entries()) cache.parts.tiers.writes.end(writes[index]!)
  }
}

async function evict(targets: readonly Target[], invocation: Invocation, outcome?: Outcome): Promise<void> {
  await allOf(
    targets.map(async (its) => {
      const { planned, cache } = its
      const { operation, manager, namesCache } = planned
      if (outcome !== undefined && isVetoed(planned, invocation, outcome.result)) return
      if (operation.allEntries) return cache.clear()
      const tags = operation.tags === undefined ? undefined : tagsOf(planned, invocation, invocation.args)
      // Without a cache to look in, a tag means its carriers wherever they are.
      const tagging =
        tags !== undefined && tags.length > 0
          ? namesCache
            ? cache.evictTags(tags)
            : manager.evictTags(tags)
          : undefined
      const { evictions } = cache.parts.tiers
      const evictKey = async (): Promise<void> => {
        const keys = keysAfter(its, invocation, outcome)
        if (keys.length > 0) await (operation.expire ? evictions.expire(keys) : evictions.evict(keys))
      }
      await allOf([tagging, evictKey()].filter((part) => part !== undefined))
    }),
  )
}

/** Puts the values that the method returned under as many keys; nothing, and reported, if there are not as many. */
async function putMany(
  { planned, cache }: Target,
  invocation: Invocation,
  result: unknown,
  write: Write,
): Promise<void> {
  const keys = keysOf(planned, cache, invocation)
  if (keys === undefined) return
  if (!Array.isArray(result) || result.length !== keys.length) {
    const got = Array.isArray(result) ? `${result.length} values` : 'no array'
    return invocation.skip(planned, `for ${keys.length} keys the method returned ${got}.`)
  }
  const puts = keys
    .map((key, index) => ({ key, value: result[index] as unknown }))
    .filter(({ value }) => !isVetoed(planned, invocation, value))
  await cache.parts.tiers.writes.put(puts, termsOf(planned, cache, invocation), write)
}

/** The keys that an evict removes. */
function keysAfter(its: Target, invocation: Invocation, outcome?: Outcome): readonly string[] {
  const { planned, cache, argumentKeys } = its
  if (planned.operation.keys !== undefined) return keysOf(planned, cache, invocation) ?? []
  if (planned.read !== undefined) {
    return argumentKeys ?? afterwards(planned, invocation, () => keysOfRead(planned, cache, invocation, outcome)) ?? []
  }
  const key = keyAfter(its, invocation, outcome)
  return key === undefined ? [] : [key]
}

function keyAfter(
  { planned, cache, argumentKey }: Target,
  invocation: Invocation,
  outcome?: Outcome,
): string | undefined {
  if (argumentKey !== undefined || !statesKey(planned)) return argumentKey
  return afterwards(planned, invocation, () => keyOf(planned, cache, invocation, outcome))
}

/** What is asked at a time when the method may have run: what is wrong with a key now must not hide that it has. */
function afterwards<Answer>(planned: Planned, invocation: Invocation, ask: () => Answer): Answer | undefined {
  try {
    return ask()
  } catch (error) {
    if (!isCacheError(error)) throw error
    invocation.skip(planned, error.message, error)
    return undefined
  }
}
