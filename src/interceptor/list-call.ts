import { describeThrown } from '../kernel/describe'
import { cacheError } from '../kernel/errors'
import { show } from '../kernel/options'
import type { DecoratedMethod } from '../metadata/decorated-method'
import type { ListOperation, UserFunction } from '../metadata/operation'

/** What came of one element of a list. */
export interface LoadedElement {
  readonly value: unknown
  /** Why there is no value: this element's failure alone. */
  readonly failure?: { readonly error: unknown }
  /** The source does not know the element. */
  readonly isAbsent?: boolean
}

/**
 * A method that takes a list, as `@CacheableMany` says: where the list stands among its arguments, and how what it
 * returns belongs to it.
 */
export class ListCall {
  constructor(
    private readonly method: DecoratedMethod,
    private readonly many: ListOperation,
  ) {}

  get maxBatch(): number {
    return this.many.maxBatch
  }

  /** Whether an element that the source does not know is kept nowhere. */
  get leavesOut(): boolean {
    return this.many.absent === undefined
  }

  /** The elements of a call. @throws CW_KEY_UNSUPPORTED if there is no list where it should be */
  elementsOf([first]: readonly unknown[]): readonly unknown[] {
    const { list } = this.many
    const found = list === undefined ? first : (first as Record<string, unknown> | null | undefined)?.[list]
    // The caller may change its own while it waits.
    if (Array.isArray(found)) return found.slice() as unknown[]
    const where = list === undefined ? 'its first argument' : `field \`${list}\` of its first argument`
    throw cacheError(
      'CW_KEY_UNSUPPORTED',
      `@CacheableMany of ${this.method.where}: ${where} must be an array, got ${found === null ? 'null' : typeof found}.`,
    )
  }

  /** The arguments of a function that is asked about one element. */
  argumentsFor(element: unknown, args: readonly unknown[]): readonly unknown[] {
    return this.many.list === undefined ? [element, ...args.slice(1)] : [element, ...args]
  }

  /** The arguments of a call for these elements alone. */
  argumentsOf(elements: readonly unknown[], [first, ...others]: readonly unknown[]): readonly unknown[] {
    const { list } = this.many
    // The method may change what it is given.
    const value = elements.slice()
    if (list === undefined) return [value, ...others]
    const own = Object.getOwnPropertyDescriptors(first as object)
    const field = { value, enumerable: true, writable: true, configurable: true }
    return [Object.create(Object.getPrototypeOf(first) as object | null, { ...own, [list]: field }), ...others]
  }

  /**
   * What the method returned for each of these elements, in their order.
   *
   * @param encode encodes an element, what a map has as a key, or what `idOf` made of a value
   * @throws CW_BATCH_MISMATCH; CW_KEY_UNSUPPORTED for what is to be found by its id and has none
   */
  assign(result: unknown, elements: readonly unknown[], encode: (id: unknown) => string): readonly LoadedElement[] {
    const { isMap, idOf } = this.many
    if (isMap) {
      if (!(result instanceof Map)) throw this.#mismatch('a Map, since it says `map: true`', result)
      return this.#byId([...result], elements, encode)
    }
    if (!Array.isArray(result)) throw this.#mismatch('an array (or a Map, with `map: true`)', result)
    if (idOf !== undefined) {
      const named = result.filter((value) => value !== null && value !== undefined)
      return this.#byId(
        named.map((value) => [this.#idOf(idOf, value), value]),
        elements,
        encode,
      )
    }
    // Also what was never set.
    if (result.length === elements.length) return Array.from(result, asLoaded)
    throw cacheError(
      'CW_BATCH_MISMATCH',
      `@CacheableMany of ${this.method.where}: for ${elements.length} elements the method returned ${result.length}, so it cannot be told which belongs to which. Return as many, in the same order (null for what there is not); or give \`idOf\`; or return a Map and say \`map: true\`.`,
    )
  }

  /** The answer to the caller: in the order of the list, with its duplicates. */
  answer(elements: readonly unknown[], values: readonly unknown[]): unknown {
    const { isMap, idOf } = this.many
    if (!isMap && idOf === undefined) return values
    const there = elements
      .map((element, index) => [element, values[index]] as const)
      .filter(([, value]) => value !== null && value !== undefined)
    return isMap ? new Map(there) : there.map(([, value]) => value)
  }

  #byId(
    pairs: readonly (readonly [id: unknown, value: unknown])[],
    elements: readonly unknown[],
    encode: (id: unknown) => string,
  ): readonly LoadedElement[] {
    // Of two values for one element the last stands.
    const found = new Map(pairs.map(([id, value]) => [encode(id), value]))
    const ids = elements.map(encode)
    // An id of another type, or off another field, would pass for an element that there is not.
    if (pairs.length > 0 && !ids.some((id) => found.has(id))) {
      throw cacheError(
        'CW_BATCH_MISMATCH',
        `@CacheableMany of ${this.method.where}: none of the ${pairs.length} values that the method returned belongs to an element that it was asked for: it was asked for ${show(elements[0])}, and a value is said to belong to ${show(pairs[0]![0])}. ${this.many.isMap ? 'The keys of the Map' : 'What `idOf` answers with'} must be the elements, of their type too.`,
      )
    }
    // What nobody asked for is left alone: nothing kept it from being old while it was loaded.
    return ids.map((id) =>
      found.has(id) ? asLoaded(found.get(id)) : { value: this.many.absent?.value, isAbsent: true },
    )
  }

  #idOf(idOf: UserFunction, value: unknown): unknown {
    try {
      return idOf(value)
    } catch (error) {
      throw cacheError(
        'CW_BATCH_MISMATCH',
        `@CacheableMany of ${this.method.where}: \`idOf\` threw for a value that the method returned (${describeThrown(error)}): ${show(value)}.`,
        error,
      )
    }
  }

  #mismatch(expected: string, got: unknown): Error {
    const what = got === null ? 'null' : got instanceof Map ? 'a Map' : Array.isArray(got) ? 'an array' : typeof got
    return cacheError(
      'CW_BATCH_MISMATCH',
      `@CacheableMany of ${this.method.where}: the method must return ${expected}, and returned ${what}.`,
    )
  }
}

/** An error in the place of an element is the failure of that element alone. */
function asLoaded(value: unknown): LoadedElement {
  return value instanceof Error ? { value: undefined, failure: { error: value } } : { value }
}
