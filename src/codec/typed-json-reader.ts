import type { TypeRegistry } from '../kernel/registered-types'
import { makeBinary } from './binary'
import { blankError, fillError } from './error-parts'
import { errorPrototype } from './native-kind'
import { bringsPrototype } from './registered-instance'
import { shallowCopy } from './shallow-copy'
import { holes } from './sparse-array'
import { deepestNesting } from './trail'
import { mark, referring } from './typed-json-writer'

type Properties = Record<string, unknown>

/**
 * Reads what `writeTypedJson` wrote. The text may come from anybody: whatever the writer would not have written makes it throw
 * (something, which the codec translates), no code runs but the `decode` of registered classes, and prototypes are
 * never taken from data.
 */
export function readTypedJson(text: string, types: TypeRegistry): unknown {
  const refers = text.startsWith(referring)
  return new Reader(types, refers).value(JSON.parse(refers ? text.slice(1) : text))
}

function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new SyntaxError(`not typed JSON: ${what}`)
}

class Reader {
  // Only what refers back needs the numbers; undefined stands for an instance that is still being read.
  readonly #numbered: (object | undefined)[] | undefined
  #depth = 0

  constructor(
    private readonly types: TypeRegistry,
    refers: boolean,
  ) {
    this.#numbered = refers ? [] : undefined
  }

  value(form: unknown): unknown {
    if (typeof form === 'string') return form.charCodeAt(0) === 126 ? this.#marked(form) : form
    if (typeof form !== 'object' || form === null) return form
    demand(++this.#depth <= deepestNesting + 1, 'nested too deep')
    const value = Array.isArray(form) ? this.#array(form) : this.#properties(this.#number(form as Properties))
    this.#depth--
    return value
  }

  #number<T extends object>(value: T): T {
    this.#numbered?.push(value)
    return value
  }

  #marked(form: string): unknown {
    switch (form[1]) {
      case mark:
        return form.slice(1)
      case 'b':
        demand(/^-?\d+$/.test(form.slice(2)), 'bigint')
        return BigInt(form.slice(2))
      case 'd':
        return this.#number(readDate(form.slice(2)))
      case 'x':
        return this.#number(readRegExp(form.slice(2)))
      case 'l':
        return this.#number(new URL(form.slice(2)))
      case 'B':
        return this.#number(readBinary(form.slice(2)))
      case 'r': {
        const known = /^~r\d+$/.test(form) ? this.#numbered?.[Number(form.slice(2))] : undefined
        demand(known !== undefined, 'reference')
        return known
      }
      default:
        demand(constants.has(form), 'mark')
        return constants.get(form)
    }
  }

  #array(form: unknown[]): unknown {
    const head = form[0]
    if (typeof head === 'string' && head.charCodeAt(0) === 126 && head.length === 2) {
      switch (head[1]) {
        case 'M':
          return this.#map(form)
        case 'S':
          return this.#set(form)
        case 'O':
          return this.#bare(form)
        case 'H':
          return this.#sparse(form)
        case 'E':
          return this.#error(form)
        case 'C':
          return this.#instance(form)
      }
    }
    this.#number(form)
    for (let at = 0; at < form.length; at++) {
      const part = form[at]
      if (typeof part === 'string' ? part.charCodeAt(0) === 126 : typeof part === 'object') form[at] = this.value(part)
    }
    return form
  }

  // An own `__proto__` stays what JSON.parse made of it, a property: assigning to what is there already calls no setter.
  #properties(form: Properties): Properties {
    for (const key of Object.keys(form)) {
      const part = form[key]
      if (typeof part === 'string' ? part.charCodeAt(0) === 126 : typeof part === 'object') form[key] = this.value(part)
    }
    return form
  }

  #map(form: readonly unknown[]): Map<unknown, unknown> {
    demand(form.length % 2 === 1, 'Map')
    const map = this.#number(new Map<unknown, unknown>())
    for (let at = 1; at < form.length; at += 2) {
      const key = this.value(form[at])
      map.set(key, this.value(form[at + 1]))
    }
    return map
  }

  #set(form: readonly unknown[]): Set<unknown> {
    const set = this.#number(new Set<unknown>())
    for (let at = 1; at < form.length; at++) set.add(this.value(form[at]))
    return set
  }

  #bare(form: readonly unknown[]): object {
    demand(form.length === 2, 'object without prototype')
    return this.#properties(this.#number(shallowCopy(propertiesIn(form[1]), null) as Properties))
  }

  #sparse(form: readonly unknown[]): unknown[] {
    const length = form[1]
    demand(form.length % 2 === 0 && isIndex(length, 2 ** 32), 'array with holes')
    const array = this.#number(holes(length))
    for (let at = 2; at < form.length; at += 2) {
      const index = form[at]
      demand(isIndex(index, length), 'index')
      array[index] = this.value(form[at + 1])
    }
    return array
  }

  #error(form: readonly unknown[]): Error {
    const prototype = errorPrototype(String(form[1]))
    demand(form.length === 4 && prototype !== undefined, 'error')
    return this.#fill(prototype, form[2], form[3])
  }

  #fill(prototype: object, hidden: unknown, shown: unknown): Error {
    const error = this.#number(blankError(prototype))
    fillError(error, { hidden: this.#properties(propertiesIn(hidden)), shown: this.#properties(propertiesIn(shown)) })
    return error
  }

  #instance(form: readonly unknown[]): object {
    const type = this.types.byName(String(form[1]))
    demand(type !== undefined, `class '${String(form[1])}' is not registered`)
    if (type.byProperties) {
      if (form.length === 3) {
        return this.#properties(this.#number(shallowCopy(propertiesIn(form[2]), type.prototype) as Properties))
      }
      demand(form.length === 4 && type.prototype instanceof Error, `instance of '${type.name}'`)
      return this.#fill(type.prototype, form[2], form[3])
    }
    demand(form.length === 3, `instance of '${type.name}'`)
    const number = this.#numbered?.push(undefined)
    const encoded = this.value(form[2])
    demand(!bringsPrototype(encoded), `instance of '${type.name}'`)
    const instance = type.decode(encoded)
    demand(typeof instance === 'object' && instance !== null, `decode of '${type.name}'`)
    if (number !== undefined) this.#numbered![number - 1] = instance
    return instance
  }
}

const constants = new Map<string, unknown>([
  ['~u', undefined],
  ['~n', Number.NaN],
  ['~+', Number.POSITIVE_INFINITY],
  ['~-', Number.NEGATIVE_INFINITY],
  ['~0', -0],
])

function propertiesIn(form: unknown): Properties {
  demand(typeof form === 'object' && form !== null && !Array.isArray(form), 'properties')
  return form as Properties
}

function isIndex(form: unknown, end: number): form is number {
  return Number.isInteger(form) && (form as number) >= 0 && (form as number) < end
}

function readDate(text: string): Date {
  const time = text === '' ? Number.NaN : Number(text)
  demand(text === '' || Math.abs(time) <= 8.64e15, 'date')
  return new Date(time)
}

function readRegExp(text: string): RegExp {
  const parts = /^(\d+)\/(\w*)\/(.*)$/s.exec(text)
  demand(parts !== null, 'expression')
  const expression = new RegExp(parts[3]!, parts[2])
  expression.lastIndex = Number(parts[1])
  return expression
}

function readBinary(text: string): object {
  const end = text.indexOf('/')
  const binary = makeBinary(text.slice(0, Math.max(0, end)), Buffer.from(text.slice(end + 1), 'base64'))
  demand(binary !== undefined, 'binary data')
  return binary
}
