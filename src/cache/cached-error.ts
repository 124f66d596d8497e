import { blankError } from '../codec/error-parts'
import type { Isolation } from './isolation'

/*
 * An error that is kept as an answer is thrown many times, and each who catches it may do with it as he likes: add to
 * its message, wrap it, log it. So each gets a copy, of the same class and with what it carries, whose stack shows his own
 * call first and then where the error was first thrown.
 */

/**
 * A copy of an error, or of whatever was thrown, for one who may change it. What its fields refer to is kept apart as
 * values are; what cannot be copied is shared.
 */
export function copyError(error: unknown, isolation: Isolation): unknown {
  if (!(error instanceof Error)) return apart(error, isolation)
  const copy = blankError(Object.getPrototypeOf(error) as object)
  const descriptors = Object.getOwnPropertyDescriptors(error) as Record<PropertyKey, PropertyDescriptor>
  for (const name of Reflect.ownKeys(descriptors)) {
    const its = descriptors[name]!
    const isRead = 'value' in its || name === 'stack'
    // Of a frozen error too there must be copies that can be given a stack.
    const here = isRead ? { value: apart(fieldOf(error, name), isolation), writable: true } : its
    Object.defineProperty(copy, name, { ...here, enumerable: its.enumerable ?? false, configurable: true })
  }
  return copy
}

/** What is thrown for an error that is kept: a copy with the stack of this call. */
export function thrownAgain(kept: unknown, isolation: Isolation): unknown {
  const copy = copyError(kept, isolation)
  if (!(copy instanceof Error)) return copy
  const first = String(copy.stack)
  const here: { stack?: string } = {}
  Error.captureStackTrace(here, thrownAgain)
  const frames = String(here.stack).split('\n').slice(1).join('\n')
  const stack = `${headOf(first)}\n${frames}\n  kept from: ${first}`
  Object.defineProperty(copy, 'stack', { value: stack, configurable: true, writable: true })
  return copy
}

function fieldOf(error: Error, name: PropertyKey): unknown {
  return (error as unknown as Record<PropertyKey, unknown>)[name]
}

function apart(value: unknown, isolation: Isolation): unknown {
  if (typeof value !== 'object' || value === null) return value
  try {
    return isolation.give(isolation.hold(value).held)
  } catch {
    return value
  }
}

/** The lines above the frames. */
function headOf(stack: string): string {
  const frames = stack.search(/\n\s+at /)
  return frames < 0 ? stack : stack.slice(0, frames)
}
