import { types } from 'node:util'
import { blankError } from '../codec/error-parts'

/*
 * An error that is kept as an answer is thrown many times, and each who catches it may do with it as he likes: add to
 * its message, wrap it, log it. So each gets a copy, of the same class and with what it carries, whose stack shows his own
 * call first and then where the error was first thrown.
 */

/** A copy of an error, or of whatever was thrown, that shares nothing with it but what its fields refer to. */
export function copyError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const prototype = Object.getPrototypeOf(error) as object
  // What only inherits from errors is none to the language, nor to the codec.
  const copy = types.isNativeError(error) ? blankError(prototype) : (Object.create(prototype) as object)
  return Object.defineProperties(copy, Object.getOwnPropertyDescriptors(error))
}

/** What is thrown for an error that is kept: a copy with the stack of this call. */
export function thrownAgain(kept: unknown): unknown {
  const copy = copyError(kept)
  if (!(copy instanceof Error)) return copy
  const first = String(copy.stack)
  const here: { stack?: string } = {}
  Error.captureStackTrace(here, thrownAgain)
  const frames = String(here.stack).split('\n').slice(1).join('\n')
  const stack = `${headOf(first)}\n${frames}\n  kept from: ${first}`
  Object.defineProperty(copy, 'stack', { value: stack, configurable: true, writable: true })
  return copy
}

/** The lines above the frames. */
function headOf(stack: string): string {
  const frames = stack.search(/\n\s+at /)
  return frames < 0 ? stack : stack.slice(0, frames)
}
