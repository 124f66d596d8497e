import { type Cache, checkTags } from '../cache/cache'
import type { Terms } from '../cache/tier'
import { isCacheError } from '../kernel/errors'
import { versionText } from '../kernel/version'
import { keyFromFunction } from '../key/key-generator'
import type { Invocation } from './invocation'
import type { Planned } from './plan'

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
  return operation.key !== undefined || operation.resultKey !== undefined
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

/** On what terms a result is kept. */
export function termsOf(planned: Planned, cache: Cache, invocation: Invocation): Terms {
  return {
    ttlMs: planned.ttlMs ?? cache.parts.ttlMs,
    ttlJitter: cache.parts.ttlJitter,
    refreshAhead: planned.operation.refreshAhead ?? cache.parts.refreshAhead,
    ifKept: (value) => {
      if (planned.operation.kind === 'read' && isVetoed(planned, invocation, value)) return undefined
      const args = [value, ...invocation.args]
      const tags = tagsOf(planned, invocation, args)
      const { version } = planned.operation
      if (tags === undefined || version === undefined) return tags && { tags }
      return invocation.ask(planned, 'version', () => ({ tags, version: versionText(version(...args)) }))?.value
    },
  }
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
