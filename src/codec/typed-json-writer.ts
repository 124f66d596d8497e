import { types as nodeTypes } from 'node:util'
import type { ResolvedType, TypeRegistry } from '../kernel/registered-types'
import { type Binary, binaryName, bytesOf } from './binary'
import { errorParts } from './error-parts'
import { type NativeKind, nativeKind, nativeName } from './native-kind'
import { objectRefusal, primitiveRefusal } from './refusal'
import { isDense } from './sparse-array'

/** The character that begins every string which is not itself. Ordinary strings that begin with it get a second one. */
export const mark = '~'

/** The character before a text that refers back to objects: its reader has to number them. */
export const referring = '&'

type Properties = Readonly<Record<string, unknown>>

/**
 * Writes a snapshot's value as typed JSON.
 *
 * | in JSON                   | value                             | in JSON                           | value                            |
 * |---------------------------|-----------------------------------|-----------------------------------|----------------------------------|
 * | `"~u" "~n" "~+" "~-" "~0"`| undefined, NaN, ∞, -∞, -0         | `["~M",k,v,…]`, `["~S",v,…]`      | Map, Set                         |
 * | `"~b12"`                  | bigint                            | `["~O",{…}]`                      | object without prototype         |
 * | `"~d123"`, `"~d"`         | Date, invalid Date                | `["~H",length,index,v,…]`         | array with holes                 |
 * | `"~xlastIndex/flags/source"` | RegExp                         | `["~E",class,{hidden},{shown}]`   | error                            |
 * | `"~lhref"`                | URL                               | `["~C",name,encoded]`             | instance of a registered class   |
 * | `"~Bclass/base64"`        | binary data, in host byte order   | `["~C",name,{hidden},{shown}]`    | the same, of an error class      |
 * | `"~r5"`                   | the object met sixth              | `"~~…"`                           | a string that begins with `~`    |
 *
 * Objects are numbered in the order in which they are met. Whatever needs no translation goes into the text as it is.
 */
export function writeTypedJson(value: unknown, types: TypeRegistry): string {
  const writer = new Writer(types)
  const text = JSON.stringify(writer.form(value))
  return writer.refers ? referring + text : text
}

class Writer {
  refers = false
  readonly #numbers = new Map<object, number>()

  constructor(private readonly types: TypeRegistry) {}

  form(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        return value.charCodeAt(0) === 126 ? mark + value : value
      case 'number':
        return formNumber(value)
      case 'bigint':
        return `~b${value}`
      case 'undefined':
        return '~u'
      case 'boolean':
        return value
      case 'object':
        return value === null ? null : this.#object(value)
      default:
        throw primitiveRefusal([], value)
    }
  }

  #object(value: object): unknown {
    const number = this.#numbers.get(value)
    if (number !== undefined) {
      this.refers = true
      return `~r${number}`
    }
    this.#numbers.set(value, this.#numbers.size)
    const kind = nativeKind(value)
    if (kind !== undefined) return this.#native(value, kind)
    const type = this.types.ofValue(value)
    if (type === undefined) throw objectRefusal([], value)
    return this.#instance(value, type)
  }

  #native(value: object, kind: NativeKind): unknown {
    switch (kind) {
      case 'object':
        return this.#properties(value as Properties)
      case 'array':
        return this.#array(value as readonly unknown[])
      case 'bare':
        return ['~O', this.#properties(value as Properties)]
      case 'date': {
        const time = (value as Date).getTime()
        return Number.isNaN(time) ? '~d' : `~d${time}`
      }
      case 'regexp': {
        const { lastIndex, flags, source } = value as RegExp
        return `~x${lastIndex}/${flags}/${source}`
      }
      case 'url':
        return `~l${(value as URL).href}`
      case 'binary': {
        const { buffer, byteOffset, byteLength } = bytesOf(value as Binary)
        return `~B${binaryName(value as Binary)}/${Buffer.from(buffer, byteOffset, byteLength).toString('base64')}`
      }
      case 'map': {
        const form: unknown[] = ['~M']
        for (const [key, part] of value as Map<unknown, unknown>) form.push(this.form(key), this.form(part))
        return form
      }
      case 'set': {
        const form: unknown[] = ['~S']
        for (const part of value as Set<unknown>) form.push(this.form(part))
        return form
      }
      case 'error': {
        const { hidden, shown } = errorParts(value as Error)
        return ['~E', nativeName(Object.getPrototypeOf(value)), this.#properties(hidden), this.#properties(shown)]
      }
    }
  }

  #instance(value: object, type: ResolvedType): unknown {
    if (!type.byProperties) return ['~C', type.name, this.form(type.encode(value))]
    if (!nodeTypes.isNativeError(value)) return ['~C', type.name, this.#properties({ ...value })]
    const { hidden, shown } = errorParts(value)
    return ['~C', type.name, this.#properties(hidden), this.#properties(shown)]
  }

  // Copied only once something in it has to be written differently: in most rows most objects have nothing of the kind.
  #properties(value: Properties): Properties {
    let form: Record<string, unknown> | undefined
    for (const key of Object.keys(value)) {
      const part = value[key]
      const formed = this.form(part)
      if (formed === part) continue
      form ??= { ...value }
      form[key] = formed
    }
    return form ?? value
  }

  #array(value: readonly unknown[]): readonly unknown[] {
    // A hole reads as undefined, so only an array that seems to hold one has to be looked at twice.
    const keys = value.includes(undefined) ? Object.keys(value) : undefined
    if (keys !== undefined && !isDense(value, keys)) {
      return ['~H', value.length, ...keys.flatMap((key) => [Number(key), this.form(value[Number(key)])])]
    }
    let form: unknown[] | undefined
    for (let at = 0; at < value.length; at++) {
      const part = value[at]
      const formed = this.form(part)
      if (formed === part) continue
      form ??= value.slice()
      form[at] = formed
    }
    return form ?? value
  }
}

function formNumber(value: number): number | string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '~0' : value
  if (Number.isNaN(value)) return '~n'
  return value > 0 ? '~+' : '~-'
}
