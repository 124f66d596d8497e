import type { IsolationMode } from '../cache/isolation'
import { withText } from '../kernel/with-text'
import { createKeyspace } from '../key/keyspace'
import { isOrExtends, ownCacheName } from '../metadata/cache-name'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { usesParameters } from '../metadata/key-parameters'
import { cachesOfRead, type NamedRead, namedReads } from '../metadata/named-read'
import type { BehindOperation, Operation } from '../metadata/operation'
import { decidePolicies, type Policies } from '../policies/policies'
import type { SharedStoreFactory } from '../stores/shared-store'
import { entryVersion } from './assemble'
import type { CacheDefinition } from './definition'
import type { Use } from './definition-audit'
import { explanationText } from './explanation-text'

/** What a call of a decorated method does, by one manager. Data; `toString()` and `console.log` show it as a text. */
export interface MethodExplanation {
  /** `Class.method`. */
  readonly method: string
  /** In the order of their effects, whatever the order of the decorators. */
  readonly steps: readonly ExplainedStep[]
  /** Who removes or replaces what the method keeps, as far as decorators say. */
  readonly evictedBy: readonly ExplainedEviction[]
  /** Decorators of the method that name another manager. */
  readonly elsewhere: readonly string[]
  toString(): string
}

/** A step of a call. */
export type ExplainedStep = ExplainedRead | ExplainedCall | ExplainedPut | ExplainedQueue | ExplainedEvict

/** A lookup: a hit is the answer, and no later step happens. */
export interface ExplainedRead extends ExplainedOperation {
  readonly does: 'read'
  readonly key: ExplainedKey
  /** Asked one after the other. */
  readonly caches: readonly ExplainedLife[]
}

/** The call of the method itself. */
export interface ExplainedCall {
  readonly does: 'call'
  /** Whether it is called on every call: where there is no read, or a put takes part. */
  readonly isAlways: boolean
}

/** Keeping the result. */
export interface ExplainedPut extends ExplainedOperation {
  readonly does: 'put'
  readonly key: ExplainedKey
  readonly caches: readonly ExplainedLife[]
}

/** Queueing what the method writes later, in calls for many; see `@WriteBehind`. */
export interface ExplainedQueue {
  readonly does: 'queue'
  /** Whether what waits outlives the process. */
  readonly isDurable: boolean
  readonly batch: number
  readonly maxDelayMs: number
  readonly maxPending: number
  readonly maxTries: number
}

/** Removing entries. */
export interface ExplainedEvict extends ExplainedOperation {
  readonly does: 'evict'
  readonly when: 'before' | 'after'
  /** Names; `'all'` for tags without a cache to look in. */
  readonly caches: readonly string[] | 'all'
  readonly what: readonly EvictedWhat[]
  /** Undefined where no single entry is evicted. With `of`, how that method makes its keys. */
  readonly key: ExplainedKey | undefined
  /** The method whose entries are evicted, where `of` names one. */
  readonly of: ExplainedTarget | undefined
  /** Whether it also follows an error of the method, some or all. */
  readonly afterError: boolean
  /** Whether it ends lives instead of removing. */
  readonly isExpiry: boolean
}

/** The method whose entries an evict removes. */
export interface ExplainedTarget {
  /** `Class.method`. */
  readonly method: string
  /** The option that makes the arguments of that method, or `'parameters'`: those of the evict are passed on. */
  readonly madeBy: 'parameters' | 'args' | 'resultArgs'
}

/** What an evict removes. */
export type EvictedWhat = 'key' | 'tags' | 'everything'

/** What all operations have. */
export interface ExplainedOperation {
  /** The decorator as written. */
  readonly decorator: string
  /** The functions that may leave the operation out of a call. */
  readonly asks: readonly ('condition' | 'unless')[]
  /** Further functions that have a say in what is kept, or answered. */
  readonly functions: readonly ('version' | 'negative' | 'fallback')[]
  /** Tags that entries carry, or that are evicted. */
  readonly tags: ExplainedTags
}

/** Tags, as far as they are known before a call. */
export interface ExplainedTags {
  /** Those that are written down. */
  readonly fixed: readonly string[]
  /** Whether a function names them. */
  readonly isComputed: boolean
}

/** What a key is made of. */
export interface ExplainedKey {
  /** The method's parameters, or the option whose function makes it. */
  readonly madeOf: 'parameters' | 'key' | 'resultKey' | 'keys'
  /** Whether each element of a list has a key, and stands in its place among the parameters. */
  readonly isOfElements: boolean
  /** The parameters, counted from 1, that `@CacheKey()` picks, each whole or by a path; undefined: all there are. */
  readonly picked: readonly { readonly parameter: number; readonly path: string | undefined }[] | undefined
  /** The parameters, counted from 1, that `@CacheIgnore()` leaves out. */
  readonly ignored: readonly number[]
}

/** How results are kept in one cache. Times are milliseconds; null stands for "without end", which JSON cannot say. */
export interface ExplainedLife {
  readonly cache: string
  /** How keys look in the shared tier; undefined where there is none. */
  readonly sharedKey: string | undefined
  /** The limits of the local tier; undefined where there is none. */
  readonly local: ExplainedLocal | undefined
  readonly ttlMs: number | null
  /** The share of its life by which a life may be shorter. */
  readonly ttlJitter: number
  /** The most bytes of an encoded value in the shared tier. */
  readonly maxValueBytes: number
  readonly isPartitioned: boolean
  /** Whether `evictPrefix` reaches it. */
  readonly isHierarchical: boolean
  readonly policies: ExplainedPolicies
}

/** The limits of a local tier; null: no such limit. */
export interface ExplainedLocal {
  readonly maxEntries: number | null
  readonly maxBytes: number | null
  /** The longest life of a copy in milliseconds. */
  readonly ttlMs: number | null
  readonly isolation: IsolationMode
}

/** The policies that hold; null: not said. Times are milliseconds. */
export interface ExplainedPolicies {
  readonly staleWhileRevalidateMs: number | null
  readonly staleIfErrorMs: number | null
  readonly refreshAhead: number | 'xfetch' | null
  readonly softTimeoutMs: number | null
  readonly hardTimeoutMs: number | null
  readonly negativeTtlMs: number | null
  /** How long errors that are answers are kept. */
  readonly errorTtlMs: number | null
}

/** Something that removes or replaces entries. */
export interface ExplainedEviction {
  readonly method: string
  readonly cache: string
  readonly what: EvictedWhat | 'put'
}

/** What an explanation is made from. */
export interface Explainer {
  readonly prefix: string
  readonly shared: SharedStoreFactory | undefined
  readonly cacheOf: (name: string) => CacheDefinition
  /** Every operation that uses the manager. */
  readonly uses: readonly Use[]
}

/**
 * Explains one method.
 *
 * @param owner the class on whose objects it is called, where that is known
 * @param its operations that use the manager
 */
export function explainMethod(
  method: DecoratedMethod,
  owner: Function | undefined,
  its: readonly Use[],
  explainer: Explainer,
): MethodExplanation {
  const of = (kind: Operation['kind'], before = false): Use[] =>
    its.filter(({ operation }) => operation.kind === kind && operation.before === before)
  const lives = (use: Use): ExplainedLife[] => cachesOf(use, owner).map((name) => lifeIn(name, use, explainer))
  const keep = (use: Use) => ({ ...common(use.operation), key: keyOf(use), caches: lives(use) })
  const [reads, puts] = [of('read'), of('put')]
  const behind = puts.find(({ operation }) => operation.behind !== undefined)?.operation.behind
  const steps: ExplainedStep[] = [
    ...of('evict', true).flatMap((use) => evictsOf(use, 'before', owner)),
    ...reads.map((use): ExplainedRead => ({ does: 'read', ...keep(use) })),
    ...(behind === undefined ? [{ does: 'call' as const, isAlways: reads.length === 0 || puts.length > 0 }] : []),
    ...puts.map((use): ExplainedPut => ({ does: 'put', ...keep(use) })),
    ...(behind === undefined ? [] : [queueOf(behind, explainer)]),
    ...of('evict').flatMap((use) => evictsOf(use, 'after', owner)),
  ]
  const used = new Set(its.map(({ operation }) => operation))
  const data: Omit<MethodExplanation, 'toString'> = {
    method: whereOf(method, owner),
    steps,
    evictedBy: unique([...reads, ...puts].flatMap((use) => evictionsOf(use, owner, explainer.uses))),
    elsewhere: method.operations.filter((operation) => !used.has(operation)).map(({ decorator }) => decorator),
  }
  return withText(deepFrozen(data), () => explanationText(data), { isLogged: true })
}

/** The caches of an operation on objects of a class; none for an evict that names no read. */
export function cachesOf({ method, operation, caches }: Use, owner: Function | undefined): readonly string[] {
  if (operation.of === undefined) return caches ?? [owner === undefined ? method.where : ownCacheName(method, owner)]
  try {
    return namedReads({ method, operation, owner }).flatMap(cachesOfRead)
  } catch {
    // What is wrong with it is told to whoever asks about this evict itself.
    return []
  }
}

/** What may remove or replace the entries that a read or put keeps. */
export function evictionsOf(use: Use, owner: Function | undefined, uses: readonly Use[]): ExplainedEviction[] {
  return cachesOf(use, owner).flatMap((cache) =>
    uses.flatMap((other): ExplainedEviction[] => {
      const { operation, method } = other
      const where = method === use.method ? whereOf(method, owner) : method.where
      const its = method === use.method || isInherited(operation, method, owner) ? owner : method.declaringClass
      const isHere = cachesOf(other, its).includes(cache)
      if (operation.kind === 'put') {
        return isHere && operation !== use.operation ? [{ method: where, cache, what: 'put' }] : []
      }
      if (operation.kind !== 'evict') return []
      const reaches = (what: EvictedWhat): boolean =>
        what === 'tags' ? (isHere || other.caches === undefined) && mayShareTags(use.operation, operation) : isHere
      return evictedBy(operation)
        .filter(reaches)
        .map((what) => ({ method: where, cache, what }))
    }),
  )
}

/** Whether objects of a class have the method of an evict that names a read: then it is a read of theirs. */
function isInherited({ of }: Operation, { declaringClass }: DecoratedMethod, owner: Function | undefined): boolean {
  return of !== undefined && owner !== undefined && declaringClass !== undefined && isOrExtends(owner, declaringClass)
}

function mayShareTags(kept: Operation, evict: Operation): boolean {
  if (kept.tags === undefined) return false
  // A function may name any tag.
  const [carried, evicted] = [kept.fixedTags, evict.fixedTags]
  if (carried === undefined || evicted === undefined) return true
  return carried.some((tag) => evicted.includes(tag))
}

function evictedBy(operation: Operation): EvictedWhat[] {
  if (operation.allEntries) return ['everything']
  const tags: EvictedWhat[] = operation.tags === undefined ? [] : ['tags']
  const { key, resultKey, keys } = operation
  const statesKey = key !== undefined || resultKey !== undefined || keys !== undefined
  return tags.length === 0 || statesKey ? [...tags, 'key'] : tags
}

/** An evict; one for each of the reads that it names by `of`. */
function evictsOf(use: Use, when: 'before' | 'after', owner: Function | undefined): ExplainedEvict[] {
  const { operation, method, caches } = use
  const what = evictedBy(operation)
  const its = {
    does: 'evict' as const,
    ...common(operation),
    when,
    what,
    afterError: operation.afterError !== false,
    isExpiry: operation.expire,
  }
  if (operation.of !== undefined) {
    return namedReads({ operation, method, owner }).map((read) => ({
      ...its,
      caches: cachesOfRead(read),
      key: keyOf(read),
      of: targetOf(operation, read),
    }))
  }
  const where = caches === undefined && operation.tags !== undefined ? 'all' : cachesOf(use, owner)
  return [{ ...its, caches: where, key: what.includes('key') ? keyOf(use) : undefined, of: undefined }]
}

function targetOf(operation: Operation, { method }: NamedRead): ExplainedTarget {
  const madeBy = (['args', 'resultArgs'] as const).find((name) => operation[name] !== undefined) ?? 'parameters'
  return { method: method.where, madeBy }
}

function queueOf({ batch, maxDelayMs, maxPending, maxTries }: BehindOperation, { shared }: Explainer): ExplainedQueue {
  return { does: 'queue', isDurable: shared !== undefined, batch, maxDelayMs, maxPending, maxTries }
}

function common(operation: Operation): ExplainedOperation {
  const { decorator, tags, fixedTags } = operation
  return {
    decorator,
    asks: (['condition', 'unless'] as const).filter((name) => operation[name] !== undefined),
    functions: (['version', 'negative', 'fallback'] as const).filter((name) => operation[name] !== undefined),
    tags: { fixed: fixedTags ?? [], isComputed: tags !== undefined && fixedTags === undefined },
  }
}

const keyOptions = ['key', 'resultKey', 'keys'] as const

function keyOf({ method, operation }: Pick<Use, 'method' | 'operation'>): ExplainedKey {
  const { keys, ignored } = method.marks
  const isMade = !usesParameters(operation)
  const picked = keys.map(({ index, path }) => ({ parameter: index + 1, path }))
  return {
    madeOf: isMade ? keyOptions.find((name) => operation[name] !== undefined)! : 'parameters',
    isOfElements: operation.many !== undefined || operation.behind !== undefined,
    picked: isMade || picked.length === 0 ? undefined : picked,
    ignored: isMade ? [] : ignored.map((index) => index + 1),
  }
}

function lifeIn(name: string, { operation, classTtlMs, method }: Use, explainer: Explainer): ExplainedLife {
  const cache = explainer.cacheOf(name)
  const ttlMs = operation.ttlMs ?? classTtlMs ?? cache.ttlMs
  const where = `${operation.decorator} of ${method.where} in cache '${name}'`
  const { entryPrefix } = createKeyspace({
    prefix: explainer.prefix,
    cache: name,
    version: entryVersion,
    shape: cache.version,
  })
  const isPartitioned = cache.partition !== undefined
  return {
    cache: name,
    sharedKey: explainer.shared === undefined ? undefined : `${entryPrefix}${isPartitioned ? '…;' : ''}…}`,
    local: cache.local && {
      maxEntries: finite(cache.local.maxEntries),
      maxBytes: finite(cache.local.maxBytes),
      ttlMs: finite(cache.local.ttlMs),
      isolation: cache.local.isolation,
    },
    ttlMs: finite(ttlMs),
    ttlJitter: cache.ttlJitter,
    maxValueBytes: cache.maxValueBytes,
    isPartitioned,
    isHierarchical: cache.hierarchical,
    policies: explainPolicies(decidePolicies(cache.policies, operation.policies, ttlMs, where)),
  }
}

function explainPolicies(policies: Policies): ExplainedPolicies {
  return {
    staleWhileRevalidateMs: policies.staleWhileRevalidateMs || null,
    staleIfErrorMs: policies.staleIfErrorMs || null,
    refreshAhead: policies.refreshAhead ?? null,
    softTimeoutMs: finite(policies.softTimeoutMs),
    hardTimeoutMs: finite(policies.hardTimeoutMs),
    negativeTtlMs: policies.negativeTtlMs ?? null,
    errorTtlMs: policies.cacheErrors?.ttlMs ?? null,
  }
}

function whereOf(method: DecoratedMethod, owner: Function | undefined): string {
  return owner === undefined ? method.where : `${method.place.isStatic ? 'static ' : ''}${owner.name}.${method.name}`
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

function unique(evictions: readonly ExplainedEviction[]): ExplainedEviction[] {
  return [...new Map(evictions.map((eviction) => [JSON.stringify(eviction), eviction])).values()]
}

function deepFrozen<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null && !Object.isFrozen(part)) Object.freeze(deepFrozen(part as object))
  }
  return value
}
