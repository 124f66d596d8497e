import { crc32 } from 'node:zlib'
import { cacheError } from '../kernel/errors'
import { decodeExtension, encodeExtension, noExtension } from './frame-extension'

/** What an entry in the shared tier carries beside its value. */
export interface FrameHeader {
  /** The whole key, compared on every read: where keys are digested, two could meet at one place. */
  readonly key: string
  /** Eight random bytes, different for every fill. */
  readonly fillId: Buffer
  /** The tag counter as known before the load began. */
  readonly stamp: number
  /** Server time in milliseconds. */
  readonly createdAt: number
  /** Server time in milliseconds; `Infinity` if the entry does not expire. */
  readonly expiresAt: number
  /** How long the load took, in milliseconds. */
  readonly loadTime: number
  readonly tags: readonly string[]
  /** Server time in milliseconds until which the entry may be served past its end; `expiresAt` where it may not. */
  readonly staleUntil: number
  /** Whether the value is an error. */
  readonly isError: boolean
  readonly validator: string | undefined
}

/** Why bytes are not an entry. */
export type UnreadableReason = 'not a frame' | 'truncated' | 'padded' | 'damaged' | 'wrong key'

/** The frame of an entry. */
export interface ValueFrame {
  readonly kind: 'value'
  readonly header: FrameHeader
  readonly format: number
  readonly payload: Buffer
}

/** What bytes in the shared tier turn out to be. */
export type DecodedFrame =
  | ValueFrame
  | { readonly kind: 'lease'; readonly token: string }
  /** Written by a later version of this package: to be left alone. */
  | { readonly kind: 'newer' }
  | { readonly kind: 'unreadable'; readonly reason: UnreadableReason }

/*
 * Version 1, numbers big-endian:
 *   0 magic   1 kind   2 version   3 format   4 u32 checksum of everything else
 *   8 fill id (8)   16 f64 stamp   24 f64 createdAt   32 f64 expiresAt   40 f32 loadTime
 *   44 u32 key length, key   u16 tag count, each: u16 length, tag   u32 payload length, payload
 * Version 2, only for entries that need it, has an extension between tags and payload: see frame-extension.ts.
 * A lease is the first four bytes and its token. Bytes once released are pinned by the golden test and never reinterpreted.
 */
const magic = 0xca
const valueKind = 0x56
const leaseKind = 0x4c
const plainVersion = 1
const extendedVersion = 2
const keyAt = 48
const longestLease = 256

const notAFrame: DecodedFrame = { kind: 'unreadable', reason: 'not a frame' }
const truncated: DecodedFrame = { kind: 'unreadable', reason: 'truncated' }
const padded: DecodedFrame = { kind: 'unreadable', reason: 'padded' }
const damaged: DecodedFrame = { kind: 'unreadable', reason: 'damaged' }
const wrongKey: DecodedFrame = { kind: 'unreadable', reason: 'wrong key' }
const newer: DecodedFrame = { kind: 'newer' }

/** Frames an encoded value. */
export function encodeFrame(header: FrameHeader, format: number, payload: Buffer): Buffer {
  const { key, tags } = header
  const keyBytes = Buffer.byteLength(key)
  const tagBytes = tags.map((tag) => Buffer.byteLength(tag))
  if (tags.length > 0xffff || tagBytes.some((bytes) => bytes > 0xffff)) {
    throw cacheError(
      'CW_VALUE_TOO_LARGE',
      'An entry takes at most 65535 tags, each of at most 65535 bytes; use fewer or shorter ones.',
    )
  }
  const tagsAt = keyAt + keyBytes
  const extension = encodeExtension(header)
  const payloadAt = tagBytes.reduce((total, bytes) => total + 2 + bytes, tagsAt + 2) + extension.length + 4
  const frame = Buffer.allocUnsafe(payloadAt + payload.length)
  frame[0] = magic
  frame[1] = valueKind
  frame[2] = extension.length === 0 ? plainVersion : extendedVersion
  frame[3] = format
  frame.set(header.fillId, 8)
  frame.writeDoubleBE(header.stamp, 16)
  frame.writeDoubleBE(header.createdAt, 24)
  frame.writeDoubleBE(header.expiresAt, 32)
  frame.writeFloatBE(header.loadTime, 40)
  frame.writeUInt32BE(keyBytes, 44)
  frame.write(key, keyAt)
  let at = frame.writeUInt16BE(tags.length, tagsAt)
  for (let index = 0; index < tags.length; index++) {
    at = frame.writeUInt16BE(tagBytes[index]!, at)
    at += frame.write(tags[index]!, at)
  }
  at += extension.copy(frame, at)
  frame.writeUInt32BE(payload.length, at)
  frame.set(payload, payloadAt)
  frame.writeUInt32BE(checksum(frame), 4)
  return frame
}

/** Reads a frame; says of any bytes what they are, and never throws. The payload is a view into them. */
export function decodeFrame(bytes: Buffer, key: string): DecodedFrame {
  if (bytes[0] !== magic) return notAFrame
  if (bytes.length < 4) return truncated
  if (bytes[2]! > extendedVersion) return newer
  if (bytes[2] === 0) return damaged
  if (bytes[1] === leaseKind) return bytes[2] === plainVersion ? decodeLease(bytes) : newer
  return bytes[1] === valueKind ? decodeValue(bytes, key) : damaged
}

/** The bytes that stand at a key while its value is being loaded. */
export function encodeLease(token: string): Buffer {
  return Buffer.concat([Buffer.of(magic, leaseKind, plainVersion, 0), Buffer.from(token)])
}

function decodeLease(bytes: Buffer): DecodedFrame {
  if (bytes.length === 4) return truncated
  if (bytes[3] !== 0 || bytes.length > longestLease) return damaged
  return { kind: 'lease', token: bytes.toString('utf8', 4) }
}

function decodeValue(bytes: Buffer, key: string): DecodedFrame {
  const end = bytes.length
  if (end < keyAt) return truncated
  const tagsAt = keyAt + bytes.readUInt32BE(44)
  if (tagsAt + 2 > end) return truncated
  const tagCount = bytes.readUInt16BE(tagsAt)
  const tags: string[] = []
  let at = tagsAt + 2
  for (let index = 0; index < tagCount; index++) {
    if (at + 2 > end) return truncated
    const tagEnd = at + 2 + bytes.readUInt16BE(at)
    if (tagEnd > end) return truncated
    tags.push(bytes.toString('utf8', at + 2, tagEnd))
    at = tagEnd
  }
  const extension = bytes[2] === extendedVersion ? decodeExtension(bytes, at) : noExtension
  if (extension === undefined) return truncated
  at += extension.length
  const payloadAt = at + 4
  if (payloadAt > end) return truncated
  const payloadEnd = payloadAt + bytes.readUInt32BE(at)
  if (payloadEnd !== end) return payloadEnd > end ? truncated : padded
  if (bytes.readUInt32BE(4) !== checksum(bytes)) return damaged
  if (bytes.toString('utf8', keyAt, tagsAt) !== key) return wrongKey
  const expiresAt = bytes.readDoubleBE(32)
  const header: FrameHeader = {
    key,
    fillId: bytes.subarray(8, 16),
    stamp: bytes.readDoubleBE(16),
    createdAt: bytes.readDoubleBE(24),
    expiresAt,
    loadTime: bytes.readFloatBE(40),
    tags,
    staleUntil: extension.staleUntil ?? expiresAt,
    isError: extension.isError,
    validator: extension.validator,
  }
  return { kind: 'value', header, format: bytes[3]!, payload: bytes.subarray(payloadAt) }
}

// The first four bytes are where the checksum starts from, so that they are covered without a copy or a second pass.
function checksum(frame: Buffer): number {
  return crc32(frame.subarray(8), frame.readUInt32BE(0))
}
