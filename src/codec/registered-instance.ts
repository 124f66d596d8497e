import { types } from 'node:util'
import type { ResolvedType } from '../kernel/registered-types'
import { className } from './refusal'
import type { Trail } from './trail'

/** Refuses an instance that keeps content where its properties do not show it, because its class extends a built-in one. */
export function refuseHiddenState(value: object, trail: Trail): void {
  const hidden =
    Array.isArray(value) ||
    ArrayBuffer.isView(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isDate(value) ||
    types.isRegExp(value) ||
    types.isPromise(value) ||
    types.isBoxedPrimitive(value) ||
    types.isAnyArrayBuffer(value)
  if (!hidden) return
  throw trail.refusal(
    `is an instance of ${className(value)}, whose content is not in its properties`,
    'register the class with `encode` and `decode`',
  )
}

/** Whether what `encode` returned would set a prototype in a `decode` that assigns it to an instance. */
export function bringsPrototype(encoded: unknown): boolean {
  return typeof encoded === 'object' && encoded !== null && Object.hasOwn(encoded, '__proto__')
}

/** What a registration's `encode` makes of an instance; whatever it throws becomes a refusal. */
export function encodeInstance(value: object, type: ResolvedType, trail: Trail): unknown {
  const encoded = calling('encode', type, trail, () => type.encode(value))
  if (bringsPrototype(encoded)) throw trail.refusal('has a `__proto__` in what its `encode` returned', 'leave it out')
  return encoded
}

/** What a registration's `decode` makes of that; whatever it throws becomes a refusal. */
export function decodeInstance(encoded: unknown, type: ResolvedType, trail: Trail): object {
  const instance: unknown = calling('decode', type, trail, () => type.decode(encoded))
  if (typeof instance === 'object' && instance !== null) return instance
  throw trail.refusal(`has a \`decode\` (of '${type.name}') that returned no object`, 'return the instance from it')
}

function calling<T>(name: string, type: ResolvedType, trail: Trail, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw trail.refusal(`has an \`${name}\` (of '${type.name}') that threw`, 'mend it', error)
  }
}
