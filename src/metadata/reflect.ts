import 'reflect-metadata'

// Compilers hand standard decorators a metadata object only where this symbol exists. It is how several decorators of
// one method, with a foreign one in between, find each other.
if (Symbol.metadata === undefined) {
  Object.defineProperty(Symbol, 'metadata', { value: Symbol.for('Symbol.metadata'), configurable: true })
}

/*
 * Own metadata of a method, read and written in this one place. Two rules: an inherited list is never changed, because
 * a subclass would then change its parent; and a method that takes another's place carries all that others wrote on it.
 */

/** Metadata of exactly this target and method, nothing inherited. */
export function ownMetadata<Value>(key: symbol | string, target: object, method: PropertyKey): Value | undefined {
  return Reflect.getOwnMetadata(key, target, asName(method)) as Value | undefined
}

export function setOwnMetadata(key: symbol, value: unknown, target: object, method: PropertyKey): void {
  Reflect.defineMetadata(key, value, target, asName(method))
}

/** Everything that makes a function recognisable to frameworks: name, length, own properties and Reflect metadata. */
export function dressAs(wrapper: Function, original: Function): void {
  for (const property of Reflect.ownKeys(original)) {
    if (property === 'prototype' || property === 'arguments' || property === 'caller') continue
    Object.defineProperty(wrapper, property, Object.getOwnPropertyDescriptor(original, property)!)
  }
  for (const key of Reflect.getOwnMetadataKeys(original)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, original), wrapper)
  }
}

// reflect-metadata takes names of properties; a number as a method's name is a text to it.
function asName(method: PropertyKey): string | symbol {
  return typeof method === 'number' ? String(method) : method
}
