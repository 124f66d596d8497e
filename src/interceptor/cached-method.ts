import type { Cache } from '../cache/cache'
import { besideFlight } from '../cache/current-flight'
import type { CacheStats } from '../events/stats'
import { cacheError } from '../kernel/errors'
import type { Lookup } from '../kernel/lookup'
import { checkOptions, type Rules, rules, show } from '../kernel/options'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { planOf } from './install'
import { Invocation } from './invocation'
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

/** How far a {@link CachedMethod.warm} has come. */
export interface WarmProgress {
  readonly done: number
  readonly failed: number
  /** How many there are; undefined where that is not known before the end. */
  readonly total: number | undefined
}

/** Options of {@link CachedMethod.warm}. */
export interface WarmOptions {
  /** How many calls go on at once. @default 10 */
  readonly concurrency?: number
  /** Told after each call. */
  readonly onProgress?: (progress: WarmProgress) => void
  /** Begins no further call when aborted. */
  readonly signal?: AbortSignal
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
   * Calls the method for each list of arguments, so many at once: what is cached and fresh costs a look, and processes that
   * warm together load each key once. A call that fails is counted, and the others go on.
   *
   * @returns how it went
   */
  warm(
    lists: Iterable<Readonly<Arguments>> | AsyncIterable<Readonly<Arguments>>,
    options?: WarmOptions,
  ): Promise<WarmProgress>
  /** The key of a call with these arguments, in the text that events show. @throws CW_KEY_UNSUPPORTED */
  keyOf(...args: Arguments): string
  /** The counters of the method's cache. */
  info(): CachedMethodInfo
  /** Removes every entry of the method's cache. */
  clear(): Promise<void>
  /** Calls the method past the cache. */
  original(...args: Arguments): Promise<Result>
}

const warmRules: Rules<WarmOptions> = {
  concurrency: rules.count,
  onProgress: rules.callable,
  signal: { text: 'an AbortSignal', allows: (value) => value instanceof AbortSignal },
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
    options: WarmOptions = {},
  ): Promise<WarmProgress> {
    checkOptions(`warm of ${this.#method.where}`, options, warmRules)
    const { concurrency = 10, onProgress, signal } = options
    const total = Array.isArray(lists) ? lists.length : undefined
    let [done, failed] = [0, 0]
    const waiting = iterate(lists)
    const worker = async (): Promise<void> => {
      for (;;) {
        if (signal?.aborted) return
        const next = await waiting.next()
        if (next.done) return
        await this.#call(...next.value).catch(() => failed++)
        done++
        onProgress?.({ done, failed, total })
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
    return { done, failed, total }
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
    throw cacheError(
      'CW_OPTION_INVALID',
      `cached(…): ${this.#method.where} ${many === undefined ? 'does not stand under @Cacheable, so nothing of it is cached' : 'takes a list; take the handle of the method for a single element, or the cache by its name'}.`,
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

/** One after the other, for several who take turns. */
function iterate<Item>(items: Iterable<Item> | AsyncIterable<Item>): { next(): Promise<IteratorResult<Item>> } {
  if (Symbol.asyncIterator in items) {
    const iterator = items[Symbol.asyncIterator]()
    // An iterator need not know what to do when it is asked again before it has answered.
    let last: Promise<unknown> = Promise.resolve()
    return {
      next() {
        const next = last.then(() => iterator.next())
        last = next.catch(() => {})
        return next
      },
    }
  }
  const iterator = items[Symbol.iterator]()
  return { next: async () => iterator.next() }
}
