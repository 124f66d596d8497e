import { cacheError } from '../kernel/errors'
import { asParts, type PartsEncoder } from './key-encoder'
import { compilePath } from './key-path'
import { KeyProblem, keyUnsupported } from './key-problem'

/** Which parameters make the key: the marked ones, or all but the ignored ones. */
export interface ParameterSelection {
  readonly keys: readonly { readonly index: number; readonly path: string | undefined }[]
  readonly ignored: readonly number[]
}

/** Makes the encoded key of a call from its arguments. */
export type KeyGenerator = <Key>(encoder: PartsEncoder<Key>, args: readonly unknown[]) => Key

/**
 * A generator for a method whose key is made of its parameters. An AbortSignal says how to wait, not what for:
 * it counts as left out.
 *
 * @param where the method, for messages
 * @throws (the generator) CW_KEY_UNSUPPORTED, naming method and parameter
 */
export function keyFromParameters({ keys, ignored }: ParameterSelection, where: string): KeyGenerator {
  if (keys.length > 0) {
    const picks = keys.map(({ index, path }) => ({ index, read: path === undefined ? identity : compilePath(path) }))
    return (encoder, args) =>
      encode(
        encoder,
        picks.map(({ index, read }) => read(args[index])),
        where,
        (part) => picks[part]!.index,
      )
  }
  if (ignored.length === 0)
    return (encoder, args) => {
      const only = args.length === 1 ? args[0] : undefined
      if (typeof only === 'string' && encoder.encodeLone !== undefined) return encoder.encodeLone(only)
      return encode(encoder, args.some(isSignal) ? args.map(unlessSignal) : args, where, identity)
    }
  const left = new Set(ignored)
  return (encoder, args) => {
    const used = args.map((_, index) => index).filter((index) => !left.has(index))
    return encode(
      encoder,
      used.map((index) => unlessSignal(args[index])),
      where,
      (part) => used[part]!,
    )
  }
}

/** The encoded key of what a user's own key function returned. @throws CW_KEY_UNSUPPORTED, naming the method */
export function keyFromFunction<Key>(encoder: PartsEncoder<Key>, returned: unknown, where: string): Key {
  if (returned instanceof Promise) {
    throw cacheError('CW_KEY_UNSUPPORTED', `${where}: \`key\` returned a promise. A key function answers at once.`)
  }
  try {
    return encoder.encode(asParts(returned))
  } catch (error) {
    throw error instanceof KeyProblem ? keyUnsupported(error, where, 'key') : error
  }
}

function encode<Key>(
  encoder: PartsEncoder<Key>,
  parts: readonly unknown[],
  where: string,
  parameterOf: (part: number) => number,
): Key {
  try {
    return encoder.encode(parts)
  } catch (error) {
    if (!(error instanceof KeyProblem)) throw error
    error.index = parameterOf(error.index)
    throw keyUnsupported(error, where, 'argument')
  }
}

function identity<Value>(value: Value): Value {
  return value
}

// In its place stands what a call without it has there, so that both have one key.
function unlessSignal(value: unknown): unknown {
  return isSignal(value) ? undefined : value
}

function isSignal(value: unknown): value is AbortSignal {
  return value instanceof AbortSignal
}
