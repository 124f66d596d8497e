import type { MemoKey } from './memo-keys'

/** A result, between the one used next after it and the one used last before it. */
export interface KeptResult {
  readonly key: MemoKey
  value: unknown
  /** Clock reading at which its time is up. */
  expiresAt: number
  newer: KeptResult | undefined
  older: KeptResult | undefined
}

/**
 * The results used last, up to a number. A linked list in order of use, and a map into it from the second result on:
 * a memo of every instance must cost little, and a getter has one result. (An `LRUCache` of lru-cache makes arrays of
 * its full size at once, 24 KB for 1,000 entries.)
 */
export class RecentResults {
  readonly #max: number
  #byKey: Map<MemoKey, KeptResult> | undefined
  #newest: KeptResult | undefined
  #oldest: KeptResult | undefined
  #size = 0

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#size
  }

  /** The result, without counting that as a use. */
  peek(key: MemoKey): KeptResult | undefined {
    // NaN is not found here, but by the map: it equals itself there only.
    if (this.#newest?.key === key) return this.#newest
    return this.#byKey?.get(key)
  }

  /** The result, which is then the one used last. */
  get(key: MemoKey): KeptResult | undefined {
    const newest = this.#newest
    if (newest === undefined || newest.key === key) return newest
    const found = this.#byKey?.get(key)
    if (found !== undefined && found !== newest) {
      this.#unlink(found)
      this.#link(found)
    }
    return found
  }

  /** Keeps a result as the one used last; where there are too many then, the one not used for longest goes. */
  set(key: MemoKey, value: unknown, expiresAt: number): void {
    const known = this.get(key)
    if (known !== undefined) {
      known.value = value
      known.expiresAt = expiresAt
      return
    }
    if (this.#size === this.#max) this.delete(this.#oldest!)
    const result: KeptResult = { key, value, expiresAt, newer: undefined, older: undefined }
    const only = this.#newest
    if (this.#byKey === undefined && (only !== undefined || Number.isNaN(key))) {
      this.#byKey = new Map()
      if (only !== undefined) this.#byKey.set(only.key, only)
    }
    this.#byKey?.set(key, result)
    this.#link(result)
    this.#size++
  }

  delete(result: KeptResult): void {
    this.#byKey?.delete(result.key)
    this.#unlink(result)
    this.#size--
  }

  clear(): void {
    this.#byKey = undefined
    this.#newest = undefined
    this.#oldest = undefined
    this.#size = 0
  }

  #link(result: KeptResult): void {
    const newest = this.#newest
    result.newer = undefined
    result.older = newest
    if (newest === undefined) this.#oldest = result
    else newest.newer = result
    this.#newest = result
  }

  #unlink({ newer, older }: KeptResult): void {
    if (newer === undefined) this.#newest = older
    else newer.older = older
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
  }
}
