import { EventEmitter } from 'node:events'
import { type Cache, cacheContext, cacheError, wallTime } from '../index'

/** What a {@link CacheManagerFacade} tells of, by the names of `cache-manager`. */
export interface CacheManagerEvents {
  get: <Value>(data: { key: string; value?: Value; error?: unknown }) => void
  mget: <Value>(data: { keys: string[]; value?: Value[]; error?: unknown }) => void
  set: <Value>(data: { key: string; value: Value; error?: unknown }) => void
  mset: <Value>(data: { list: { key: string; value: Value; ttl?: number }[]; error?: unknown }) => void
  del: (data: { key: string; error?: unknown }) => void
  clear: (error?: unknown) => void
  refresh: <Value>(data: { key: string; value: Value; error?: unknown }) => void
}

/** Options of {@link CacheManagerFacade.wrap}. */
export interface WrapOptions<Value> {
  /** Milliseconds, or a function that reads them off the value; 0: without end. @default the cache's `ttl` */
  readonly ttl?: number | ((value: Value) => number)
  /** A value with fewer milliseconds to live is loaded anew in the background. Goes with a `ttl` that is a number. @default not */
  readonly refreshThreshold?: number | ((value: Value) => number)
}

/**
 * A cache with the methods of `cache-manager` 6 and 7, which is what `CACHE_MANAGER` of `@nestjs/cache-manager` injects.
 * Times are in milliseconds.
 */
export interface CacheManagerFacade {
  get<Value>(key: string): Promise<Value | undefined>
  mget<Value>(keys: string[]): Promise<(Value | undefined)[]>
  /** When the entry expires, in milliseconds since 1970; undefined for one without end, and where there is none. */
  ttl(key: string): Promise<number | undefined>
  /** @param ttl milliseconds; 0: without end. The cache's `ttl` if left out. */
  set<Value>(key: string, value: Value, ttl?: number): Promise<Value>
  mset<Value>(
    list: { key: string; value: Value; ttl?: number }[],
  ): Promise<{ key: string; value: Value; ttl?: number }[]>
  del(key: string): Promise<boolean>
  mdel(keys: string[]): Promise<boolean>
  clear(): Promise<boolean>
  wrap<Value>(
    key: string,
    load: () => Value | Promise<Value>,
    ttl?: WrapOptions<Value>['ttl'],
    refreshThreshold?: WrapOptions<Value>['refreshThreshold'],
  ): Promise<Value>
  wrap<Value>(key: string, load: () => Value | Promise<Value>, options: WrapOptions<Value>): Promise<Value>
  wrap<Value>(
    key: string,
    load: () => Value | Promise<Value>,
    options: WrapOptions<Value> & { readonly raw: true },
  ): Promise<{ value: Value; expires?: number | undefined }>
  on<Name extends keyof CacheManagerEvents>(event: Name, listener: CacheManagerEvents[Name]): EventEmitter
  off<Name extends keyof CacheManagerEvents>(event: Name, listener: CacheManagerEvents[Name]): EventEmitter
  /** Does nothing: the manager closes with its application. */
  disconnect(): Promise<undefined>
  /** The name of the cache. */
  cacheId(): string
  /** Empty: there is no Keyv behind it. */
  readonly stores: never[]
}

/**
 * A cache for code that was written for `cache-manager`: the same entries as `@InjectCache` and the annotations of that
 * cache name see. Unlike there, an entry without a `ttl` has that of the cache; values are frozen copies unless the cache
 * says otherwise (`local: { isolation: 'copy' }`); and a store that does not answer fails nothing.
 */
export function cacheManagerFacade(cache: Cache): CacheManagerFacade {
  return new Facade(cache) as CacheManagerFacade
}

type Entry = { key: string; value: unknown; ttl?: number }

/** Its methods are functions of their own: code for `cache-manager` takes them off the object. */
class Facade {
  readonly stores: never[] = []
  readonly #cache: Cache
  readonly #events = new EventEmitter()

  constructor(cache: Cache) {
    this.#cache = cache
  }

  readonly get = async (key: string): Promise<unknown> => {
    const value = await this.#cache.get(key)
    if (value !== undefined) this.#events.emit('get', { key, value })
    return value
  }

  readonly mget = async (keys: string[]): Promise<unknown[]> => {
    const value = await this.#cache.getMany(keys)
    this.#events.emit('mget', { keys, value })
    return value
  }

  readonly ttl = async (key: string): Promise<number | undefined> => {
    const left = await this.#cache.ttl(key)
    return left === undefined || left === Number.POSITIVE_INFINITY ? undefined : Math.round(wallTime() + left)
  }

  readonly set = async (key: string, value: unknown, ttl?: number): Promise<unknown> => {
    await this.#put([{ key, value, ...(ttl === undefined ? {} : { ttl }) }])
    this.#events.emit('set', { key, value })
    return value
  }

  readonly mset = async (list: Entry[]): Promise<Entry[]> => {
    await this.#put(list)
    this.#events.emit('mset', { list })
    return list
  }

  readonly del = async (key: string): Promise<boolean> => {
    await this.#cache.evict(key)
    this.#events.emit('del', { key })
    return true
  }

  readonly mdel = async (keys: string[]): Promise<boolean> => {
    await this.#cache.evictMany(keys)
    this.#events.emit('mdel', { keys })
    return true
  }

  readonly clear = async (): Promise<boolean> => {
    await this.#cache.clear()
    this.#events.emit('clear')
    return true
  }

  readonly wrap = async (
    key: string,
    load: () => unknown,
    how?: WrapOptions<unknown>['ttl'] | (WrapOptions<unknown> & { readonly raw?: boolean }),
    threshold?: WrapOptions<unknown>['refreshThreshold'],
  ): Promise<unknown> => {
    const options = typeof how === 'object' && how !== null ? how : { ttl: how, refreshThreshold: threshold }
    const { ttl, refreshThreshold, raw = false } = options as WrapOptions<unknown> & { readonly raw?: boolean }
    const value = await this.#cache.getOrLoad(key, () => this.#load(key, load, ttl), {
      ...(refreshThreshold === undefined ? {} : aheadOf(ttl, refreshThreshold)),
    })
    return raw ? { value, expires: await this.ttl(key) } : value
  }

  readonly on = (event: string, listener: (...said: never[]) => void): EventEmitter =>
    this.#events.on(event, listener as () => void)

  readonly off = (event: string, listener: (...said: never[]) => void): EventEmitter =>
    this.#events.off(event, listener as () => void)

  readonly disconnect = async (): Promise<undefined> => undefined

  readonly cacheId = (): string => this.#cache.name

  async #load(key: string, load: () => unknown, ttl: WrapOptions<unknown>['ttl']): Promise<unknown> {
    const context = cacheContext()
    const previous = context?.previous
    try {
      const value = await load()
      const life = lifeOf(ttl, value)
      // There `undefined` is no value.
      if (value === undefined) context?.skipStoring()
      else if (life !== undefined) context?.setTtl(life)
      if (previous !== undefined) this.#events.emit('refresh', { key, value })
      return value
    } catch (error) {
      if (previous !== undefined) this.#events.emit('refresh', { key, value: previous.value, error })
      throw error
    }
  }

  async #put(list: readonly Entry[]): Promise<void> {
    const missing = list.filter(({ value }) => value === undefined).map(({ key }) => key)
    const lives = new Map<number | undefined, [string, unknown][]>()
    for (const { key, value, ttl } of list) {
      if (value === undefined) continue
      const life = lifeOf(ttl, value)
      lives.set(life, [...(lives.get(life) ?? []), [key, value]])
    }
    await Promise.all([
      this.#cache.evictMany(missing),
      ...Array.from(lives, ([ttl, entries]) => this.#cache.putMany(entries, ttl === undefined ? {} : { ttl })),
    ])
  }
}

/** What `cache-manager` calls a ttl, as a life: 0 is without end there. */
function lifeOf(ttl: WrapOptions<unknown>['ttl'], value: unknown): number | undefined {
  const its = typeof ttl === 'function' ? ttl(value) : ttl
  return its === 0 ? Number.POSITIVE_INFINITY : (its ?? undefined)
}

/**
 * The last milliseconds of a life as a share of it. Only the cache itself can load a value anew and know that it was not
 * evicted meanwhile, and the cache has to be told beforehand.
 */
function aheadOf(ttl: unknown, threshold: unknown): { readonly refreshAhead?: number } {
  if (typeof ttl !== 'number' || typeof threshold !== 'number') {
    throw cacheError(
      'CW_OPTIONS_CONTRADICT',
      "wrap(): `refreshThreshold` goes with a `ttl`, and both must be numbers here. Give the cache a `refreshAhead` instead, in the module's `caches`.",
    )
  }
  if (threshold <= 0 || ttl === 0) return {}
  return { refreshAhead: Math.min(1 - Number.EPSILON, Math.max(Number.EPSILON, 1 - threshold / ttl)) }
}
