import type { OutgoingHttpHeaders } from 'node:http'
import {
  type Cache,
  cacheError,
  checkOptions,
  type Duration,
  type KeyValue,
  milliseconds,
  optionRules,
  type Rule,
  type Rules,
} from '../index'
import type { FreshnessTerms } from './freshness'
import type { KeyTerms } from './response-key'

/** How responses are cached. */
export interface ResponseCacheOptions<Request> {
  /** Where responses are kept: `manager.cache('responses')`, a cache that is used for nothing else. */
  readonly cache: Cache
  /**
   * The life of a response that does not say one by `Cache-Control` or `Expires`, if its status is 200, 203, 204, 301 or
   * 308. @default none: such a response is not kept
   */
  readonly ttl?: Duration
  /**
   * How long past its life a response that does not say so by `stale-while-revalidate` is served at once, while the same
   * request is made once more in the background. @default 0: not at all
   */
  readonly staleWhileRevalidate?: Duration
  /** Names of the query parameters that matter; the others are left out of the key. @default 'all', as they are sent */
  readonly query?: readonly string[] | 'all'
  /**
   * Names of the request fields that matter. A response whose `Vary` names another one is not kept.
   * @default ['accept-encoding']
   */
  readonly vary?: readonly string[]
  /**
   * Whose responses they are: a tenant, a user. Each has responses of its own. A request for which it throws or returns
   * undefined has nothing to do with the cache. @default one partition for all
   */
  readonly partition?: (request: Request) => KeyValue | undefined
  /**
   * What becomes of requests with `Authorization`, `Cookie` or a client's certificate.
   *
   * `'refuse'`: they have nothing to do with the cache.
   *
   * `'partition'`: they are cached like others, and so are responses that are `private`, since `partition` tells apart
   * all who may get different ones. Needs `partition`.
   * @default 'refuse'
   */
  readonly credentials?: 'refuse' | 'partition'
  /** By which tags a response can be evicted (`cache.evictTags`), or what reads them off it. @default none */
  readonly tags?: readonly string[] | ((request: Request, response: TaggedResponse) => readonly string[])
  /** The most bytes of a body that is kept. @default 1 MiB */
  readonly maxBytes?: number
  /** Whether responses say in `Cache-Status` (RFC 9211) what the cache did, and why it did not. @default false */
  readonly cacheStatus?: boolean
}

/** A response that is about to be kept. */
export interface TaggedResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<OutgoingHttpHeaders>
}

/** {@link ResponseCacheOptions}, decided. */
export interface ResponseCacheDefinition<Request> extends KeyTerms, FreshnessTerms {
  readonly cache: Cache
  readonly partition: ((request: Request) => KeyValue | undefined) | undefined
  readonly tags: (request: Request, response: TaggedResponse) => readonly string[]
  readonly cacheStatus: boolean
}

const fieldName: Rule = namesLike(/^[!#$%&'*+.^_`|~\w-]+$/, 'names of header fields')
const parameterName: Rule = namesLike(/^[\w-]+$/, 'names of query parameters (letters, digits, `_` and `-`)')

function namesLike(pattern: RegExp, what: string): Rule {
  const allows = (value: unknown): boolean =>
    Array.isArray(value) && value.every((name) => typeof name === 'string' && pattern.test(name))
  return { text: `an array of ${what}`, allows }
}

const { anything, callable, count, either, flag, list, oneOf } = optionRules

const known: Rules<ResponseCacheOptions<never>> = {
  cache: {
    text: 'a cache of a manager, `manager.cache(name)`',
    allows: (value) => typeof (value as Partial<Cache> | null)?.getOrLoad === 'function',
  },
  ttl: anything,
  staleWhileRevalidate: anything,
  query: either(oneOf('all'), parameterName),
  vary: fieldName,
  partition: callable,
  credentials: oneOf('refuse', 'partition'),
  tags: either(list, callable),
  maxBytes: count,
  cacheStatus: flag,
}

/**
 * Checks what a user says, and decides what he does not.
 *
 * @param where opens each message
 * @throws CW_OPTION_UNKNOWN, CW_OPTION_INVALID, CW_OPTIONS_CONTRADICT
 */
export function defineResponseCache<Request>(
  options: ResponseCacheOptions<Request>,
  where: string,
): ResponseCacheDefinition<Request> {
  checkOptions<object>(where, options, known)
  const { cache, ttl, staleWhileRevalidate = 0, query = 'all', vary = ['accept-encoding'] } = options
  const { partition, credentials = 'refuse', tags = [], maxBytes = 2 ** 20, cacheStatus = false } = options
  if (cache === undefined) {
    throw cacheError('CW_OPTION_INVALID', `${where}: option \`cache\` is needed: \`manager.cache('responses')\`.`)
  }
  if (credentials === 'partition' && partition === undefined) {
    throw cacheError(
      'CW_OPTIONS_CONTRADICT',
      `${where}: \`credentials: 'partition'\` needs \`partition\`, a function that says who is asking.`,
    )
  }
  return {
    cache,
    ttlMs: ttl === undefined ? undefined : milliseconds(ttl, `${where}: option \`ttl\``),
    staleWhileRevalidateMs: milliseconds(staleWhileRevalidate, `${where}: option \`staleWhileRevalidate\``),
    query: query === 'all' ? undefined : query,
    vary: vary.map((name) => name.toLowerCase()),
    partition,
    isPrivate: credentials === 'partition',
    tags: typeof tags === 'function' ? tags : () => tags,
    maxBytes,
    cacheStatus,
  }
}
