import { LRUCache } from 'lru-cache'
import { literalPattern } from '../key/pattern'

/** What the key of the lease of a refresh has beside that of its entry. */
export const refreshSuffix = ':refresh'

/** Translates keys of one cache to those of the shared tier and, for what the feed tells, back. */
export class KeyNames {
  readonly #toShared: (key: string) => string
  readonly #prefix: string
  // A digest does not tell what it was made of. Bounded: what is not known here counts as "any of them".
  readonly #digested = new LRUCache<string, string>({ max: 10_000 })

  /** @param prefix what every key of the cache begins with in the shared tier, up to its arguments */
  constructor(prefix: string, toShared: (key: string) => string) {
    this.#prefix = prefix
    this.#toShared = toShared
  }

  /** A pattern for keys as one for keys of the shared tier. */
  patternOf(pattern: string): string {
    return `${literalPattern(this.#prefix)}${pattern}}`
  }

  toShared(key: string): string {
    const shared = this.#toShared(key)
    if (shared.length !== this.#prefix.length + key.length + 1) this.#digested.set(shared, key)
    return shared
  }

  /** The key beside which this one stands, if it is the lease of a refresh. */
  besideShared(shared: string): string | undefined {
    return shared.endsWith(refreshSuffix) ? this.fromShared(shared.slice(0, -refreshSuffix.length)) : undefined
  }

  /** The key, or undefined if that cannot be told. */
  fromShared(shared: string): string | undefined {
    // What stands beside an entry is none.
    if (!shared.endsWith('}')) return shared
    const key = shared.slice(this.#prefix.length, -1)
    return key.includes('%sha256-') ? this.#digested.get(shared) : key
  }
}
