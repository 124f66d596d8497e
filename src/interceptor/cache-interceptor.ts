import type { Cache } from '../cache/cache'
import { checkTags } from '../cache/cache'
import type { Terms } from '../cache/tier'
import type { Write } from '../cache/tiered-cache'
import { isCacheError } from '../kernel/errors'
import { keyFromFunction } from '../key/key-generator'
import type { Invocation } from './invocation'
import type { Plan, Planned } from './plan'

/*
 * The fixed order of effects, whatever the order of the decorators:
 *
 *   1. evicts marked `before`
 *   2. lookup: condition, then key; a hit is the answer and nothing else happens
 *   3. the method, once
 *   4. puts: unless, then key
 *   5. other evicts
 *
 * An error of the method goes to the caller and skips 4 and 5. Where a put takes part the method always runs, and what
 * the reads of the same method had no entry for is put too.
 */

/** Runs one call of a decorated method by its plan. */
export function intercept(plan: Plan, invocation: Invocation): Promise<unknown> {
  return plan.single === undefined || plan.single.manager.isClosed
    ? inOrder(plan, invocation)
    : read([plan.single], invocation)
}

async function inOrder(plan: Plan, invocation: Invocation): Promise<unknown> {
  const takesPart = (planned: Planned): boolean => !planned.manager.isClosed && passes(planned, invocation)
  const targetsOf = (operations: readonly Planned[]): Target[] =>
    operations.filter(takesPart).flatMap((planned) => planned.caches.map((cache) => target(planned, cache, invocation)))
  await evict(targetsOf(plan.evictsBefore), invocation)
  const puts = targetsOf(plan.puts)
  const reads = plan.reads.filter(takesPart)
  const evictsAfter = targetsOf(plan.evictsAfter)
  const result =
    puts.length > 0
      ? await write(
          [...puts, ...reads.flatMap((planned) => planned.caches.map((cache) => target(planned, cache, invocation)))],
          invocation,
        )
      : await read(reads, invocation)
  if (invocation.invoked) await evict(evictsAfter, invocation, { result })
  return result
}

/** What an operation does in one of its caches. */
interface Target {
  readonly planned: Planned
  readonly cache: Cache
  /** The key, where the arguments alone make it. */
  readonly argumentKey: string | undefined
}

/**
 * Finds the key before the method is called, where that can be done: arguments that cannot be a key must be refused
 * while nothing has happened yet. A key function is asked afterwards, for it may read what the method sets.
 */
function target(planned: Planned, cache: Cache, invocation: Invocation): Target {
  const byArguments =
    !statesKey(planned) &&
    !planned.operation.allEntries &&
    (planned.operation.kind !== 'evict' || planned.operation.tags === undefined)
  return { planned, cache, argumentKey: byArguments ? keyOf(planned, cache, invocation) : undefined }
}

/** Asks the caches one after the other; the next is the loader of the one before, and the method that of the last. */
async function read(reads: readonly Planned[], invocation: Invocation): Promise<unknown> {
  const lookups = reads.flatMap((planned) => planned.caches.flatMap((cache) => lookupIn(cache, planned, invocation)))
  const from = (index: number, signal: AbortSignal | undefined): Promise<unknown> => {
    const lookup = lookups[index]
    if (lookup === undefined) return invocation.proceed(signal)
    const { cache, key, planned } = lookup
    const load = (next: AbortSignal): Promise<unknown> => from(index + 1, next)
    const terms = termsOf(planned, cache, invocation)
    return cache.parts.tiers.read({ key, load, terms, tagged: planned.operation.tags !== undefined }, signal)
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
async function write(targets: readonly Target[], invocation: Invocation): Promise<unknown> {
  const writes: Write[] = await Promise.all(targets.map(({ cache }) => cache.parts.tiers.beginWrite()))
  try {
    const result = await invocation.proceed()
    await Promise.all(
      targets.map(async (its, index) => {
        const { planned, cache } = its
        if (isVetoed(planned, invocation, result)) return
        const key = keyAfter(its, invocation, { result })
        if (key === undefined) return
        const { tiers } = cache.parts
        if (planned.operation.kind === 'read' && (await tiers.lookup(key)).found) return
        await tiers.put([{ key, value: result }], termsOf(planned, cache, invocation), writes[index]!)
      }),
    )
    return result
  } finally {
    for (const [index, { cache }] of targets.entries()) cache.parts.tiers.endWrite(writes[index]!)
  }
}

interface Outcome {
  readonly result: unknown
}

async function evict(targets: readonly Target[], invocation: Invocation, outcome?: Outcome): Promise<void> {
  await Promise.all(
    targets.map(async (its) => {
      const { planned, cache } = its
      const { operation, manager, namesCache } = planned
      if (outcome !== undefined && isVetoed(planned, invocation, outcome.result)) return
      if (operation.allEntries) return cache.clear()
      const tags = operation.tags === undefined ? undefined : tagsOf(planned, invocation, invocation.args)
      // Without a cache to look in, a tag means its carriers wherever they are.
      if (tags !== undefined && tags.length > 0) await (namesCache ? cache.evictTags(tags) : manager.evictTags(tags))
      const key = keyAfter(its, invocation, outcome)
      if (key !== undefined) await cache.parts.tiers.evict([key])
    }),
  )
}

/** The key, at a time when the method may have run: what is wrong with it now must not hide that it has. */
function keyAfter(
  { planned, cache, argumentKey }: Target,
  invocation: Invocation,
  outcome?: Outcome,
): string | undefined {
  if (argumentKey !== undefined || !statesKey(planned)) return argumentKey
  try {
    return keyOf(planned, cache, invocation, outcome)
  } catch (error) {
    if (!isCacheError(error)) throw error
    invocation.skip(planned, error.message, error)
    return undefined
  }
}

function statesKey({ operation }: Planned): boolean {
  return operation.key !== undefined || operation.resultKey !== undefined
}

function passes(planned: Planned, invocation: Invocation): boolean {
  const { condition } = planned.operation
  if (condition === undefined) return true
  return Boolean(invocation.ask(planned, 'condition', () => condition(...invocation.args))?.value)
}

function isVetoed(planned: Planned, invocation: Invocation, result: unknown): boolean {
  const { unless } = planned.operation
  if (unless === undefined) return false
  // A veto that cannot be asked is a veto for a value that would be kept, and none for an entry that would be removed.
  const answer = invocation.ask(planned, 'unless', () => unless(result, ...invocation.args))
  return answer === undefined ? planned.operation.kind !== 'evict' : Boolean(answer.value)
}

/**
 * The encoded key, or undefined where the operation has to be skipped.
 *
 * @throws CW_KEY_UNSUPPORTED if arguments, or what a key function returned, cannot be a key: a mistake in the program
 */
function keyOf(planned: Planned, cache: Cache, invocation: Invocation, outcome?: Outcome): string | undefined {
  const { operation, keyOfArguments } = planned
  const { keys } = cache.parts
  try {
    const { key, resultKey } = operation
    if (key === undefined && resultKey === undefined) return keyOfArguments(keys, invocation.args)
    const parts = invocation.ask(planned, key === undefined ? 'resultKey' : 'key', () =>
      key === undefined ? resultKey!(outcome?.result, ...invocation.args) : key(...invocation.args),
    )
    return parts === undefined
      ? undefined
      : keyFromFunction(keys, parts.value, `${operation.decorator} of ${invocation.where}`)
  } catch (error) {
    if (!isCacheError(error) || error.code !== 'CW_FUNCTION_FAILED') throw error
    invocation.skip(planned, error.message, error.cause)
    return undefined
  }
}

function termsOf(planned: Planned, cache: Cache, invocation: Invocation): Terms {
  return {
    ttlMs: planned.ttlMs ?? cache.parts.ttlMs,
    ttlJitter: cache.parts.ttlJitter,
    tagsIfKept: (value) => {
      if (planned.operation.kind === 'read' && isVetoed(planned, invocation, value)) return undefined
      return tagsOf(planned, invocation, [value, ...invocation.args])
    },
  }
}

/** The tags an operation names; undefined, and reported, if it names none because its function failed. */
function tagsOf(planned: Planned, invocation: Invocation, args: readonly unknown[]): readonly string[] | undefined {
  const { tags } = planned.operation
  if (tags === undefined) return noTags
  return invocation.ask(planned, 'tags', () => {
    const named = tags(...args)
    checkTags(named, '`tags`')
    return named
  })?.value
}

const noTags: readonly string[] = Object.freeze([])
