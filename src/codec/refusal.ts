import { types } from 'node:util'
import { type CacheError, cacheError } from '../kernel/errors'

/** One step from a value to a part of it: a property, an index, or a place that has no name of its own. */
export type Step = string | number | { readonly of: 'key' | 'value' | 'member' | 'encoded'; readonly at?: unknown }

const shownSteps = 12

/** Writes a path the way a program would: `$.rows[3].save`. */
export function describePath(path: readonly Step[]): string {
  const shown = path.length > shownSteps ? [...path.slice(0, shownSteps - 4), '…', ...path.slice(-4)] : path
  return `$${shown.map(describeStep).join('')}`
}

function describeStep(step: Step): string {
  if (step === '…') return '…'
  if (typeof step === 'number') return `[${step}]`
  if (typeof step === 'string')
    return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : `[${quoted(step)}]`
  switch (step.of) {
    case 'value':
      return `.get(${describeKey(step.at)})`
    case 'key':
      return '.keys()'
    case 'member':
      return '.values()'
    case 'encoded':
      return '.encode()'
  }
}

const quoted = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)

function describeKey(key: unknown): string {
  if (typeof key === 'string') return quoted(key)
  return typeof key === 'object' && key !== null ? '{…}' : String(key)
}

/** The refusal of one part of a value: where it stands, why it cannot be carried, what to do instead. */
export function refusal(path: readonly Step[], reason: string, remedy: string, cause?: unknown): CacheError {
  return cacheError(
    'CW_VALUE_UNSUPPORTED',
    `Cannot cache this value: ${describePath(path)} ${reason}; ${remedy}.`,
    cause,
  )
}

/** Why a primitive cannot be carried. */
export function primitiveRefusal(path: readonly Step[], part: unknown): CacheError {
  return typeof part === 'function'
    ? refusal(
        path,
        'is a function',
        'return plain data, or register the class of the object that has it in the `types` option',
      )
    : refusal(path, 'is a symbol', 'return a string in its place')
}

/** Why an object that is neither a carried built-in nor of a registered class cannot be carried. */
export function objectRefusal(path: readonly Step[], value: object): CacheError {
  const [reason, remedy] = whatItIs(value)
  return refusal(path, reason, remedy)
}

function whatItIs(value: object): readonly [reason: string, remedy: string] {
  if (types.isPromise(value)) return ['is a promise', 'await it first']
  if (types.isWeakMap(value) || types.isWeakSet(value) || tagged(value, 'WeakRef')) {
    return ['holds its content weakly', 'return a Map, a Set or the object itself']
  }
  if (types.isBoxedPrimitive(value)) return ['is a boxed primitive', 'return its valueOf()']
  if (types.isSharedArrayBuffer(value)) return ['is shared memory', 'return a copy of it']
  if (Symbol.asyncIterator in value || isFunctionAt(value, 'pipe') || isFunctionAt(value, 'getReader')) {
    return ['is a stream or an async iterable', 'collect its content first']
  }
  if (isFunctionAt(value, 'next')) return ['is an iterator', 'collect its content into an array first']
  if (isFunctionAt(value, 'then')) return ['is a promise', 'await it first']
  const name = className(value)
  if (Array.isArray(value))
    return [`is an instance of ${name}, a subclass of Array`, 'return a plain array (`Array.from(it)`)']
  return [
    `is an instance of ${name}, which the cache does not know`,
    "list the class in the manager's `types` option, or return plain data",
  ]
}

const tagged = (value: object, tag: string): boolean => Object.prototype.toString.call(value) === `[object ${tag}]`

const isFunctionAt = (value: object, name: string): boolean =>
  typeof (value as Readonly<Record<string, unknown>>)[name] === 'function'

/** The name of an object's class, for messages only: nothing is decided by it. */
export function className(value: object): string {
  const prototype = Object.getPrototypeOf(value) as object | null
  const maker: unknown =
    prototype === null ? undefined : Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof maker !== 'function' || maker === Object) return tagName(value)
  return maker.name === '' ? 'an anonymous class' : `class ${maker.name}`
}

const tagName = (value: object): string => {
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  return tag === 'Object' ? 'a class without a name' : tag
}
