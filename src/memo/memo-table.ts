import { type Lookup, miss } from '../kernel/lookup'
import { isThenable } from '../kernel/thenable'
import type { Memo, MemoInfo } from './memo'
import type { MemoDefinition } from './memo-definition'
import { type KeptResult, RecentResults } from './recent-results'

/** The {@link Memo} of one function, or of one method on one instance. It does not know the instance. */
export class MemoTable implements Memo {
  readonly #definition: MemoDefinition
  readonly #results: RecentResults
  #hits = 0
  #misses = 0
  /** Counts evicts and clears: what was being made when one happened is not kept. */
  #removals = 0

  constructor(definition: MemoDefinition) {
    this.#definition = definition
    this.#results = new RecentResults(definition.maxEntries)
  }

  /**
   * Answers a call: with the result that is kept, or by calling the function. Calls within calls are calls like any
   * other: what is kept is what returns, so a function that asks for its own key is called again.
   *
   * @throws what the function throws; CW_KEY_UNSUPPORTED before it is called; CW_ASYNC_METHOD if it answers a promise
   */
  call(self: unknown, args: readonly unknown[]): unknown {
    const definition = this.#definition
    const key = definition.keys.ofCall(args)
    if (key === undefined) return Reflect.apply(definition.original, self, args)
    const kept = this.#results.get(key)
    if (kept !== undefined) {
      if (this.#isLive(kept)) {
        this.#hits++
        return kept.value
      }
      this.#results.delete(kept)
    }
    // Called from here and not from a function of its own: calls within calls have one stack for all of them.
    const removals = this.#removals
    this.#misses++
    const value: unknown = Reflect.apply(definition.original, self, args)
    if (isThenable(value)) throw definition.refusePromise(value)
    const { ttlMs } = definition
    if (removals === this.#removals && ttlMs > 0) {
      this.#results.set(key, value, ttlMs === Number.POSITIVE_INFINITY ? ttlMs : definition.clock.now() + ttlMs)
    }
    return value
  }

  peek(...args: readonly unknown[]): Lookup<unknown> {
    const kept = this.#results.peek(this.#definition.keys.of(args))
    return kept !== undefined && this.#isLive(kept) ? { found: true, value: kept.value } : miss
  }

  evict(...args: readonly unknown[]): boolean {
    const kept = this.#results.peek(this.#definition.keys.of(args))
    this.#removals++
    if (kept === undefined) return false
    this.#results.delete(kept)
    return this.#isLive(kept)
  }

  clear(): void {
    this.#removals++
    this.#results.clear()
  }

  info(): MemoInfo {
    const calls = this.#hits + this.#misses
    return Object.freeze({
      hits: this.#hits,
      misses: this.#misses,
      ratio: calls === 0 ? 0 : this.#hits / calls,
      size: this.#results.size,
      max: this.#definition.maxEntries,
    })
  }

  keyOf(...args: readonly unknown[]): string {
    return this.#definition.keys.textOf(args)
  }

  #isLive({ expiresAt }: KeptResult): boolean {
    return expiresAt === Number.POSITIVE_INFINITY || this.#definition.clock.now() < expiresAt
  }
}
