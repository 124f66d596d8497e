import type { CacheStats } from '../events/stats'
import { describeThrown } from '../kernel/describe'
import type { Duration } from '../kernel/duration'
import { milliseconds } from '../kernel/duration'
import { type CacheError, cacheError } from '../kernel/errors'
import type { Lookup } from '../kernel/lookup'
import { checkOptions, type Rule, type Rules, rules, show } from '../kernel/options'
import type { CacheKeyParts, KeyEncoder } from '../key/key-encoder'
import type { Terms } from './tier'
import type { Put, TieredCache } from './tiered-cache'

/** How long a value is kept and how else it can be evicted. */
export interface KeepOptions<Value> {
  /** How long the entry lives. @default the cache's `ttl` */
  readonly ttl?: Duration
  /** Tags by which the entry can be evicted, or a function that reads them off the value. @default none */
  readonly tags?: readonly string[] | ((value: Value) => readonly string[])
}

/** Options of {@link Cache.getOrLoad}. */
export interface LoadOptions<Value> extends KeepOptions<Value> {
  /** Leaves the wait when aborted; the load is cancelled when nobody waits for it any more. */
  readonly signal?: AbortSignal
}

/** Makes the value of a key; the signal is aborted when nobody waits for it any more. */
export type Loader<Value> = (signal: AbortSignal) => Value | Promise<Value>

const keepRules: Rules<KeepOptions<unknown>> = {
  ttl: rules.anything,
  tags: rules.either(rules.list, rules.callable),
}

const iterable: Rule = {
  text: 'an array, a Map or another iterable of [key, value]',
  allows: (value) => typeof (value as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function',
}

const loadRules: Rules<LoadOptions<unknown>> = {
  ...keepRules,
  signal: { text: 'an AbortSignal', allows: (value) => value instanceof AbortSignal },
}

/** What a {@link Cache} is made of. */
export interface CacheParts {
  readonly name: string
  readonly tiers: TieredCache
  readonly keys: KeyEncoder
  readonly ttlMs: number
  readonly ttlJitter: number
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

  /** @internal Made by a manager: `manager.cache(name)`. */
  constructor(parts: CacheParts) {
    this.name = parts.name
    this.parts = parts
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
   * The cached value, or what the loader makes of it; the loader runs once for all who ask meanwhile, and its error goes
   * to each of them.
   *
   * @throws what the loader throws; CW_KEY_UNSUPPORTED for a key that cannot be one
   */
  async getOrLoad(key: CacheKeyParts, loader: Loader<Value>, options: LoadOptions<Value> = {}): Promise<Value> {
    checkOptions(`getOrLoad of cache '${this.name}'`, options, loadRules)
    this.#check(rules.callable, loader, 'getOrLoad', 'the loader')
    const terms = this.#terms(options)
    const load = async (signal: AbortSignal): Promise<Value> => loader(signal)
    if (this.parts.isClosed()) return load(options.signal ?? new AbortController().signal)
    const request = { key: this.parts.keys.encodeKey(key), load, terms, tagged: options.tags !== undefined }
    return (await this.parts.tiers.read(request, options.signal)) as Value
  }

  /** Puts a value in every tier, in place of whatever was there. */
  put(key: CacheKeyParts, value: Value, options: KeepOptions<Value> = {}): Promise<void> {
    return this.putMany([[key, value]], options)
  }

  /** Puts many values in one round trip. */
  async putMany(entries: Iterable<readonly [CacheKeyParts, Value]>, options: KeepOptions<Value> = {}): Promise<void> {
    checkOptions(`put of cache '${this.name}'`, options, keepRules)
    const terms = this.#terms(options)
    this.#check(iterable, entries, 'putMany', 'the entries')
    const puts: Put[] = Array.from(entries, ([key, value]) => ({ key: this.parts.keys.encodeKey(key), value }))
    if (this.parts.isClosed()) return
    const write = await this.parts.tiers.beginWrite(options.tags !== undefined)
    try {
      await this.parts.tiers.put(puts, terms, write)
    } finally {
      this.parts.tiers.endWrite(write)
    }
  }

  /** Removes an entry from every tier; a load of it that is in flight will not be kept. */
  evict(key: CacheKeyParts): Promise<void> {
    return this.evictMany([key])
  }

  /** Removes many entries in one round trip. */
  async evictMany(keys: readonly CacheKeyParts[]): Promise<void> {
    this.#check(rules.list, keys, 'evictMany', 'the keys')
    const encoded = keys.map((key) => this.parts.keys.encodeKey(key))
    if (!this.parts.isClosed()) await this.parts.tiers.evict(encoded)
  }

  /** Removes every entry of this cache that carries one of the tags; the same cost however many there are. */
  async evictTags(tags: readonly string[]): Promise<void> {
    checkTags(tags, `evictTags of cache '${this.name}'`)
    if (!this.parts.isClosed()) await this.parts.tiers.evictTags(tags)
  }

  /** Removes every entry of this cache; the same cost however many there are. */
  async clear(): Promise<void> {
    if (!this.parts.isClosed()) await this.parts.tiers.clear()
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

  /** Asks the user's function; where it fails the value is not kept, and that is reported. */
  #ask(tags: (value: Value) => readonly string[], value: Value): readonly string[] | undefined {
    try {
      const named = tags(value)
      checkTags(named, '`tags`')
      return named
    } catch (error) {
      const message = `Cache '${this.name}' does not keep a value: \`tags\` threw: ${describeThrown(error)}`
      this.parts.reportSkipped(
        this.name,
        `tags of cache '${this.name}'`,
        cacheError('CW_FUNCTION_FAILED', message, error),
      )
      return undefined
    }
  }

  #terms({ ttl, tags }: KeepOptions<Value>): Terms {
    if (Array.isArray(tags)) checkTags(tags, `cache '${this.name}'`)
    return {
      ttlMs: ttl === undefined ? this.parts.ttlMs : milliseconds(ttl, `\`ttl\` for cache '${this.name}'`),
      ttlJitter: this.parts.ttlJitter,
      tagsIfKept: (value) => (typeof tags === 'function' ? this.#ask(tags, value as Value) : (tags ?? [])),
    }
  }
}

/** @throws CW_OPTION_INVALID for anything but an array of texts that are not empty */
export function checkTags(tags: unknown, where: string): asserts tags is readonly string[] {
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string' && tag !== '')) return
  throw cacheError('CW_OPTION_INVALID', `${where}: tags must be an array of texts that are not empty.`)
}
