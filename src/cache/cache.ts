import type { CacheStats } from '../events/stats'
import { type CacheError, cacheError } from '../kernel/errors'
import type { Lookup } from '../kernel/lookup'
import { checkOptions, type Rule, rules, show } from '../kernel/options'
import { asParts, type CacheKeyParts, type KeyEncoder, type KeyValue } from '../key/key-encoder'
import { compilePattern } from '../key/pattern'
import type { Policies } from '../policies/policies'
import { checkTags } from './check-tags'
import {
  type EvictOptions,
  evictRules,
  type KeepOptions,
  keepRules,
  type Loader,
  type LoadOptions,
  loadRules,
} from './options'
import { TermsMaker } from './terms-maker'
import type { TieredCache } from './tiered-cache'
import type { Put } from './writes'

const iterable: Rule = {
  text: 'an array, a Map or another iterable of [key, value]',
  allows: (value) => typeof (value as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function',
}

/** What a {@link Cache} is made of. */
export interface CacheParts {
  readonly name: string
  readonly tiers: TieredCache
  readonly keys: KeyEncoder
  readonly ttlMs: number
  readonly ttlJitter: number
  readonly policies: Policies
  /** The most entries of the local tier; 0 where there is none. */
  readonly maxEntries: number
  /** Whether entries can be evicted by what their keys begin with. */
  readonly hierarchical: boolean
  /** Whether its manager was closed: every method then does as if there were no cache. */
  readonly isClosed: () => boolean
  readonly reportSkipped: (cache: string, operation: string, error: CacheError) => void
}

/**
 * A named cache, for code without annotations. The annotations of the same cache name see the same entries: a method
 * called with `id`, `key: (id) => id` and `cache.get(id)` mean one key.
 */
export class Cache<Value = unknown> {
  readonly name: string
  /** @internal */
  readonly parts: CacheParts
  readonly #terms: TermsMaker<Value>

  /** @internal Made by a manager: `manager.cache(name)`. */
  constructor(parts: CacheParts) {
    this.name = parts.name
    this.parts = parts
    this.#terms = new TermsMaker(parts)
  }

  /** The cached value, or undefined if there is none; {@link lookup} tells that from a cached `undefined`. */
  async get(key: CacheKeyParts): Promise<Value | undefined> {
    const found = await this.lookup(key)
    return found.found ? found.value : undefined
  }

  /** Whether there is a value, and which. */
  async lookup(key: CacheKeyParts): Promise<Lookup<Value>> {
    return (await this.#lookupMany([key]))[0]!
  }

  /** The cached values in the order of the keys, undefined where there is none; one round trip for all. */
  async getMany(keys: readonly CacheKeyParts[]): Promise<(Value | undefined)[]> {
    return (await this.#lookupMany(keys)).map((found) => (found.found ? found.value : undefined))
  }

  /**
   * Milliseconds that the entry of a key has to live, `Infinity` for one without end; undefined where there is none.
   * Asks the shared tier where there is one; loads nothing and counts nothing.
   */
  async ttl(key: CacheKeyParts): Promise<number | undefined> {
    const encoded = this.parts.keys.encodeKey(key)
    return this.parts.isClosed() ? undefined : this.parts.tiers.ttl(encoded)
  }

  /**
   * The cached value, or what the loader makes of it; the loader runs once for all who ask meanwhile, and its error goes
   * to each of them.
   *
   * @throws what the loader throws; CW_KEY_UNSUPPORTED for a key that cannot be one
   */
  async getOrLoad(key: CacheKeyParts, loader: Loader<Value>, options: LoadOptions<Value> = {}): Promise<Value> {
    checkOptions<object>(`getOrLoad of cache '${this.name}'`, options, loadRules)
    this.#check(rules.callable, loader, 'getOrLoad', 'the loader')
    const terms = this.#terms.make(options, 'getOrLoad')
    const load = async (signal: AbortSignal): Promise<Value> => loader(signal)
    if (this.parts.isClosed()) return load(options.signal ?? new AbortController().signal)
    const { tiers, keys } = this.parts
    const tagged = tiers.isTagged(options.tags !== undefined)
    const request = { key: keys.encodeKey(key), load, terms, tagged, call: load }
    return (await tiers.loads.read(request, options.signal)) as Value
  }

  /** Puts a value in every tier, in place of whatever was there. */
  put(key: CacheKeyParts, value: Value, options: KeepOptions<Value> = {}): Promise<void> {
    return this.putMany([[key, value]], options)
  }

  /** Puts many values in one round trip. */
  async putMany(entries: Iterable<readonly [CacheKeyParts, Value]>, options: KeepOptions<Value> = {}): Promise<void> {
    checkOptions(`put of cache '${this.name}'`, options, keepRules)
    const terms = this.#terms.make(options, 'put')
    this.#check(iterable, entries, 'putMany', 'the entries')
    const puts: Put[] = Array.from(entries, ([key, value]) => ({ key: this.parts.keys.encodeKey(key), value }))
    if (this.parts.isClosed()) return
    const { tiers } = this.parts
    const write = await tiers.writes.begin(tiers.isTagged(options.tags !== undefined))
    try {
      await tiers.writes.put(puts, terms, write)
    } finally {
      tiers.writes.end(write)
    }
  }

  /**
   * Removes an entry from every tier; a load of it that is in flight will not be kept.
   *
   * @throws CW_EVICTION_DEFERRED, if it is to be acknowledged and the shared tier cannot be reached
   */
  evict(key: CacheKeyParts, options: EvictOptions = {}): Promise<void> {
    return this.evictMany([key], options)
  }

  /** Removes many entries in one round trip. @throws as {@link evict} */
  async evictMany(keys: readonly CacheKeyParts[], options: EvictOptions = {}): Promise<void> {
    checkOptions(`evict of cache '${this.name}'`, options, evictRules)
    this.#check(rules.list, keys, 'evictMany', 'the keys')
    const encoded = keys.map((key) => this.parts.keys.encodeKey(key))
    if (this.parts.isClosed()) return
    const { evictions } = this.parts.tiers
    await (options.acknowledged === true ? evictions.evictEverywhere(encoded) : evictions.evict(encoded))
  }

  /**
   * Ends the life of an entry: it is loaded anew by the next read, and served past its life where a policy allows
   * (`staleWhileRevalidate`, `staleIfError`); where none does, the same as {@link evict}. A load of it that is in flight
   * will not be kept.
   */
  async expire(key: CacheKeyParts): Promise<void> {
    const encoded = this.parts.keys.encodeKey(key)
    if (!this.parts.isClosed()) await this.parts.tiers.evictions.expire([encoded])
  }

  /**
   * Removes the entry of a key and those of all keys that begin with its parts: `['user', 7]` stands for
   * `['user', 7, 'orders']` too. The same cost however many there are. For caches with `hierarchical: true`.
   *
   * @throws CW_OPTION_INVALID for another cache, or an empty prefix
   */
  async evictPrefix(prefix: KeyValue | readonly KeyValue[]): Promise<void> {
    if (!this.parts.hierarchical) {
      throw cacheError(
        'CW_OPTION_INVALID',
        `evictPrefix of cache '${this.name}': the cache is not hierarchical. Give it \`hierarchical: true\` in the manager's \`caches\` or \`defaults\`.`,
      )
    }
    if (asParts(prefix).every((part) => part === undefined)) {
      throw cacheError(
        'CW_OPTION_INVALID',
        `evictPrefix of cache '${this.name}': the prefix is empty, which would be every entry; clear() removes them.`,
      )
    }
    const key = this.parts.keys.encodeKey(prefix)
    if (!this.parts.isClosed()) await this.parts.tiers.evictions.evictPrefix(key)
  }

  /**
   * Removes the entries whose keys match a pattern: `*` stands for any characters, `?` for one, `[ab]` for one of these,
   * as in Redis; keys look as `docs/keys.md` shows them (`user-*`, `#4?`). For operators: it looks at every key of the
   * shared tier, in batches (`SCAN` on each primary), so it takes as long as the server is large, and removes also what
   * was kept while it ran. Tags and {@link evictPrefix} cost the same however much there is. A key over 200 bytes
   * matches by its beginning alone.
   *
   * @returns how many entries (and loads in progress) there were
   * @throws CW_SHARED_UNAVAILABLE, CW_SHARED_TIMEOUT, CW_SHARED_REFUSED if not every key could be looked at
   */
  async evictMatching(pattern: string): Promise<number> {
    this.#check(rules.text, pattern, 'evictMatching', 'the pattern')
    const encoded = this.parts.keys.encodePattern(pattern)
    return this.parts.isClosed() ? 0 : this.parts.tiers.evictions.evictMatching(encoded, compilePattern(encoded))
  }

  /** Removes every entry of this cache that carries one of the tags; the same cost however many there are. */
  async evictTags(tags: readonly string[]): Promise<void> {
    checkTags(tags, `evictTags of cache '${this.name}'`)
    if (!this.parts.isClosed()) await this.parts.tiers.evictions.evictTags(tags)
  }

  /** Removes every entry of this cache; the same cost however many there are. */
  async clear(): Promise<void> {
    if (!this.parts.isClosed()) await this.parts.tiers.evictions.clear()
  }

  /** Counts since the manager was made. */
  stats(): CacheStats {
    return this.parts.tiers.stats()
  }

  async #lookupMany(keys: readonly CacheKeyParts[]): Promise<Lookup<Value>[]> {
    this.#check(rules.list, keys, 'getMany', 'the keys')
    const encoded = keys.map((key) => this.parts.keys.encodeKey(key))
    if (this.parts.isClosed()) return encoded.map(() => ({ found: false }))
    return (await this.parts.tiers.lookupMany(encoded)) as Lookup<Value>[]
  }

  #check(rule: Rule, given: unknown, method: string, what: string): void {
    if (rule.allows(given)) return
    throw cacheError(
      'CW_OPTION_INVALID',
      `${method} of cache '${this.name}': ${what} must be ${rule.text}, got ${show(given)}.`,
    )
  }
}
