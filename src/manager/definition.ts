import type { IsolationMode } from '../cache/isolation'
import type { CacheErrorHandler } from '../events/error-handler'
import { type CompleteClock, clockRule, completeClock } from '../kernel/clock'
import { type Duration, milliseconds } from '../kernel/duration'
import { cacheError } from '../kernel/errors'
import { checkOptions, type Rules, rules } from '../kernel/options'
import { TypeRegistry } from '../kernel/registered-types'
import type { KeyValue } from '../key/key-encoder'
import { type LoadPolicyOptions, loadPolicyRules } from '../policies/options'
import { decidePolicies, type Policies, plainPolicies } from '../policies/policies'
import type { SharedStoreFactory } from '../stores/shared-store'
import type { CacheOptions, CachingOptions, LocalOptions, SharedCacheOptions } from './caching-options'

/** A cache with every option decided. */
export interface CacheDefinition {
  readonly name: string
  readonly ttlMs: number
  readonly ttlJitter: number
  readonly maxValueBytes: number
  readonly partition: (() => KeyValue) | undefined
  readonly hierarchical: boolean
  /** Of the shape of its values; undefined where none is told. */
  readonly version: number | string | undefined
  readonly loadDeadlineMs: number
  readonly policies: Policies
  readonly maxConcurrentLoads: number
  readonly maxQueuedLoads: number
  readonly maxConcurrentRefreshes: number
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
  readonly errorHandler: CacheErrorHandler
  /** Names with options of their own. */
  readonly named: readonly string[]
  cache(name: string): CacheDefinition
}

// Whatever failed is recorded already, and the call goes on.
const carryOn: CacheErrorHandler = () => {}

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

const countless = rules.either(rules.count, rules.oneOf(Number.POSITIVE_INFINITY))

// A SHA-256 in hexadecimal digits is as long.
const longestVersion = 64

const versionRule = {
  text: `a whole number from 0 up, or a text of 1 to ${longestVersion} characters`,
  allows: (value: unknown) =>
    typeof value === 'string'
      ? value !== '' && value.length <= longestVersion
      : Number.isSafeInteger(value) && (value as number) >= 0,
}

const sharedCacheRules: Rules<SharedCacheOptions> = {
  ...loadPolicyRules,
  ttl: rules.anything,
  ttlJitter: rules.share,
  maxValueBytes: rules.count,
  partition: rules.callable,
  hierarchical: rules.flag,
  version: versionRule,
  loadDeadline: rules.anything,
  maxConcurrentLoads: countless,
  maxQueuedLoads: rules.either(countless, rules.oneOf(0)),
  maxConcurrentRefreshes: countless,
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
  clock: clockRule,
  types: rules.list,
  errorHandler: rules.callable,
}

const builtIn: Required<Omit<SharedCacheOptions, 'partition' | 'version' | keyof LoadPolicyOptions>> = {
  ttl: '5m',
  ttlJitter: 0,
  maxValueBytes: 8 * 1024 * 1024,
  hierarchical: false,
  loadDeadline: '30s',
  maxConcurrentLoads: Number.POSITIVE_INFINITY,
  maxQueuedLoads: 1_000,
  maxConcurrentRefreshes: 100,
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
  const ttlMsOf = (ttl: Duration | undefined): number => milliseconds(ttl ?? builtIn.ttl, `${where}: option \`ttl\``)
  const general = decidePolicies(plainPolicies, defaults, ttlMsOf(defaults.ttl), `${where}, defaults`)
  const definition: ManagerDefinition = {
    prefix: options.prefix ?? 'cache',
    shared: options.shared,
    maxStalenessMs: milliseconds(options.maxStaleness ?? '1s', `${where}: option \`maxStaleness\``),
    clock: completeClock(options.clock),
    types: new TypeRegistry(options.types),
    errorHandler: options.errorHandler ?? carryOn,
    named: Object.keys(caches),
    cache(name) {
      checkCacheName(name, 'cache()')
      const own = Object.hasOwn(caches, name) ? caches[name]! : {}
      const its = { ...builtIn, ...defined(defaults), ...defined(own) }
      const ttlMs = ttlMsOf(its.ttl)
      return {
        name,
        ttlMs,
        ttlJitter: its.ttlJitter,
        maxValueBytes: its.maxValueBytes,
        partition: own.partition ?? defaults.partition,
        hierarchical: its.hierarchical,
        version: own.version ?? defaults.version,
        policies: decidePolicies(general, own, ttlMs, `${where}, caches['${name}']`),
        maxConcurrentLoads: its.maxConcurrentLoads,
        maxQueuedLoads: its.maxQueuedLoads,
        maxConcurrentRefreshes: its.maxConcurrentRefreshes,
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
