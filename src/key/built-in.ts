import { types } from 'node:util'
import { KeyProblem } from './key-problem'
import { encodeText } from './text'

const toStringTag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
/** The name of a typed array's kind, from its internal slot: neither a subclass nor a property can change it. */
const typedArrayName = toStringTag?.get as (this: ArrayBufferView) => string

/**
 * Whether this is `Object.prototype`, of this realm or another one (`node:vm`, jest). No class of a program has a
 * prototype without a prototype and its own `hasOwnProperty`.
 */
export function isRootPrototype(prototype: object | null): boolean {
  if (prototype === Object.prototype) return true
  return prototype !== null && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty')
}

/** Whether objects of this prototype are of a built-in class itself and not of a subclass; only the depth tells. */
export function isBuiltInPrototype(prototype: object | null): boolean {
  return prototype !== null && isRootPrototype(Object.getPrototypeOf(prototype) as object | null)
}

/**
 * The encoding of a built-in value that has no elements, or undefined for anything else. Dates go by their time,
 * regular expressions by source, flags and a `lastIndex` other than 0, URLs by `href`, binary data by its kind and its
 * bytes (so that a Buffer and a Uint8Array differ, as they do in what their methods answer).
 */
export function encodeBuiltIn(value: object, prototype: object | null): string | undefined {
  if (types.isArrayBufferView(value)) return encodeView(value, prototype)
  if (!isBuiltInPrototype(prototype)) return undefined
  if (types.isDate(value)) return `@${Date.prototype.getTime.call(value)}`
  if (types.isRegExp(value)) return encodeRegExp(value)
  if (prototype === URL.prototype) return `~url(${encodeText((value as URL).href)})`
  if (types.isArrayBuffer(value)) return `~ArrayBuffer(${Buffer.from(value).toString('base64url')})`
  return undefined
}

function encodeRegExp({ source, flags, lastIndex }: RegExp): string {
  // A plain writable property, so it can be anything at all.
  if (typeof lastIndex !== 'number') throw new KeyProblem('its `lastIndex` is not a number')
  return `~regexp(${encodeText(source)},${encodeText(flags)}${lastIndex === 0 ? '' : `,#${lastIndex}`})`
}

function encodeView(view: ArrayBufferView, prototype: object | null): string | undefined {
  let name: string
  if (types.isDataView(view)) {
    if (!isBuiltInPrototype(prototype)) return undefined
    name = 'DataView'
  } else {
    // Each built-in kind has its own BYTES_PER_ELEMENT on its prototype; a subclass inherits it.
    const isBuffer = prototype === Buffer.prototype
    if (!isBuffer && !(prototype !== null && Object.hasOwn(prototype, 'BYTES_PER_ELEMENT'))) return undefined
    name = isBuffer ? 'Buffer' : typedArrayName.call(view)
  }
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength)
  return `~${name}(${bytes.toString('base64url')})`
}

const refusals: readonly (readonly [(value: object) => boolean, string])[] = [
  [types.isNativeError, 'an Error'],
  [types.isPromise, 'a promise'],
  [types.isBoxedPrimitive, 'a boxed primitive'],
  [types.isWeakMap, 'a WeakMap'],
  [types.isWeakSet, 'a WeakSet'],
  [(value) => value instanceof WeakRef, 'a WeakRef'],
  [(value) => value instanceof AbortSignal, 'an AbortSignal, which is honoured only as a parameter of its own'],
  [types.isGeneratorObject, 'a generator'],
  [types.isMapIterator, 'an iterator'],
  [types.isSetIterator, 'an iterator'],
  [types.isSharedArrayBuffer, 'shared memory'],
]

/** Says what an object is that has no encoding. @param isRegistrable whether there is a manager to be told of its class */
export function refusalOf(value: object, prototype: object | null, isRegistrable: boolean): KeyProblem {
  for (const [matches, name] of refusals) if (matches(value)) return new KeyProblem(`it is ${name}`)
  const maker: unknown = prototype !== null && Object.hasOwn(prototype, 'constructor') && prototype.constructor
  if (typeof maker !== 'function') return new KeyProblem('its prototype is an object and not a class')
  if (typeof maker.name !== 'string' || maker.name === '') {
    return new KeyProblem('it is an instance of an anonymous class', isRegistrable ? { unregistered: 'the class' } : {})
  }
  const name = encodeText(maker.name)
  if (!isRegistrable) return new KeyProblem(`it is an instance of ${name}`)
  return new KeyProblem(`it is an instance of ${name}, a class this cache manager was not told about`, {
    unregistered: name,
  })
}
