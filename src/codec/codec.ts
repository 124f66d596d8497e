import { describeThrown } from '../kernel/describe'
import { type CacheError, cacheError, isCacheError } from '../kernel/errors'
import type { TypeRegistry } from '../kernel/registered-types'
import type { Snapshot } from './snapshot'
import { readTypedJson } from './typed-json-reader'
import { writeTypedJson } from './typed-json-writer'

/** A value as bytes, and which of the codec's formats they are in. */
export interface EncodedValue {
  readonly format: number
  readonly payload: Buffer
}

/** Turns values into bytes and back. */
export interface Codec {
  /** Throws `CW_VALUE_UNSUPPORTED` or `CW_VALUE_TOO_LARGE` and nothing else. */
  encode(snapshot: Snapshot): EncodedValue
  /** A fresh value that nobody else holds. Throws `CW_ENTRY_UNREADABLE` and nothing else, whatever the bytes. */
  decode(format: number, payload: Buffer): unknown
  /** Whether what is decoded from this format is what `JSON.parse` makes, and nothing else is done to it. */
  isPlain(format: number): boolean
}

// Stored with every entry: a number is never given another meaning.
const plainJson = 0
const typedJson = 1

/** The codec of a manager: plain JSON for what JSON carries exactly, typed JSON for the rest. */
export function createCodec(types: TypeRegistry): Codec {
  return {
    encode(snapshot) {
      try {
        const text = snapshot.plain ? JSON.stringify(snapshot.value) : writeTypedJson(snapshot.value, types)
        return { format: snapshot.plain ? plainJson : typedJson, payload: Buffer.from(text, 'utf8') }
      } catch (error) {
        throw isCacheError(error) ? error : notEncoded(error)
      }
    },
    decode(format, payload) {
      try {
        if (format === plainJson) return JSON.parse(payload.toString('utf8'))
        if (format === typedJson) return readTypedJson(payload.toString('utf8'), types)
      } catch (error) {
        throw cacheError('CW_ENTRY_UNREADABLE', `The stored value cannot be read: ${reasonOf(error)}.`, error)
      }
      throw cacheError(
        'CW_ENTRY_UNREADABLE',
        `The stored value is in format ${format}, which this version does not know.`,
      )
    },
    isPlain: (format) => format === plainJson,
  }
}

function notEncoded(error: unknown): CacheError {
  return error instanceof RangeError && error.message.includes('string length')
    ? cacheError('CW_VALUE_TOO_LARGE', 'The value is too large to be written as one string; return less.', error)
    : cacheError(
        'CW_VALUE_UNSUPPORTED',
        `Cannot cache this value: it could not be written (${reasonOf(error)}).`,
        error,
      )
}

// What was thrown may come from a `decode` of the program, which can throw anything.
function reasonOf(error: unknown): string {
  try {
    return describeThrown(error)
  } catch {
    return 'unknown reason'
  }
}
