import { types } from 'node:util'

/** What a carried built-in object is: the word by which it is copied, frozen and written. */
export type NativeKind = 'object' | 'bare' | 'array' | 'date' | 'map' | 'set' | 'regexp' | 'url' | 'error' | 'binary'

const kindByName: Readonly<Record<string, NativeKind>> = {
  Object: 'object',
  Array: 'array',
  Date: 'date',
  Map: 'map',
  Set: 'set',
  RegExp: 'regexp',
  URL: 'url',
  Error: 'error',
  EvalError: 'error',
  RangeError: 'error',
  ReferenceError: 'error',
  SyntaxError: 'error',
  TypeError: 'error',
  URIError: 'error',
  AggregateError: 'error',
  ArrayBuffer: 'binary',
  DataView: 'binary',
  Int8Array: 'binary',
  Uint8Array: 'binary',
  Uint8ClampedArray: 'binary',
  Int16Array: 'binary',
  Uint16Array: 'binary',
  Int32Array: 'binary',
  Uint32Array: 'binary',
  Float16Array: 'binary',
  Float32Array: 'binary',
  Float64Array: 'binary',
  BigInt64Array: 'binary',
  BigUint64Array: 'binary',
}

const tagOf = Object.prototype.toString
const sourceOf = Function.prototype.toString
const hrefOf = Object.getOwnPropertyDescriptor(URL.prototype, 'href')?.get

// A prototype alone proves nothing (`Object.create(Map.prototype)`); the internal slots do.
const isGenuine: Readonly<Record<NativeKind, (value: object) => boolean>> = {
  object: (value) => tagOf.call(value) === '[object Object]',
  bare: (value) => tagOf.call(value) === '[object Object]',
  array: Array.isArray,
  date: types.isDate,
  map: types.isMap,
  set: types.isSet,
  regexp: types.isRegExp,
  url: (value) => {
    try {
      return typeof hrefOf?.call(value) === 'string'
    } catch {
      return false
    }
  },
  error: types.isNativeError,
  binary: (value) => ArrayBuffer.isView(value) || types.isArrayBuffer(value),
}

const nameByPrototype = new Map<object, string>([[Buffer.prototype, 'Uint8Array']])
const prototypeByName = new Map<string, object>()
for (const name of Object.keys(kindByName)) {
  const known = (globalThis as Record<string, unknown>)[name]
  if (typeof known !== 'function') continue
  nameByPrototype.set(known.prototype as object, name)
  prototypeByName.set(name, known.prototype as object)
}

const nameByForeignPrototype = new WeakMap<object, string>()

// Objects made in another realm (a vm context, so every test under jest) have other intrinsics than ours. One is recognised by
// its constructor, whose source text reads `[native code]` under a known name; no program can write such a function.
function foreignName(prototype: object): string | undefined {
  const known = nameByForeignPrototype.get(prototype)
  if (known !== undefined) return known
  // A faked clock replaces the global Date by a class of its own; dates made while it is in force are dates.
  const name = prototype === Date.prototype ? 'Date' : intrinsicName(prototype)
  if (name === undefined || !Object.hasOwn(kindByName, name)) return undefined
  nameByForeignPrototype.set(prototype, name)
  return name
}

function intrinsicName(prototype: object): string | undefined {
  const maker: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof maker !== 'function' || maker.prototype !== prototype) return undefined
  return /^function (\w+)\(\) \{ \[native code\] \}$/.exec(sourceOf.call(maker))?.[1]
}

/** The name of the built-in class, of this realm or another, whose prototype this is; subclasses have none. */
export function nativeName(prototype: object): string | undefined {
  return nameByPrototype.get(prototype) ?? foreignName(prototype)
}

/** The prototype of an error class of the language, by its name. */
export function errorPrototype(name: string): object | undefined {
  return Object.hasOwn(kindByName, name) && kindByName[name] === 'error' ? prototypeByName.get(name) : undefined
}

/** Which carried built-in this object is; undefined for instances of classes, subclasses and everything that is not data. */
export function nativeKind(value: object): NativeKind | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null
  let kind: NativeKind | undefined
  if (prototype === Object.prototype) kind = 'object'
  else if (prototype === null) kind = 'bare'
  else {
    const name = nativeName(prototype)
    if (name !== undefined) kind = kindByName[name]
  }
  return kind !== undefined && isGenuine[kind](value) ? kind : undefined
}
