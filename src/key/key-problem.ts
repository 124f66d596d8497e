import { type CacheError, cacheError } from '../kernel/errors'

/** Where an unusable part of a key came from: an argument of the call, or what the user's own function returned. */
export type KeySource = 'argument' | 'key' | 'partition'

/**
 * Why a value cannot stand in a key. Internal: {@link keyUnsupported} turns it into the error a user sees, which also
 * names the class and the method.
 */
export class KeyProblem extends Error {
  /** The position in the list of parts, from 0. */
  index = 0
  /** The way from that part to the offending value, such as `.filter.callback`; empty when it is the part itself. */
  path = ''
  /** Reads on after "cannot be part of a cache key: ". */
  readonly reason: string
  /** The class to be registered, where that would help. */
  readonly unregistered: string | undefined

  constructor(reason: string, details: { readonly unregistered?: string; readonly cause?: unknown } = {}) {
    super(reason, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = 'KeyProblem'
    this.reason = reason
    this.unregistered = details.unregistered
  }
}

/**
 * The problem as seen from one level further out. Anything else thrown on the way down came from the value itself: a
 * getter, a proxy trap, a detached buffer.
 */
export function problemAt(error: unknown, segment: string): KeyProblem {
  const problem = error instanceof KeyProblem ? error : new KeyProblem('reading it throws', { cause: error })
  problem.path = segment + problem.path
  return problem
}

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u
const longestPath = 120

/** How a property is written in a {@link KeyProblem.path}. */
export function propertySegment(name: string): string {
  return identifier.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}

/** The error for a user: which part of which call, why, and what to do instead. `where` is `Class.method` or a cache. */
export function keyUnsupported(problem: KeyProblem, where: string, source: KeySource): CacheError {
  const { path } = problem
  const shown = path.length > longestPath ? `${path.slice(0, longestPath)}…` : path
  const part = `${partName(problem.index, source)}${shown === '' ? '' : ` (${shown})`}`
  const message = `${where}: ${part} cannot be part of a cache key: ${problem.reason}. ${remedy(problem, source)}`
  return cacheError('CW_KEY_UNSUPPORTED', message, problem.cause)
}

function partName(index: number, source: KeySource): string {
  if (source === 'argument') return `parameter ${index + 1}`
  return source === 'key' ? `part ${index + 1} of the key` : 'what `partition` returned'
}

function remedy({ unregistered }: KeyProblem, source: KeySource): string {
  const advice =
    source === 'argument'
      ? 'leave it out with @CacheIgnore(), or pick what identifies the call with @CacheKey() or `key`.'
      : 'use strings, numbers, dates, or arrays and plain objects of them.'
  if (unregistered !== undefined) return `List ${unregistered} in the manager's \`types\` option, ${advice}`
  return advice.charAt(0).toUpperCase() + advice.slice(1)
}
