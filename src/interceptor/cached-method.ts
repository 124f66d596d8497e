import type { Cache } from '../cache/cache'
import { besideFlight } from '../cache/current-flight'
import type { CacheStats } from '../events/stats'
import { type CacheError, cacheError } from '../kernel/errors'
import type { Lookup } from '../kernel/lookup'
import { show } from '../kernel/options'
import { type WarmOptions, type WarmReport, type WarmTarget, warmTarget } from '../manager/warm-options'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { intercept } from './cache-interceptor'
import { planOf } from './install'
import { Invocation, type WarmCall } from './invocation'
import type { Planned } from './plan'
import { keyOf, termsOf } from './questions'

/** How a decorated method's cache does. */
export interface CachedMethodInfo {
  readonly hits: number
  readonly misses: number
  /** `hits / (hits + misses)`; 0 before the first read. */
  readonly ratio: number
  /** Entries that this process holds now, of all methods of the cache. */
  readonly size: number
  /** The most entries that this process holds; 0 where there is no local tier. */
  readonly max: number
}

/** A method under `@Cacheable` on one object, as something that can be looked at and steered. */
export interface CachedMethod<Arguments extends readonly unknown[], Result> {
  /** Calls the method, as ever: answered from the cache where it can be. */
  get(...args: Arguments): Promise<Result>
  /** What is cached for these arguments. Loads nothing and counts nothing. */
  peek(...args: Arguments): Promise<Lookup<Result>>
  /** Removes the entry for these arguments from every tier. */
  evict(...args: Arguments): Promise<void>
  /** Ends the life of the entry for these arguments; see {@link Cache.expire}. */
  expire(...args: Arguments): Promise<void>
  /** Puts a value as if the method had returned it. */
  put(args: Readonly<Arguments>, value: Result): Promise<void>
  /** Calls the method itself and puts what it returns in the place of what was there. */
  refresh(...args: Arguments): Promise<Result>
  /**
   * Makes a call for each list of arguments, so that it finds its value cached afterwards; of several methods at once,
   * {@link CacheManager.warm}, which says the rest.
   *
   * @returns how it went
   * @throws as that
   */
  warm(
    lists: Iterable<Readonly<Arguments>> | AsyncIterable<Readonly<Arguments>>,
    options?: WarmOptions,
  ): Promise<WarmReport>
  /** The key of a call with these arguments, in the text that events show. @throws CW_KEY_UNSUPPORTED */
  keyOf(...args: Arguments): string
  /** The counters of the method's cache. */
  info(): CachedMethodInfo
  /** Removes every entry of the method's cache. */
  clear(): Promise<void>
  /** Calls the method past the cache. */
  original(...args: Arguments): Promise<Result>
}

/** Where the calls of a method with some arguments are kept. */
interface Place {
  readonly planned: Planned
  readonly cache: Cache
  readonly key: string
  readonly invocation: Invocation
}

/** The {@link CachedMethod} of one method on one object. */
export class MethodHandle implements CachedMethod<readonly unknown[], unknown> {
  readonly #method: DecoratedMethod
  readonly #self: object
  readonly #call: (...args: readonly unknown[]) => Promise<unknown>

  /** @param call what stands in the method's place */
  constructor(method: DecoratedMethod, self: object, call: Function) {
    this.#method = method
    this.#self = self
    this.#call = (...args) => Reflect.apply(call, self, args) as Promise<unknown>
  }

  get = (...args: readonly unknown[]): Promise<unknown> => this.#call(...args)

  async peek(...args: readonly unknown[]): Promise<Lookup<unknown>> {
    const [{ cache, key }] = this.#places(args)
    return cache.parts.tiers.peek(key)
  }

  async evict(...args: readonly unknown[]): Promise<void> {
    await Promise.all(this.#places(args).map(({ cache, key }) => cache.parts.tiers.evictions.evict([key])))
  }

  async expire(...args: readonly unknown[]): Promise<void> {
    await Promise.all(this.#places(args).map(({ cache, key }) => cache.parts.tiers.evictions.expire([key])))
  }

  async put(args: readonly unknown[], value: unknown): Promise<void> {
    if (!Array.isArray(args)) {
      throw cacheError(
        'CW_OPTION_INVALID',
        `put of ${this.#method.where}: give the arguments as an array, got ${show(args)}.`,
      )
    }
    await this.#write(this.#places(args), async () => value)
  }

  async refresh(...args: readonly unknown[]): Promise<unknown> {
    const places = this.#places(args)
    return this.#write(places, () => besideFlight(() => places[0].invocation.proceed()))
  }

  async warm(
    lists: Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>,
    options?: WarmOptions,
  ): Promise<WarmReport> {
    return this[warmTarget]().manager.warm([{ method: this, with: lists }], options)
  }

  [warmTarget](): WarmTarget {
    const { reads, many } = planOf(this.#method, this.#self)
    const read = many ?? reads[0]
    if (read === undefined) throw this.#notCached()
    return {
      where: this.#method.where,
      manager: read.manager,
      call: async (args, signal) => {
        const warm: WarmCall = { signal, hasLoaded: false }
        await intercept(planOf(this.#method, this.#self), this.#method, this.#self, args, warm)
        return warm.hasLoaded
      },
    }
  }

  keyOf(...args: readonly unknown[]): string {
    return this.#places(args)[0].key
  }

  info(): CachedMethodInfo {
    const [{ cache }] = this.#reads()
    const { hits, misses, hitRatio, local }: CacheStats = cache.stats()
    return { hits, misses, ratio: hitRatio, size: local.size, max: cache.parts.maxEntries }
  }

  async clear(): Promise<void> {
    await Promise.all(this.#reads().map(({ cache }) => cache.clear()))
  }

  original(...args: readonly unknown[]): Promise<unknown> {
    return new Invocation(this.#method, this.#self, args).direct()
  }

  async #write(places: readonly Place[], make: () => Promise<unknown>): Promise<unknown> {
    const writes = await Promise.all(
      places.map(({ cache, planned }) => {
        const { tiers } = cache.parts
        return tiers.writes.begin(tiers.isTagged(planned.operation.tags !== undefined))
      }),
    )
    try {
      const value = await make()
      await Promise.all(
        places.map(({ cache, planned, key, invocation }, index) =>
          cache.parts.tiers.writes.put([{ key, value }], termsOf(planned, cache, invocation), writes[index]!),
        ),
      )
      return value
    } finally {
      for (const [index, { cache }] of places.entries()) cache.parts.tiers.writes.end(writes[index]!)
    }
  }

  #reads(): readonly [Pick<Place, 'planned' | 'cache'>, ...Pick<Place, 'planned' | 'cache'>[]] {
    const { reads, many } = planOf(this.#method, this.#self)
    const places =
      many === undefined ? reads.flatMap((planned) => planned.caches.map((cache) => ({ planned, cache }))) : []
    const [first, ...others] = places
    if (first !== undefined) return [first, ...others]
    if (many === undefined) throw this.#notCached()
    throw cacheError(
      'CW_OPTION_INVALID',
      `cached(…): ${this.#method.where} takes a list; take the handle of the method for a single element, or the cache by its name.`,
    )
  }

  #notCached(): CacheError {
    return cacheError(
      'CW_OPTION_INVALID',
      `cached(…): ${this.#method.where} does not stand under @Cacheable, so nothing of it is cached.`,
    )
  }

  #places(args: readonly unknown[]): readonly [Place, ...Place[]] {
    const invocation = new Invocation(this.#method, this.#self, args)
    const [first, ...others] = this.#reads().map(({ planned, cache }) => {
      const key = keyOf(planned, cache, invocation)
      if (key !== undefined) return { planned, cache, key, invocation }
      throw cacheError('CW_FUNCTION_FAILED', `cached(…): the key of a call of ${this.#method.where} could not be made.`)
    })
    return [first!, ...others]
  }
}
