import type { MemoDefinition } from './memo-definition'
import { MemoTable } from './memo-table'

/** Whom the results of a method belong to: each instance, or all instances of a class together. */
export type MemoScope = 'instance' | 'shared'

/** The memos of one method. They hang on those they belong to, and go with them. */
export class Memos {
  readonly #definition: MemoDefinition
  readonly #scope: MemoScope
  readonly #byOwner = new WeakMap<object, MemoTable>()

  constructor(definition: MemoDefinition, scope: MemoScope) {
    this.#definition = definition
    this.#scope = scope
  }

  /** The memo for calls on this object; undefined for what can own none, such as the `undefined` of a method torn off. */
  of(self: unknown): MemoTable | undefined {
    const owner = this.#ownerOf(self)
    if (owner === undefined) return undefined
    let memo = this.#byOwner.get(owner)
    if (memo === undefined) {
      memo = new MemoTable(this.#definition)
      this.#byOwner.set(owner, memo)
    }
    return memo
  }

  #ownerOf(self: unknown): object | undefined {
    if (typeof self === 'function') return self
    if (typeof self !== 'object' || self === null) return undefined
    if (this.#scope === 'instance') return self
    // By class, so that subclasses that inherit the method, and may answer differently, do not share with each other.
    return (Object.getPrototypeOf(self) as object | null) ?? undefined
  }
}

/** Under this name the function in the place of a memoised method keeps its {@link Memos}. */
export const memosOf: unique symbol = Symbol('cachewright.memos')
