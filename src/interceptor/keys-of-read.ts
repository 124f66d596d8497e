import type { Cache } from '../cache/cache'
import { describeThrown } from '../kernel/describe'
import { cacheError, isCacheError } from '../kernel/errors'
import { show } from '../kernel/options'
import { keyFromFunction } from '../key/key-generator'
import type { NamedRead } from '../metadata/named-read'
import type { Invocation } from './invocation'
import { ListCall } from './list-call'
import type { Planned } from './plan'
import type { Outcome } from './questions'

/** Whether the keys of the read that an evict names are made of the evict's arguments, and no function of the user is asked. */
export function isPassedOn({ operation, read }: Planned): boolean {
  return operation.args === undefined && operation.resultArgs === undefined && read?.operation.key === undefined
}

/**
 * The encoded keys of the read that an evict names: one, or one for each element where that takes a list. None, and
 * reported, where they cannot be made since a function failed.
 *
 * @throws CW_KEY_UNSUPPORTED if arguments, or what a key function returned, cannot be a key
 */
export function keysOfRead(
  planned: Planned,
  cache: Cache,
  invocation: Invocation,
  outcome?: Outcome,
): readonly string[] {
  const read = planned.read!
  const args = argumentsOfRead(planned, read, invocation, outcome)
  if (args === undefined) return []
  try {
    return [...new Set(callsOf(read, args).map((its) => keyOfRead(planned, read, cache, its)))]
  } catch (error) {
    if (!isCacheError(error) || error.code !== 'CW_FUNCTION_FAILED') throw error
    invocation.skip(planned, error.message, error.cause)
    return []
  }
}

function keyOfRead(
  { keyOfArguments }: Planned,
  { operation, method }: NamedRead,
  { parts: { keys } }: Cache,
  args: readonly unknown[],
): string {
  const { key, decorator } = operation
  if (key === undefined) return keyOfArguments(keys, args)
  const where = `${decorator} of ${method.where}`
  let parts: unknown
  try {
    parts = key(...args)
  } catch (error) {
    throw cacheError('CW_FUNCTION_FAILED', `\`key\` in ${where} threw: ${describeThrown(error)}`, error)
  }
  return keyFromFunction(keys, parts, where)
}

/** What the read is asked for each of its entries. */
function callsOf({ method, operation }: NamedRead, args: readonly unknown[]): readonly (readonly unknown[])[] {
  if (operation.many === undefined) return [args]
  const call = new ListCall(method, operation.many)
  return call.elementsOf(args).map((element) => call.argumentsFor(element, args))
}

function argumentsOfRead(
  planned: Planned,
  { method }: NamedRead,
  invocation: Invocation,
  outcome: Outcome | undefined,
): readonly unknown[] | undefined {
  const { args, resultArgs } = planned.operation
  if (args === undefined && resultArgs === undefined) return invocation.args
  return invocation.ask(planned, args === undefined ? 'resultArgs' : 'args', () => {
    const made = args === undefined ? resultArgs!(outcome?.result, ...invocation.args) : args(...invocation.args)
    if (Array.isArray(made)) return made as readonly unknown[]
    throw cacheError(
      'CW_OPTION_INVALID',
      `it must answer with an array, the arguments of ${method.where}, got ${show(made)}`,
    )
  })?.value
}
