import { EventEmitter } from 'node:events'
import type { TypeRegistry } from '../kernel/registered-types'
import { classConfigOf, type DecoratedMethod } from '../metadata/decorated-method'
import { keyParameters, usesParameters } from '../metadata/key-parameters'
import { managerOfRead, namedReads } from '../metadata/named-read'
import type { Operation } from '../metadata/operation'
import { decidePolicies } from '../policies/policies'
import type { CacheDefinition } from './definition'

/** Something that can be seen in the decorated methods before the first call. */
export interface Finding {
  readonly severity: 'error' | 'warning'
  /** The method or cache it is about. */
  readonly subject: string
  readonly message: string
}

/** What a finding is about: a stable name, of which docs/explain.md says what it means. */
export const findingKinds = [
  'same-key',
  'same-queue',
  'contradicting-options',
  'evicts-nothing',
  'unknown-parameter-type',
  'unbounded-key',
  'never-evicted',
  'over-quota',
  'not-kept',
  'low-hit-ratio',
] as const

/** What an {@link AuditFinding} is about. */
export type FindingKind = (typeof findingKinds)[number]

/** A {@link Finding} with the name of its kind. */
export interface AuditFinding extends Finding {
  readonly kind: FindingKind
}

/** Which manager the audit is for. */
export interface Auditor {
  readonly manager: object
  /** Whether it is the one that methods use which name none. */
  readonly isConfigured: boolean
  readonly types: TypeRegistry
  /** What is decided for a cache. */
  readonly cacheOf: (name: string) => CacheDefinition
}

/** One operation of a method that uses the manager. */
export interface Use {
  readonly method: DecoratedMethod
  readonly operation: Operation
  /** Undefined for a cache of the method's own, which nobody else can share; and for an evict that names a read by `of`. */
  readonly caches: readonly string[] | undefined
  /** What the class of the method says of the lives of its entries. */
  readonly classTtlMs: number | undefined
}

/** Looks over the operations that use this manager. */
export function auditDefinitions(uses: readonly Use[], auditor: Pick<Auditor, 'cacheOf' | 'types'>): AuditFinding[] {
  return [
    ...sharedDefaultKeys(uses),
    ...sharedQueues(uses),
    ...contradictingPolicies(uses, auditor),
    ...unreadEvicts(uses),
    ...unreadNames(uses),
    ...unknownParameterTypes(uses, auditor.types),
  ]
}

/**
 * The operations of a method that use this manager.
 *
 * @param bound the manager that the method's objects are bound to, where that is known: it goes before all others
 */
export function usesOf(
  method: DecoratedMethod,
  auditor: Pick<Auditor, 'manager' | 'isConfigured'>,
  bound?: object,
  owner: Function | undefined = method.declaringClass,
): Use[] {
  const config = classConfigOf(owner, method.place.metadata)
  return method.operations.flatMap((operation) => {
    const given = bound ?? operation.manager ?? managerNamedBy(operation, method, owner) ?? config?.manager
    const isUsed = given === undefined ? auditor.isConfigured : resolve(given) === auditor.manager
    const caches = operation.of === undefined ? (operation.caches ?? config?.caches) : undefined
    return isUsed ? [{ method, operation, caches, classTtlMs: config?.ttlMs }] : []
  })
}

/** Two reads of one cache whose keys are just their arguments would answer for each other. */
function sharedDefaultKeys(uses: readonly Use[]): AuditFinding[] {
  const readers = new Map<string, DecoratedMethod[]>()
  const findings: AuditFinding[] = []
  for (const { method, operation, caches } of uses) {
    if (
      operation.kind !== 'read' ||
      operation.many !== undefined ||
      !usesParameters(operation) ||
      method.marks.keys.length > 0
    )
      continue
    for (const cache of caches ?? []) {
      const others = readers.get(cache) ?? []
      readers.set(cache, [...others, method])
      const other = others.find((reader) => reader !== method && !overrides(method, reader))
      if (other !== undefined) {
        findings.push({
          kind: 'same-key',
          severity: 'error',
          subject: cache,
          message: `${other.where} and ${method.where} both read cache '${cache}' with keys made of all their parameters, so one would be answered with the other's values. Give one of them a \`key\` (or @CacheKey()), or a cache of its own.`,
        })
      }
    }
  }
  return findings
}

/** Two methods whose writes would stand in one queue: neither could make the other's. */
function sharedQueues(uses: readonly Use[]): AuditFinding[] {
  const owners = new Map<string, DecoratedMethod>()
  return uses.flatMap(({ method, operation, caches = [] }): AuditFinding[] => {
    const [cache] = caches
    if (operation.behind === undefined || cache === undefined) return []
    const other = owners.get(cache)
    owners.set(cache, method)
    if (other === undefined) return []
    return [
      {
        kind: 'same-queue',
        severity: 'error',
        subject: cache,
        message: `${other.where} and ${method.where} both queue writes for cache '${cache}', and its queue can be only one's. Give one of them another cache.`,
      },
    ]
  })
}

/** What an operation says against what its cache says. */
function contradictingPolicies(uses: readonly Use[], { cacheOf }: Pick<Auditor, 'cacheOf'>): AuditFinding[] {
  return uses.flatMap(({ method, operation, caches }) =>
    (caches ?? [method.where]).flatMap((name) => {
      try {
        const { policies, ttlMs } = cacheOf(name)
        const where = `${operation.decorator} of ${method.where} in cache '${name}'`
        decidePolicies(policies, operation.policies, operation.ttlMs ?? ttlMs, where)
        return []
      } catch (error) {
        const { message } = error as Error
        return [{ kind: 'contradicting-options' as const, severity: 'error' as const, subject: method.where, message }]
      }
    }),
  )
}

function unreadEvicts(uses: readonly Use[]): AuditFinding[] {
  const read = new Set(uses.filter(({ operation }) => operation.kind === 'read').flatMap(({ caches }) => caches ?? []))
  return uses.flatMap(({ method, operation, caches }) => {
    if (operation.kind !== 'evict' || operation.of !== undefined) return []
    if (caches === undefined) {
      // Tags without a cache reach everywhere; a key or everything of a cache only this method has reaches nothing.
      if (operation.tags !== undefined && !operation.allEntries) return []
      return [
        unread(
          method,
          `${method.where} evicts from a cache of its own, which nothing reads. Give @CacheEvict a \`cache\`.`,
        ),
      ]
    }
    return caches
      .filter((cache) => !read.has(cache))
      .map((cache) =>
        unread(
          method,
          `${method.where} evicts from cache '${cache}', which no decorated method reads. Is the name right?`,
        ),
      )
  })
}

/** Evicts by `of` that name no read, or none that this manager keeps anything of. */
function unreadNames(uses: readonly Use[]): AuditFinding[] {
  const read = new Set(uses.map(({ operation }) => operation))
  return uses.flatMap(({ method, operation }) => {
    if (operation.of === undefined) return []
    try {
      return namedReads({ operation, method, owner: method.declaringClass })
        .filter((its) => !read.has(its.operation))
        .map((its) =>
          unread(
            method,
            `${method.where} evicts entries of ${its.method.where} in this manager, but that method uses another one. Give both the same \`manager\`.`,
          ),
        )
    } catch (error) {
      return [{ ...unread(method, (error as Error).message), severity: 'error' as const }]
    }
  })
}

/** The manager that the read which an evict names by `of` names, if they do. */
function managerNamedBy(operation: Operation, method: DecoratedMethod, owner: Function | undefined): unknown {
  if (operation.of === undefined) return undefined
  try {
    const [first] = namedReads({ operation, method, owner })
    return first && managerOfRead(first)
  } catch {
    // Told of where the manager is known.
    return undefined
  }
}

function unknownParameterTypes(uses: readonly Use[], types: TypeRegistry): AuditFinding[] {
  return uses.flatMap(({ method, operation }) => {
    if (!usesParameters(operation)) return []
    return keyParameters(method).flatMap((index) => {
      const type = method.place.parameterTypes?.[index]
      if (typeof type !== 'function' || isKnown(type, types)) return []
      const its = `${method.where}: parameter ${index + 1} is of class ${type.name}, which cannot be part of a cache key`
      const [kind, message] = isRequest(type)
        ? (['unbounded-key', `${its}: no two are alike. ${pickWhatCounts}`] as const)
        : ([
            'unknown-parameter-type',
            `${its} unless the class is listed in the manager's \`types\`. List it, or leave the parameter out with @CacheIgnore() or @CacheKey().`,
          ] as const)
      return [{ kind, severity: 'warning' as const, subject: method.where, message }]
    })
  })
}

/** What to do about a key that whole objects are part of. */
export const pickWhatCounts =
  "Let only what the answer depends on be part of the key: `key: (request) => request.id`, @CacheKey('id'), or @CacheIgnore()."

// By name: to touch the globals of fetch loads it.
const requestNames: ReadonlySet<string> = new Set(['Request', 'Response', 'Headers', 'ReadableStream'])

/** Whether instances come with a request and go with it: requests, responses, sockets and streams. */
function isRequest(type: Function): boolean {
  return requestNames.has(type.name) || type.prototype instanceof EventEmitter
}

// What the compiler writes for built-in types, interfaces and everything it cannot name.
const builtIn: ReadonlySet<unknown> = new Set<unknown>([
  ...[Object, String, Number, Boolean, BigInt, Array, Date, RegExp, Map, Set, URL, AbortSignal],
  ...[Buffer, ArrayBuffer, DataView, Uint8Array, Uint8ClampedArray, Uint16Array, Uint32Array],
  ...[Int8Array, Int16Array, Int32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array],
])

function isKnown(type: Function, types: TypeRegistry): boolean {
  return builtIn.has(type) || types.ofPrototype(type.prototype as object) !== undefined
}

function unread(method: DecoratedMethod, message: string): AuditFinding {
  return { kind: 'evicts-nothing', severity: 'warning', subject: method.where, message }
}

/**
 * Whether one method takes the other's place: in a subclass, or because the class was defined again (by a factory, a
 * hot reload, a test). They are one method to whoever calls it.
 */
function overrides(one: DecoratedMethod, other: DecoratedMethod): boolean {
  if (one.className !== undefined && one.where === other.where) return true
  const [a, b] = [one.place, other.place]
  if (a.name !== b.name || a.isStatic !== b.isStatic) return false
  const [its, others] = [one.declaringClass, other.declaringClass]
  if (its !== undefined && others !== undefined) return isKin(its, others)
  // Metadata of a class inherits from that of its parent, with most compilers.
  return a.metadata !== undefined && b.metadata !== undefined && isKin(a.metadata, b.metadata)
}

function isKin(one: object, other: object): boolean {
  return Object.prototype.isPrototypeOf.call(one, other) || Object.prototype.isPrototypeOf.call(other, one)
}

/** A `manager` option that cannot be asked yet is not this manager's business. */
function resolve(given: unknown): unknown {
  if (typeof given !== 'function') return given
  try {
    return given()
  } catch {
    return undefined
  }
}
