import type { TypeRegistry } from '../kernel/registered-types'
import { classConfigOf, type DecoratedMethod } from '../metadata/decorated-method'
import { keyParameters, usesParameters } from '../metadata/key-parameters'
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

/** Which manager the audit is for. */
export interface Auditor {
  readonly manager: object
  /** Whether it is the one that methods use which name none. */
  readonly isConfigured: boolean
  readonly types: TypeRegistry
  /** What is decided for a cache. */
  readonly cacheOf: (name: string) => CacheDefinition
}

interface Use {
  readonly method: DecoratedMethod
  readonly operation: Operation
  /** Undefined for a cache of the method's own, which nobody else can share. */
  readonly caches: readonly string[] | undefined
}

/** Looks over the methods that use this manager. */
export function auditDefinitions(methods: readonly DecoratedMethod[], auditor: Auditor): Finding[] {
  const uses = methods.flatMap((method) => usesOf(method, auditor))
  return [
    ...sharedDefaultKeys(uses),
    ...contradictingPolicies(uses, auditor),
    ...unreadEvicts(uses),
    ...unknownParameterTypes(uses, auditor.types),
  ]
}

function usesOf(method: DecoratedMethod, auditor: Auditor): Use[] {
  const config = classConfigOf(method.declaringClass, method.place.metadata)
  return method.operations.flatMap((operation) => {
    const given = operation.manager ?? config?.manager
    const isUsed = given === undefined ? auditor.isConfigured : resolve(given) === auditor.manager
    return isUsed ? [{ method, operation, caches: operation.caches ?? config?.caches }] : []
  })
}

/** Two reads of one cache whose keys are just their arguments would answer for each other. */
function sharedDefaultKeys(uses: readonly Use[]): Finding[] {
  const readers = new Map<string, DecoratedMethod[]>()
  const findings: Finding[] = []
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
          severity: 'error',
          subject: cache,
          message: `${other.where} and ${method.where} both read cache '${cache}' with keys made of all their parameters, so one would be answered with the other's values. Give one of them a \`key\` (or @CacheKey()), or a cache of its own.`,
        })
      }
    }
  }
  return findings
}

/** What an operation says against what its cache says. */
function contradictingPolicies(uses: readonly Use[], { cacheOf }: Auditor): Finding[] {
  return uses.flatMap(({ method, operation, caches }) =>
    (caches ?? [method.where]).flatMap((name) => {
      try {
        const { policies, ttlMs } = cacheOf(name)
        const where = `${operation.decorator} of ${method.where} in cache '${name}'`
        decidePolicies(policies, operation.policies, operation.ttlMs ?? ttlMs, where)
        return []
      } catch (error) {
        return [{ severity: 'error' as const, subject: method.where, message: (error as Error).message }]
      }
    }),
  )
}

function unreadEvicts(uses: readonly Use[]): Finding[] {
  const read = new Set(uses.filter(({ operation }) => operation.kind === 'read').flatMap(({ caches }) => caches ?? []))
  return uses.flatMap(({ method, operation, caches }) => {
    if (operation.kind !== 'evict') return []
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

function unknownParameterTypes(uses: readonly Use[], types: TypeRegistry): Finding[] {
  return uses.flatMap(({ method, operation }) => {
    if (!usesParameters(operation)) return []
    return keyParameters(method).flatMap((index) => {
      const type = method.place.parameterTypes?.[index]
      if (typeof type !== 'function' || isKnown(type, types)) return []
      const message = `${method.where}: parameter ${index + 1} is of class ${type.name}, which cannot be part of a cache key unless the class is listed in the manager's \`types\`. List it, or leave the parameter out with @CacheIgnore() or @CacheKey().`
      return [{ severity: 'warning' as const, subject: method.where, message }]
    })
  })
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

function unread(method: DecoratedMethod, message: string): Finding {
  return { severity: 'warning', subject: method.where, message }
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
