import { types } from 'node:util'
import type { ResolvedType, TypeRegistry } from '../kernel/registered-types'
import { blankError, errorParts, fillError } from './error-parts'
import { walkLeaf } from './leaf'
import { errorPrototype, type NativeKind, nativeKind, nativeName } from './native-kind'
import { makeReadOnly } from './read-only'
import { objectRefusal, primitiveRefusal, type Step } from './refusal'
import { decodeInstance, encodeInstance, refuseHiddenState } from './registered-instance'
import { shallowCopy } from './shallow-copy'
import { arrayBytes, errorBytes, mapBytes, objectBytes, setBytes } from './size'
import { holes, isDense } from './sparse-array'
import { Tally } from './tally'
import { Trail } from './trail'
import { mutableCopy, type WalkPlan } from './walk-plan'

type Properties = Record<string, unknown>

/**
 * One pass over a value that refuses what cannot be carried, copies, freezes, and tallies. It does all of that in one recursion
 * because it runs on every miss.
 */
export class Walk {
  readonly tally = new Tally()

  readonly #types: TypeRegistry
  readonly #trail = new Trail()
  readonly #results = new Map<object, object>()
  readonly #beingEncoded = new Set<object>()
  #plan: WalkPlan

  constructor(types: TypeRegistry, plan: WalkPlan) {
    this.#types = types
    this.#plan = plan
  }

  /** Walks a whole value; throws `CW_VALUE_UNSUPPORTED` and nothing else. */
  root(value: unknown): unknown {
    try {
      return this.#part(value)
    } catch (error) {
      throw this.#trail.refusalOf(error)
    }
  }

  #part(part: unknown, step?: Step): unknown {
    if (typeof part === 'object' && part !== null) {
      if (step !== undefined) this.#trail.step(step)
      return this.#visit(part)
    }
    if (this.tally.primitive(part)) return part
    throw primitiveRefusal(step === undefined ? [] : this.#trail.path(step), part)
  }

  #visit(value: object): object {
    const known = this.#results.get(value)
    if (known !== undefined) {
      // JSON would write it twice and read two.
      this.tally.plain = false
      return known
    }
    this.#trail.enter(value)
    const kind = nativeKind(value)
    const result = kind === undefined ? this.#instance(value) : this.#native(value, kind)
    this.#trail.leave()
    return result
  }

  #native(value: object, kind: NativeKind): object {
    this.#refuseSymbols(value)
    if (kind === 'object') return this.#object(value, Object.prototype)
    if (kind === 'array') return this.#array(value as unknown[])
    this.tally.plain = false
    if (kind === 'bare') return this.#object(value, null)
    if (kind === 'error') return this.#error(value as Error, errorPrototype(nativeName(Object.getPrototypeOf(value))!)!)
    // Of binary data the keys are the indices, too many to look through for others.
    if (kind !== 'binary' && Object.keys(value).length > 0) {
      throw this.#trail.refusal('has properties of its own beside its content', 'return them beside it')
    }
    if (kind === 'map') return this.#map(value as Map<unknown, unknown>)
    if (kind === 'set') return this.#set(value as Set<unknown>)
    return this.#keep(value, walkLeaf(value, kind, this.#plan, this.tally))
  }

  #object(value: object, prototype: object | null): object {
    const target = this.#keep(value, this.#plan.copies ? shallowCopy(value, prototype) : value)
    this.#properties(target as Properties)
    return this.#plan.freezes ? Object.freeze(target) : target
  }

  #properties(target: Properties): void {
    const keys = Object.keys(target)
    this.tally.bytes += objectBytes(keys.length)
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]!
      const part = target[key]
      const result = this.#part(part, key)
      if (typeof result === 'object' && result !== part) target[key] = result
    }
  }

  #array(value: unknown[]): object {
    const keys = Object.keys(value)
    const { length } = value
    const { copies } = this.#plan
    this.tally.bytes += arrayBytes(keys.length)
    if (isDense(value, keys)) {
      const target = this.#keep(value, copies ? Array.prototype.slice.call(value) : value)
      for (let at = 0; at < length; at++) this.#element(target, at)
      return this.#plan.freezes ? Object.freeze(target) : target
    }
    this.tally.plain = false
    const target = this.#keep(value, copies ? holes(length) : value)
    for (const key of keys) {
      const at = Number(key)
      if (String(at >>> 0) !== key || at >= length) {
        throw this.#trail.refusal(`is an array with a property '${key}'`, 'return an object that holds both')
      }
      if (copies) target[at] = value[at]
      this.#element(target, at)
    }
    return this.#plan.freezes ? Object.freeze(target) : target
  }

  #element(target: unknown[], at: number): void {
    const part = target[at]
    const result = this.#part(part, at)
    if (typeof result === 'object' && result !== part) target[at] = result
  }

  #map(value: Map<unknown, unknown>): object {
    const { copies, freezes } = this.#plan
    this.tally.bytes += mapBytes(value.size)
    const target = this.#keep(value, copies ? new Map<unknown, unknown>() : value)
    for (const [key, part] of value) {
      const targetKey = this.#part(key, { of: 'key' })
      const result = this.#part(part, { of: 'value', at: key })
      if (copies) target.set(targetKey, result)
    }
    if (freezes) makeReadOnly(target, 'map')
    return target
  }

  #set(value: Set<unknown>): object {
    const { copies, freezes } = this.#plan
    this.tally.bytes += setBytes(value.size)
    const target = this.#keep(value, copies ? new Set<unknown>() : value)
    for (const part of value) {
      const result = this.#part(part, { of: 'member' })
      if (copies) target.add(result)
    }
    if (freezes) makeReadOnly(target, 'set')
    return target
  }

  #error(value: Error, prototype: object): object {
    this.tally.bytes += errorBytes
    const target = this.#keep(value, this.#plan.copies ? blankError(prototype) : value)
    const parts = errorParts(value)
    this.#properties(parts.hidden)
    this.#properties(parts.shown)
    if (this.#plan.copies) fillError(target, parts)
    return this.#plan.freezes ? Object.freeze(target) : target
  }

  #instance(value: object): object {
    const type = this.#types.ofValue(value)
    if (type === undefined) throw objectRefusal(this.#trail.path(), value)
    this.tally.plain = false
    this.#refuseSymbols(value)
    if (!type.byProperties) return this.#encoded(value, type)
    if (types.isNativeError(value)) return this.#error(value, type.prototype)
    refuseHiddenState(value, this.#trail)
    return this.#object(value, type.prototype)
  }

  // What such an instance keeps in private fields nobody else can freeze: it is copied for each reader and left as `decode` made it.
  #encoded(value: object, type: ResolvedType): object {
    if (this.#beingEncoded.has(value)) {
      throw this.#trail.refusal(
        'refers back to itself through its own `encode`',
        'leave the way back out of what it returns',
      )
    }
    this.tally.renewable = true
    this.tally.bytes += objectBytes(0)
    this.#beingEncoded.add(value)
    const encoded = encodeInstance(value, type, this.#trail)
    const instance = this.#plan.copies ? this.#decoded(encoded, type) : this.#measured(value, encoded)
    this.#beingEncoded.delete(value)
    return this.#keep(value, instance)
  }

  #decoded(encoded: unknown, type: ResolvedType): object {
    const plan = this.#plan
    this.#plan = mutableCopy
    const copy = this.#part(encoded, { of: 'encoded' })
    this.#plan = plan
    return decodeInstance(copy, type, this.#trail)
  }

  #measured(value: object, encoded: unknown): object {
    const walk = new Walk(this.#types, mutableCopy)
    walk.root(encoded)
    this.tally.bytes += walk.tally.bytes
    return value
  }

  #refuseSymbols(value: object): void {
    for (const symbol of Object.getOwnPropertySymbols(value)) {
      if (!Object.prototype.propertyIsEnumerable.call(value, symbol)) continue
      throw this.#trail.refusal(`has a property named by ${String(symbol)}`, 'name it by a string')
    }
  }

  #keep<T extends object>(value: object, result: T): T {
    this.#results.set(value, result)
    return result
  }
}
