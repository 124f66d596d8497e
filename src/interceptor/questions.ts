import type { Cache } from '../cache/cache'
import { checkTags } from '../cache/check-tags'
import type { Terms } from '../cache/tier'
import { cacheError, isCacheError } from '../kernel/errors'
import { show } from '../kernel/options'
import { versionText } from '../kernel/version'
import { keyFromFunction } from '../key/key-generator'
import { isMeant } from '../policies/error-filter'
import { isNothing, lifeOfResult } from '../policies/negative'
import type { Invocation } from './invocation'
import type { Planned, PlannedLife } from './plan'

/*
 * What an operation asks of the functions that users gave it. A function that throws takes its operation out of the
 * call and nothing else.
 */

/** What the method returned. */
export interface Outcome {
  readonly result: unknown
}

/** Whether the operation says what its key is. */
export function statesKey({ operation }: Planned): boolean {
  return operation.key !== undefined || operation.resultKey !== undefined || operation.keys !== undefined
}

/** Whether the operation takes part in this call. */
export function passes(planned: Planned, invocation: Invocation): boolean {
  const { condition } = planned.operation
  if (condition === undefined) return true
  return Boolean(invocation.ask(planned, 'condition', () => condition(...invocation.args))?.value)
}

/** Whether the operation leaves this result out. */
export function isVetoed(planned: Planned, invocation: Invocation, result: unknown): boolean {
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
export function keyOf(planned: Planned, cache: Cache, invocation: Invocation, outcome?: Outcome): string | undefined {
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

/** The encoded keys of an operation on many entries; undefined, and reported, if they cannot be made. */
export function keysOf(planned: Planned, cache: Cache, invocation: Invocation): readonly string[] | undefined {
  const { operation } = planned
  const where = `${operation.decorator} of ${invocation.where}`
  return invocation.ask(planned, 'keys', () => {
    const listed = operation.keys!(...invocation.args)
    if (!Array.isArray(listed))
      throw cacheError('CW_OPTION_INVALID', `it must answer with an array, got ${show(listed)}`)
    return listed.map((parts) => keyFromFunction(cache.parts.keys, parts, where))
  })?.value
}

/** On what terms a result is kept. */
export function termsOf(planned: Planned, cache: Cache, invocation: Invocation): Terms {
  const { operation, lives } = planned
  const { ttlMs, policies } = lives.get(cache)!
  return {
    ttlMs,
    ttlJitter: cache.parts.ttlJitter,
    policies,
    ifKept: (value) => {
      if (operation.kind === 'read' && isVetoed(planned, invocation, value)) return undefined
      const args = [value, ...invocation.args]
      const tags = tagsOf(planned, invocation, args)
      if (tags === undefined) return undefined
      const life = lifeOf(planned, invocation, args, { ttlMs, policies })
      const { version } = operation
      if (life === undefined || version === undefined) return life && { tags, ttlMs: life.value }
      const told = invocation.ask(planned, 'version', () => versionText(version(...args)))
      return told && { tags, ttlMs: life.value, version: told.value }
    },
    ifErrorKept: (error) => {
      const { cacheErrors } = policies
      if (cacheErrors === undefined) return undefined
      const isKept = invocation.ask(planned, 'cacheErrors', () => isMeant(error, cacheErrors))?.value
      return isKept ? (operation.fixedTags ?? noTags) : undefined
    },
    isStrict: invocation.isStrict,
    fallback: (error) => {
      const fallback = invocation.isStrict ? undefined : operation.fallback
      return fallback && invocation.ask(planned, 'fallback', () => fallback(error, ...invocation.args))
    },
  }
}

/** How long a result lives; undefined, and reported, if that cannot be said. */
function lifeOf(
  planned: Planned,
  invocation: Invocation,
  args: readonly unknown[],
  { ttlMs, policies }: PlannedLife,
): { readonly value: number } | undefined {
  const { negative = isNothing } = planned.operation
  if (policies.negativeTtlMs === undefined) return { value: ttlMs }
  return invocation.ask(planned, 'negative', () =>
    lifeOfResult(Boolean(negative(...(args as [unknown]))), ttlMs, policies.negativeTtlMs),
  )
}

/** Whether an evict happens although the method failed. */
export function followsError(planned: Planned, invocation: Invocation, error: unknown): boolean {
  const { afterError } = planned.operation
  if (typeof afterError === 'boolean') return afterError
  return invocation.ask(planned, 'afterError', () => isMeant(error, afterError))?.value ?? false
}

/** The tags an operation names; undefined, and reported, if it names none because its function failed. */
export function tagsOf(
  planned: Planned,
  invocation: Invocation,
  args: readonly unknown[],
): readonly string[] | undefined {
  const { tags } = planned.operation
  if (tags === undefined) return noTags
  return invocation.ask(planned, 'tags', () => {
    const named = tags(...args)
    checkTags(named, '`tags`')
    return named
  })?.value
}

const noTags: readonly string[] = Object.freeze([])
