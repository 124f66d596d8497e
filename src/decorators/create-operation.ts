import { checkTags } from '../cache/check-tags'
import { type Duration, milliseconds } from '../kernel/duration'
import { cacheError } from '../kernel/errors'
import { checkOptions, type Rule, rules } from '../kernel/options'
import type { BehindOperation, ListOperation, Operation, UserFunction } from '../metadata/operation'
import type { ErrorFilters } from '../policies/error-filter'
import { errorFilterRules, keepPolicyRules, loadPolicyRules, type PolicyPlace } from '../policies/options'
import { checkPolicies } from '../policies/policies'

/** The options of all three kinds in one; each kind allows some of them. */
interface AnyOptions extends PolicyPlace {
  readonly cache?: string | readonly string[]
  readonly manager?: unknown
  readonly key?: UserFunction
  readonly resultKey?: UserFunction
  readonly keys?: UserFunction
  readonly of?: () => unknown
  readonly args?: UserFunction
  readonly resultArgs?: UserFunction
  readonly ttl?: Duration
  readonly condition?: UserFunction
  readonly unless?: UserFunction
  readonly tags?: UserFunction | readonly string[]
  readonly version?: UserFunction
  readonly negative?: UserFunction
  readonly fallback?: UserFunction
  readonly afterError?: boolean | ErrorFilters
  readonly expire?: boolean
  readonly list?: string
  readonly map?: boolean
  readonly idOf?: UserFunction
  readonly cacheAbsent?: null | undefined
  readonly maxBatch?: number
  readonly loadMany?: PropertyKey
  readonly before?: boolean
  readonly allEntries?: boolean
}

const cacheNames = {
  text: 'a cache name, or an array of them, none of them empty',
  allows: (value: unknown) => {
    const names: readonly unknown[] = Array.isArray(value) ? value : [value]
    return names.length > 0 && names.every((name) => typeof name === 'string' && name.trim() !== '')
  },
}

const managerRule = rules.either(rules.object, rules.callable)

/** What a class may say for its methods. */
export const classRules = { cache: cacheNames, ttl: rules.anything, manager: managerRule }

const commonRules = {
  ...classRules,
  key: rules.callable,
  condition: rules.callable,
  unless: rules.callable,
  tags: rules.either(rules.list, rules.callable),
}
const keepRules = { version: rules.callable, negative: rules.callable }
// As large as a database takes a list of parameters.
const defaultMaxBatch = 1_000

const resultKeyRule = { resultKey: rules.callable, keys: rules.callable }
const { ttl: _, ...untimed } = commonRules

const nameRule = {
  text: 'the name of a method',
  allows: (value: unknown) => typeof value === 'symbol' || (typeof value === 'string' && value !== ''),
}

const methodRule = {
  text: "a function that answers with a class and the name of its method, `() => [ProductService, 'findById']`",
  allows: rules.callable.allows,
}

const manyRules: Readonly<Record<string, Rule>> = {
  ...commonRules,
  ...keepRules,
  ...loadPolicyRules,
  list: rules.text,
  map: rules.flag,
  idOf: rules.callable,
  cacheAbsent: rules.oneOf(null),
  maxBatch: rules.either(rules.count, rules.oneOf(Number.POSITIVE_INFINITY)),
}

const behindRules: Readonly<Record<string, Rule>> = {
  ...classRules,
  key: rules.callable,
  tags: commonRules.tags,
  version: rules.callable,
  batch: rules.count,
  maxDelay: rules.anything,
  maxPending: rules.count,
  maxWait: rules.anything,
  maxTries: rules.count,
  writeTimeout: rules.anything,
  upgrade: rules.callable,
}

const rulesOf: Readonly<Record<Operation['kind'], Readonly<Record<string, Rule>>>> = {
  read: { ...commonRules, ...keepRules, ...loadPolicyRules, fallback: rules.callable, loadMany: nameRule },
  put: { ...commonRules, ...keepRules, ...keepPolicyRules, ...resultKeyRule },
  evict: {
    ...untimed,
    ...resultKeyRule,
    of: methodRule,
    args: rules.callable,
    resultArgs: rules.callable,
    before: rules.flag,
    allEntries: rules.flag,
    expire: rules.flag,
    afterError: rules.either(rules.flag, rules.object),
  },
}

const decoratorOf: Readonly<Record<Operation['kind'], string>> = {
  read: '@Cacheable',
  put: '@CachePut',
  evict: '@CacheEvict',
}

/** Pairs that cannot both be given, and why. */
const contradictions: readonly (readonly [keyof AnyOptions, keyof AnyOptions, string])[] = [
  ['key', 'resultKey', 'both say what the key is'],
  ['keys', 'key', 'one names many entries, the other one'],
  ['keys', 'resultKey', 'one names many entries, the other one'],
  ['allEntries', 'keys', 'one evicts everything, the other some entries'],
  ['allEntries', 'key', 'one evicts everything, the other one entry'],
  ['allEntries', 'resultKey', 'one evicts everything, the other one entry'],
  ['allEntries', 'tags', 'one evicts everything, the other what carries tags'],
  ['expire', 'allEntries', 'only single entries are expired'],
  ['expire', 'tags', 'only single entries are expired'],
  ['afterError', 'before', 'before the method nobody knows whether it fails'],
  ['afterError', 'resultKey', '`resultKey` needs the result, and there is none after an error'],
  ['afterError', 'resultArgs', '`resultArgs` needs the result, and there is none after an error'],
  ['of', 'cache', 'the entries are where the method keeps them'],
  ['of', 'key', 'the keys are those of the method; `args` says for which arguments'],
  ['of', 'resultKey', 'the keys are those of the method; `resultArgs` says for which arguments'],
  ['of', 'keys', 'the keys are those of the method; many at once has a method that takes a list'],
  ['of', 'tags', 'one evicts what a method keeps, the other what carries tags'],
  ['of', 'allEntries', 'one evicts what a method keeps for some arguments, the other everything'],
  ['args', 'resultArgs', 'both say for which arguments'],
  ['map', 'idOf', 'a Map says itself which value belongs to which element'],
  ['before', 'unless', '`unless` needs the result, and there is none before the method'],
  ['before', 'resultKey', '`resultKey` needs the result, and there is none before the method'],
  ['before', 'resultArgs', '`resultArgs` needs the result, and there is none before the method'],
]

/**
 * Checks the options of one decorator and freezes them into an operation.
 *
 * @param where the method, for messages
 * @throws CW_OPTION_UNKNOWN, CW_OPTION_INVALID, CW_OPTIONS_CONTRADICT
 */
export function createOperation(kind: Operation['kind'], options: object, where: string): Operation {
  checkOptions(`${decoratorOf[kind]} of ${where}`, options, rulesOf[kind])
  return recordOf(kind, decoratorOf[kind], options, where)
}

/** The same for a read of the elements of a list. */
export function createListOperation(options: object, where: string): Operation {
  const decorator = '@CacheableMany'
  const here = `${decorator} of ${where}`
  checkOptions(here, options, manyRules)
  const given = options as AnyOptions
  if (given.list !== undefined && given.key === undefined) {
    throw cacheError(
      'CW_OPTIONS_CONTRADICT',
      `${here}: option \`list\` needs \`key\`: it cannot be told which fields beside \`${given.list}\` make the key of an element.`,
    )
  }
  const many: ListOperation = {
    list: given.list,
    isMap: given.map ?? false,
    idOf: given.idOf,
    absent: 'cacheAbsent' in given ? { value: given.cacheAbsent } : undefined,
    maxBatch: given.maxBatch ?? defaultMaxBatch,
  }
  return Object.freeze({ ...recordOf('read', decorator, options, where), many })
}

/** The same for a put whose write is queued. */
export function createBehindOperation(options: object, where: string): Operation {
  const decorator = '@WriteBehind'
  const here = `${decorator} of ${where}`
  checkOptions(here, options, behindRules)
  const given = options as AnyOptions & BehindOptions
  if (given.key === undefined) {
    throw cacheError('CW_OPTION_INVALID', `${here}: give \`key: (value) => …\`, the key under which the value is read.`)
  }
  const ms = (name: 'maxDelay' | 'maxWait' | 'writeTimeout', otherwise: Duration): number =>
    milliseconds(given[name] ?? otherwise, `${here}: option \`${name}\``)
  const behind: BehindOperation = {
    batch: given.batch ?? 100,
    maxDelayMs: ms('maxDelay', '1s'),
    maxPending: given.maxPending ?? 10_000,
    maxWaitMs: ms('maxWait', '5s'),
    maxTries: given.maxTries ?? 10,
    writeTimeoutMs: ms('writeTimeout', '1m'),
    upgrade: given.upgrade,
  }
  return Object.freeze({ ...recordOf('put', decorator, options, where), behind })
}

interface BehindOptions {
  readonly batch?: number
  readonly maxDelay?: Duration
  readonly maxPending?: number
  readonly maxWait?: Duration
  readonly maxTries?: number
  readonly writeTimeout?: Duration
  readonly upgrade?: UserFunction
}

function recordOf(kind: Operation['kind'], decorator: string, options: object, where: string): Operation {
  const here = `${decorator} of ${where}`
  const given = options as AnyOptions
  for (const [one, other, why] of contradictions) {
    if (isGiven(given[one]) && isGiven(given[other])) {
      throw cacheError(
        'CW_OPTIONS_CONTRADICT',
        `${here}: options \`${one}\` and \`${other}\` contradict each other: ${why}. Give one of them.`,
      )
    }
  }
  for (const option of ['args', 'resultArgs'] as const) {
    if (given[option] === undefined || given.of !== undefined) continue
    throw cacheError(
      'CW_OPTIONS_CONTRADICT',
      `${here}: option \`${option}\` needs \`of\`: it makes the arguments of the method that is named there.`,
    )
  }
  if (typeof given.afterError === 'object') checkOptions(`${here}, afterError`, given.afterError, errorFilterRules)
  if (given.loadMany !== undefined && (namesOf(given.cache)?.length ?? 1) > 1) {
    throw cacheError(
      'CW_OPTIONS_CONTRADICT',
      `${here}: options \`loadMany\` and \`cache\` contradict each other: what is loaded for many stands in one cache. Name one.`,
    )
  }
  const policies = policiesOf(given)
  checkPolicies(policies, here)
  return Object.freeze({
    kind,
    decorator,
    caches: namesOf(given.cache),
    key: given.key,
    resultKey: given.resultKey,
    keys: given.keys,
    of: given.of,
    args: given.args,
    resultArgs: given.resultArgs,
    ttlMs: given.ttl === undefined ? undefined : milliseconds(given.ttl, `${here}: option \`ttl\``),
    condition: given.condition,
    unless: given.unless,
    tags: tagsOf(given.tags, here),
    fixedTags: typeof given.tags === 'function' ? undefined : given.tags && Object.freeze([...given.tags]),
    version: given.version,
    negative: given.negative,
    fallback: given.fallback,
    many: undefined,
    behind: undefined,
    loadMany: given.loadMany,
    policies,
    afterError: given.afterError ?? false,
    expire: given.expire ?? false,
    before: given.before ?? false,
    allEntries: given.allEntries ?? false,
    manager: given.manager,
  })
}

/** The names as a list; undefined where none is given. */
export function namesOf(cache: string | readonly string[] | undefined): readonly string[] | undefined {
  if (cache === undefined) return undefined
  return Object.freeze(typeof cache === 'string' ? [cache] : [...new Set(cache)])
}

function tagsOf(tags: AnyOptions['tags'], here: string): UserFunction | undefined {
  if (tags === undefined || typeof tags === 'function') return tags
  checkTags(tags, here)
  const fixed = Object.freeze([...tags])
  return () => fixed
}

function policiesOf(given: AnyOptions): PolicyPlace {
  const said = Object.entries(given).filter(([name]) => name === 'ttl' || Object.hasOwn(loadPolicyRules, name))
  return Object.freeze(Object.fromEntries(said))
}

// `allEntries: false` says nothing.
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false
}
