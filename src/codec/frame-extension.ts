import { cacheError } from '../kernel/errors'
import type { FrameHeader } from './frame'

/*
 * What version 2 of a frame has between tags and payload, numbers big-endian:
 *   f64 staleUntil   u8 flags (1: an error; 2: a validator)   u16 validator length, validator
 */
const errorFlag = 1
const validatorFlag = 2
const extensionBytes = 11

/** What version 2 of a frame says beyond version 1. */
export interface Extension {
  /** How many bytes it takes. */
  readonly length: number
  /** Undefined where it is the end of the entry's life. */
  readonly staleUntil: number | undefined
  readonly isError: boolean
  readonly validator: string | undefined
}

/** What holds in version 1. */
export const noExtension: Extension = { length: 0, staleUntil: undefined, isError: false, validator: undefined }

/** Empty where version 1 says it all, so that processes which know no other go on reading most entries. */
export function encodeExtension({ expiresAt, staleUntil, isError, validator }: FrameHeader): Buffer {
  if (staleUntil === expiresAt && !isError && validator === undefined) return Buffer.alloc(0)
  const text = Buffer.from(validator ?? '')
  if (text.length > 0xffff) {
    throw cacheError(
      'CW_VALUE_TOO_LARGE',
      'A validator takes at most 65535 bytes; give a shorter one, such as a digest.',
    )
  }
  const extension = Buffer.alloc(extensionBytes + text.length)
  extension.writeDoubleBE(staleUntil, 0)
  extension[8] = (isError ? errorFlag : 0) | (validator === undefined ? 0 : validatorFlag)
  extension.writeUInt16BE(text.length, 9)
  extension.set(text, extensionBytes)
  return extension
}

/** Undefined if the bytes end before it does. */
export function decodeExtension(bytes: Buffer, at: number): Extension | undefined {
  if (at + extensionBytes > bytes.length) return undefined
  const textAt = at + extensionBytes
  const textEnd = textAt + bytes.readUInt16BE(at + 9)
  if (textEnd > bytes.length) return undefined
  const flags = bytes[at + 8]!
  return {
    length: textEnd - at,
    staleUntil: bytes.readDoubleBE(at),
    isError: (flags & errorFlag) !== 0,
    validator: (flags & validatorFlag) === 0 ? undefined : bytes.toString('utf8', textAt, textEnd),
  }
}
