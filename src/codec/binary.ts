import { types } from 'node:util'

/** Binary data as a value holds it. */
export type Binary = ArrayBuffer | ArrayBufferView

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object
const nameOf = Object.getOwnPropertyDescriptor(typedArrayPrototype, Symbol.toStringTag)?.get

type ViewMaker = new (buffer: ArrayBuffer) => ArrayBufferView

const viewNames = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float16Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
]

const makers = new Map<string, ViewMaker>()
for (const name of viewNames) {
  const maker = (globalThis as Record<string, unknown>)[name]
  if (typeof maker === 'function') makers.set(name, maker as ViewMaker)
}

/** The class binary data belongs to, read from its internal slots: `Buffer`, `ArrayBuffer`, `DataView` or a typed array. */
export function binaryName(value: Binary): string {
  if (types.isArrayBuffer(value)) return 'ArrayBuffer'
  if (types.isDataView(value)) return 'DataView'
  return Buffer.isBuffer(value) ? 'Buffer' : String(nameOf?.call(value))
}

/** The bytes of binary data, without copying: of a view its own window, never the buffer behind it. */
export function bytesOf(value: Binary): Uint8Array {
  return types.isArrayBuffer(value)
    ? new Uint8Array(value)
    : new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
}

/** Binary data of the named class made of a copy of these bytes; undefined if there is no such class or the bytes do not fill it. */
export function makeBinary(name: string, bytes: Uint8Array): Binary | undefined {
  // Not from Buffer's pool: a few cached bytes would keep its eight kilobytes alive, and show them through `buffer`.
  const buffer = new ArrayBuffer(bytes.byteLength)
  new Uint8Array(buffer).set(bytes)
  if (name === 'ArrayBuffer') return buffer
  if (name === 'Buffer') return Buffer.from(buffer)
  const maker = makers.get(name)
  if (maker === undefined) return undefined
  const elementBytes = (maker as { readonly BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1
  return bytes.byteLength % elementBytes === 0 ? new maker(buffer) : undefined
}
