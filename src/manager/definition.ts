import type { IsolationMode } from '../cache/isolation'
import { type Clock, type CompleteClock, completeClock } from '../kernel/clock'
import { type Duration, milliseconds } from '../kernel/duration'
import { cacheError } from '../kernel/errors'
import { checkOptions, type Rules, rules } from '../kernel/options'
import { type TypeRegistration, TypeRegistry } from '../kernel/registered-types'
import type { KeyValue } from '../key/key-encoder'
import type { SharedStoreFactory } from '../stores/shared-store'

/** The local tier (L1) of a cache. Each cache has one of its own, with these limits. */
export interface LocalOptions {
  /** The most entries a cache holds in memory; the least recently used leave first. @default 10_000 */
  readonly maxEntries?: number
  /** The most bytes (estimated heap size of values and keys) a cache holds in memory. @default no limit */
  readonly maxBytes?: number
  /** The longest life of a local copy, where that is to be shorter than the entry's own `ttl`. @default the entry's */
  readonly ttl?: Duration
  /** How callers are kept from changing what others get; see {@link IsolationMode}. @default 'freeze' */
  readonly isolation?: IsolationMode
}

/** What can be said for every cache (`defaults`) and for one (`caches`); the nearer wins. */
export interface SharedCacheOptions {
  /** How long an entry lives. 0 keeps nothing, `Infinity` keeps until evicted or pushed out. @default '5m' */
  readonly ttl?: Duration
  /** Shortens each life by up to this fraction at random, so that entries do not all expire together. @default 0 */
  readonly ttlJitter?: number
  /** The most bytes of one encoded value in the shared tier; a larger one is not kept there. @default 8 MiB */
  readonly maxValueBytes?: number
  /**
   * Names what keys are kept apart by, such as the present tenant; called for each key. A call for which it throws or
   * returns null or undefined is not cached.
   * @default one partition
   */
  readonly partition?: () => KeyValue
  /**
   * Lets `evictPrefix(['user', 7])` remove every entry whose key begins with these parts, at the same cost however many
   * there are. Each entry of two parts or more is then held against one marker for each part but the last. @default false
   */
  readonly hierarchical?: boolean
  /**
   * The share of its life (above 0, below 1) after which a value is loaded anew in the background by the next read, while
   * it is still served; one process at a time does for each key. A value nobody reads then expires as ever. `0.8` keeps
   * what is read all the time from ever being waited for. @default not loaded ahead
   */
  readonly refreshAhead?: number | undefined
  /**
   * How long others wait for a load. After that it is taken to hang: those who joined it begin anew, another process
   * takes it over, and its late result is handed to whoever called it and kept nowhere. `Infinity` waits for ever.
   * @default '30s'
   */
  readonly loadDeadline?: Duration
}

/** The options of one named cache. */
export interface CacheOptions extends SharedCacheOptions {
  /** The local tier of this cache; `false` for none. Fields left out are those of the manager's `local`. */
  readonly local?: LocalOptions | false
}

/** The options of a cache manager. */
export interface CachingOptions {
  /** Opens every key in the shared tier; services that share a server take different ones. @default 'cache' */
  readonly prefix?: string
  /** The local tier (L1) of every cache; `false` for none. @default `{ maxEntries: 10_000 }` */
  readonly local?: LocalOptions | false
  /** The shared tier (L2), such as `redis({ url })`. @default none: caches live in this process */
  readonly shared?: SharedStoreFactory | undefined
  /** What every cache starts from. */
  readonly defaults?: SharedCacheOptions
  /** Caches by name. A cache that is not named here has the defaults. */
  readonly caches?: Readonly<Record<string, CacheOptions>>
  /**
   * How long a local copy of a shared entry may be served without a word of the shared tier that nothing has changed: no
   * process serves an evicted value longer than this, whatever happens to connections. On a healthy network changes
   * are told within milliseconds. `Infinity` is the choice for availability: copies are served through an outage.
   * @default '1s'
   */
  readonly maxStaleness?: Duration
  /** The source of time. @default the machine's monotonic clock */
  readonly clock?: Clock
  /** Classes whose instances may be cached and be part of keys. @default none but the language's own */
  readonly types?: readonly TypeRegistration[]
}

/** A cache with every option decided. */
export interface CacheDefinition {
  readonly name: string
  readonly ttlMs: number
  readonly ttlJitter: number
  readonly maxValueBytes: number
  readonly partition: (() => KeyValue) | undefined
  readonly hierarchical: boolean
  readonly loadDeadlineMs: number
  readonly refreshAhead: number | undefined
  readonly local: LocalDefinition | undefined
}

/** A local tier with every option decided. */
export interface LocalDefinition {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly ttlMs: number
  readonly isolation: IsolationMode
}

/** A manager with every option decided. */
export interface ManagerDefinition {
  readonly prefix: string
  readonly shared: SharedStoreFactory | undefined
  readonly maxStalenessMs: number
  readonly clock: CompleteClock
  readonly types: TypeRegistry
  /** Names with options of their own. */
  readonly named: readonly string[]
  cache(name: string): CacheDefinition
}

// A Map of V8 holds no more.
const mostEntries = 2 ** 24

const localRules: Rules<LocalOptions> = {
  maxEntries: {
    text: `a whole number above 0 (and at most ${mostEntries}), or Infinity`,
    allows: (value) =>
      value === Number.POSITIVE_INFINITY || (rules.count.allows(value) && (value as number) <= mostEntries),
  },
  maxBytes: rules.either(rules.count, rules.oneOf(Number.POSITIVE_INFINITY)),
  ttl: rules.anything,
  isolation: rules.oneOf('freeze', 'copy', 'share'),
}

const sharedCacheRules: Rules<SharedCacheOptions> = {
  ttl: rules.anything,
  ttlJitter: rules.share,
  maxValueBytes: rules.count,
  partition: rules.callable,
  hierarchical: rules.flag,
  loadDeadline: rules.anything,
  refreshAhead: rules.shareWithin,
}

const localRule = rules.either(rules.object, rules.oneOf(false))
const cacheRules: Rules<CacheOptions> = { ...sharedCacheRules, local: localRule }

const managerRules: Rules<CachingOptions> = {
  prefix: rules.text,
  local: localRule,
  shared: {
    text: 'what `redis({ … })` returns',
    allows: (value) => typeof (value as SharedStoreFactory | null)?.open === 'function',
  },
  defaults: rules.object,
  caches: rules.object,
  maxStaleness: rules.anything,
  clock: { text: 'an object with `now()`, and `setTimer()` if it has one', allows: isClock },
  types: rules.list,
}

function isClock(value: unknown): boolean {
  const clock = value as Clock | null | undefined
  return typeof clock?.now === 'function' && (clock.setTimer === undefined || typeof clock.setTimer === 'function')
}

const builtIn: Required<Omit<SharedCacheOptions, 'partition' | 'refreshAhead'>> = {
  ttl: '5m',
  ttlJitter: 0,
  maxValueBytes: 8 * 1024 * 1024,
  hierarchical: false,
  loadDeadline: '30s',
}

/**
 * Checks every option at once and decides what each cache is.
 *
 * @param where opens each message
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 */
export function defineManager(options: CachingOptions, where: string): ManagerDefinition {
  checkOptions(where, options, managerRules)
  const { defaults = {}, caches = {} } = options
  checkLocal(options.local, `${where}, local`)
  checkOptions(`${where}, defaults`, defaults, sharedCacheRules)
  checkTtl(defaults.ttl, `${where}, defaults`)
  checkDeadline(defaults.loadDeadline, `${where}, defaults`)
  for (const [name, cache] of Object.entries(caches)) {
    const here = `${where}, caches['${name}']`
    checkCacheName(name, where)
    checkOptions(here, cache, cacheRules)
    checkLocal(cache.local, `${here}, local`)
    checkTtl(cache.ttl, here)
    checkDeadline(cache.loadDeadline, here)
  }
  const definition: ManagerDefinition = {
    prefix: options.prefix ?? 'cache',
    shared: options.shared,
    maxStalenessMs: milliseconds(options.maxStaleness ?? '1s', `${where}: option \`maxStaleness\``),
    clock: completeClock(options.clock),
    types: new TypeRegistry(options.types),
    named: Object.keys(caches),
    cache(name) {
      checkCacheName(name, 'cache()')
      const own = Object.hasOwn(caches, name) ? caches[name]! : {}
      const its = { ...builtIn, ...defined(defaults), ...defined(own) }
      return {
        name,
        ttlMs: milliseconds(its.ttl, `option \`ttl\` of cache '${name}'`),
        ttlJitter: its.ttlJitter,
        maxValueBytes: its.maxValueBytes,
        partition: own.partition ?? defaults.partition,
        hierarchical: its.hierarchical,
        refreshAhead: own.refreshAhead ?? defaults.refreshAhead,
        loadDeadlineMs: milliseconds(its.loadDeadline, `option \`loadDeadline\` of cache '${name}'`),
        local: defineLocal(
          options.local,
          own.local,
          Object.hasOwn(caches, name) ? `${where}, caches['${name}']` : where,
        ),
      }
    },
  }
  // What a cache and the manager say together may break a rule that neither breaks alone.
  for (const name of ['unnamed', ...definition.named]) definition.cache(name)
  return definition
}

/** @throws CW_OPTION_INVALID */
export function checkCacheName(name: unknown, where: string): asserts name is string {
  if (typeof name === 'string' && name.trim() !== '') return
  throw cacheError(
    'CW_OPTION_INVALID',
    `${where}: a cache name must be a text that is not empty, got ${typeof name === 'string' ? `'${name}'` : typeof name}.`,
  )
}

function defineLocal(
  general: LocalOptions | false | undefined,
  own: LocalOptions | false | undefined,
  where: string,
): LocalDefinition | undefined {
  if (own === false || (own === undefined && general === false)) return undefined
  const its: LocalOptions = { ...defined(general === false ? {} : (general ?? {})), ...defined(own ?? {}) }
  const maxBytes = its.maxBytes ?? Number.POSITIVE_INFINITY
  if (its.maxEntries === Number.POSITIVE_INFINITY && maxBytes === Number.POSITIVE_INFINITY) {
    throw cacheError(
      'CW_OPTION_INVALID',
      `${where}, local: memory must be bounded. Give a finite \`maxEntries\` or \`maxBytes\`.`,
    )
  }
  return {
    // Whoever gives only a byte limit has bounded the tier.
    maxEntries: its.maxEntries ?? (Number.isFinite(maxBytes) ? Number.POSITIVE_INFINITY : 10_000),
    maxBytes,
    ttlMs: milliseconds(its.ttl ?? Number.POSITIVE_INFINITY, 'option `local.ttl`'),
    isolation: its.isolation ?? 'freeze',
  }
}

function checkLocal(local: LocalOptions | false | undefined, where: string): void {
  if (local === undefined || local === false) return
  checkOptions(where, local, localRules)
  checkTtl(local.ttl, where)
}

function checkTtl(ttl: Duration | undefined, where: string): void {
  if (ttl !== undefined) milliseconds(ttl, `${where}: option \`ttl\``)
}

function checkDeadline(deadline: Duration | undefined, where: string): void {
  if (deadline === undefined || milliseconds(deadline, `${where}: option \`loadDeadline\``) > 0) return
  throw cacheError('CW_OPTION_INVALID', `${where}: option \`loadDeadline\` must be more than 0: no load takes no time.`)
}

function defined<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options
}
