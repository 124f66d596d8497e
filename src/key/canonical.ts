import { types as brands } from 'node:util'
import type { ResolvedType, TypeRegistry } from '../kernel/registered-types'
import { encodeBuiltIn, isBuiltInPrototype, isRootPrototype, refusalOf } from './built-in'
import { KeyProblem, problemAt, propertySegment } from './key-problem'
import { encodeText } from './text'
import { Walk } from './walk'

/**
 * The canonical text of an argument list: equal lists have the same text, different lists different ones. It stands
 * inside `{…}` as the hash tag of a Redis key, so it is never empty and never holds a brace.
 *
 * | value | text |
 * |---|---|
 * | string | itself, see {@link encodeText}; `''` when empty |
 * | number, bigint | `#42` (−0 as 0), `#NaN`, `#42n` |
 * | boolean, null, undefined | `!true` `!null` `!undefined` |
 * | Date | `@1700000000000` |
 * | array | `[a,b]`, a hole as undefined |
 * | plain object | `(k=v,l=w)` by its enumerable properties, sorted; one that is undefined is not one that is absent |
 * | Map, Set | `~map(k=v)`, `~set(a,b)`, sorted |
 * | RegExp, URL, binary data | `~regexp(a+,g)`, `~url(…)`, `~Buffer(base64url)` |
 * | instance of a registered class | `^Money:` and the text of what its `encode` returned |
 *
 * Parts are joined by commas. Undefined parts at the end are left out, as the language treats `f(1)` and
 * `f(1, undefined)` alike; a list of nothing else is `!none`. Anything that has no canonical content is a
 * {@link KeyProblem}: functions, symbols, other class instances, cycles, symbol-named properties, named properties on
 * arrays and other built-in values (those on binary data go unseen). `toJSON` has no say: two values that serialise
 * alike may still be two.
 *
 * @param types the classes whose instances are known; undefined where nobody can make any known
 */
export function encodeArguments(parts: readonly unknown[], types: TypeRegistry | undefined): string {
  let count = parts.length
  while (count > 0 && parts[count - 1] === undefined) count--
  if (count === 0) return '!none'
  let text = ''
  let index = 0
  let walk: Walk | undefined
  try {
    for (; index < count; index++) {
      const part = parts[index]
      if (index > 0) text += ','
      if (typeof part === 'object' && part !== null) {
        walk ??= new Walk(types)
        text += encodeObject(part, walk)
      } else {
        text += encodePrimitive(part)
      }
    }
  } catch (error) {
    const problem = problemAt(error, '')
    problem.index = index
    throw problem
  }
  return text
}

function encodeValue(value: unknown, walk: Walk): string {
  return typeof value === 'object' && value !== null ? encodeObject(value, walk) : encodePrimitive(value)
}

function encodePrimitive(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return encodeText(value)
    case 'number':
      return `#${value}`
    case 'bigint':
      return `#${value}n`
    case 'function':
    case 'symbol':
      throw new KeyProblem(`it is a ${typeof value}`)
    default:
      return `!${value}`
  }
}

function encodeObject(value: object, walk: Walk): string {
  walk.enter(value)
  const prototype = Object.getPrototypeOf(value) as object | null
  const text =
    prototype === null || isRootPrototype(prototype)
      ? encodeProperties(value as Record<string, unknown>, walk)
      : encodeInstance(value, prototype, walk)
  walk.leave()
  return text
}

function encodeInstance(value: object, prototype: object, walk: Walk): string {
  const registered = walk.types?.ofValue(value)
  if (registered !== undefined) return encodeRegistered(value, registered, walk)
  const bare = encodeBuiltIn(value, prototype)
  if (bare !== undefined) {
    if (!ArrayBuffer.isView(value)) refuseNamedProperties(value)
    return bare
  }
  if (isBuiltInPrototype(prototype)) {
    if (Array.isArray(value)) return encodeArray(value, walk)
    if (brands.isMap(value)) return encodeMap(value, walk)
    if (brands.isSet(value)) return encodeSet(value, walk)
  }
  throw refusalOf(value, prototype, walk.types !== undefined)
}

function encodeProperties(object: Record<string, unknown>, walk: Walk): string {
  refuseSymbols(object)
  const names = Object.keys(object)
  walk.spend(names.length)
  sort(names)
  let text = '('
  let name = ''
  try {
    for (let i = 0; i < names.length; i++) {
      name = names[i]!
      if (i > 0) text += ','
      text += `${encodeText(name)}=${encodeValue(object[name], walk)}`
    }
  } catch (error) {
    throw problemAt(error, propertySegment(name))
  }
  return `${text})`
}

function encodeArray(array: readonly unknown[], walk: Walk): string {
  walk.spend(array.length)
  refuseNamedProperties(array)
  let text = '['
  let i = 0
  try {
    for (; i < array.length; i++) {
      if (i > 0) text += ','
      text += encodeValue(array[i], walk)
    }
  } catch (error) {
    throw problemAt(error, `[${i}]`)
  }
  return `${text}]`
}

function encodeMap(map: ReadonlyMap<unknown, unknown>, walk: Walk): string {
  walk.spend(map.size)
  refuseNamedProperties(map)
  const entries: string[] = []
  for (const [key, value] of map) {
    let name: string | undefined
    try {
      name = encodeValue(key, walk)
      entries.push(`${name}=${encodeValue(value, walk)}`)
    } catch (error) {
      throw problemAt(error, name === undefined ? `.keys()[${entries.length}]` : `.get(${name})`)
    }
  }
  return `~map(${sort(entries).join(',')})`
}

function encodeSet(set: ReadonlySet<unknown>, walk: Walk): string {
  walk.spend(set.size)
  refuseNamedProperties(set)
  const elements: string[] = []
  try {
    for (const element of set) elements.push(encodeValue(element, walk))
  } catch (error) {
    throw problemAt(error, `.values()[${elements.length}]`)
  }
  return `~set(${sort(elements).join(',')})`
}

function encodeRegistered(value: object, type: ResolvedType, walk: Walk): string {
  let encoded: unknown
  try {
    encoded = type.encode(value)
  } catch (cause) {
    throw new KeyProblem(`the \`encode\` of its class ${type.name} threw`, { cause })
  }
  return `^${encodeText(type.name)}:${encodeValue(encoded, walk)}`
}

/** Sorts in place by code units; most objects are written in one order already, and looking is cheaper than sorting. */
function sort(texts: string[]): string[] {
  for (let i = 1; i < texts.length; i++) if (texts[i - 1]! > texts[i]!) return texts.sort()
  return texts
}

function refuseSymbols(value: object): void {
  if (Object.getOwnPropertySymbols(value).length > 0) throw new KeyProblem('it has a property named by a symbol')
}

// A regular expression's match is an array with an `index` property: elements alone do not tell two of them apart.
function refuseNamedProperties(value: object): void {
  refuseSymbols(value)
  const last = Object.keys(value).at(-1)
  if (last === undefined) return
  // Indices come first and in order, so only the last name need be looked at.
  if (Array.isArray(value) && String(Number(last) >>> 0) === last && Number(last) < value.length) return
  throw new KeyProblem(`it has a property of its own (${propertySegment(last)}) besides its content`)
}
