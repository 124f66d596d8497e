import { types } from 'node:util'

// What V8 on 64 bits without pointer compression (as Node is built) takes for each thing; measured, see bench/codec.ts.
const word = 8
const objectHeader = 3 * word

const wide = /[^\0-\xff]/

/** Heap bytes of a string: one byte per character unless one of them needs two. */
export function stringBytes(text: string): number {
  // On a string stored with one byte per character the expression fails at once, without looking at the characters.
  const content = wide.test(text) ? text.length * 2 : text.length
  return 2 * word + ((content + 7) & ~7)
}

/** Heap bytes of a number beside the slot it stands in: none for small integers. */
export function numberBytes(value: number): number {
  return (value | 0) === value ? 0 : 2 * word
}

/** Heap bytes of a bigint. */
export function bigintBytes(value: bigint): number {
  if (BigInt.asIntN(64, value) === value) return 3 * word
  return 2 * word + Math.ceil(value.toString(16).length / 16) * word
}

/** Heap bytes of an object with this many properties, without what stands in them. */
export function objectBytes(properties: number): number {
  if (properties <= 4) return objectHeader + 4 * word
  // Beyond four they stand in an array of their own that grows by three, or, if there are very many, in a hash table with their names.
  if (properties > 128) return objectHeader + properties * 20 * word
  return objectHeader + 4 * word + 2 * word + Math.ceil((properties - 4) / 3) * 3 * word
}

/** Heap bytes of an array, without what its elements point to. */
export function arrayBytes(length: number): number {
  return 6 * word + length * word
}

/** Heap bytes of a Map with this many entries, read-only shadows included. */
export function mapBytes(entries: number): number {
  return 20 * word + tableSlots(entries) * 3.5 * word
}

/** Heap bytes of a Set with this many members, read-only shadows included. */
export function setBytes(members: number): number {
  return 20 * word + tableSlots(members) * 2.5 * word
}

function tableSlots(count: number): number {
  return Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, count))))
}

/** Heap bytes of a Date with its read-only shadows. */
export const dateBytes = 34 * word

/** Heap bytes of a RegExp. */
export function regExpBytes(value: RegExp): number {
  return 20 * word + stringBytes(value.source)
}

/** Heap bytes of a URL. */
export function urlBytes(href: string): number {
  return 28 * word + stringBytes(href)
}

/** Heap bytes of an error, without its message and stack. */
export const errorBytes = 24 * word

/** Bytes of binary data and of the object that stands for it. */
export function binaryBytes(value: ArrayBufferView | ArrayBuffer): number {
  return (types.isArrayBuffer(value) ? 12 : 24) * word + value.byteLength
}
