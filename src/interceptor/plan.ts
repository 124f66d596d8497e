import type { Cache } from '../cache/cache'
import { cacheError } from '../kernel/errors'
import { type KeyGenerator, keyFromParameters } from '../key/key-generator'
import { CacheManager } from '../manager/cache-manager'
import { configuredManager, managerBoundTo } from '../manager/configured'
import { classOf, ownCacheName, ownerOf } from '../metadata/cache-name'
import { classConfigOf, type DecoratedMethod } from '../metadata/decorated-method'
import { managerOfRead, type NamedRead, namedCaches, namedReads } from '../metadata/named-read'
import type { ClassConfig, Operation } from '../metadata/operation'
import { decidePolicies, type Policies } from '../policies/policies'

/** An operation; one that names reads, about each of them. */
interface Part {
  readonly operation: Operation
  readonly read: NamedRead | undefined
}

/** An operation with all that can be decided before the call's arguments are known. */
export interface Planned extends Part {
  readonly manager: CacheManager
  readonly caches: readonly Cache[]
  /** Whether the operation names its cache, itself or by its class. */
  readonly namesCache: boolean
  /** The key of the arguments where the operation, or the read that it names, has no key function. */
  readonly keyOfArguments: KeyGenerator
  /** For each cache, what is kept there and how. */
  readonly lives: ReadonlyMap<Cache, PlannedLife>
}

/** How long results are kept in one cache, and by which policies. */
export interface PlannedLife {
  readonly ttlMs: number
  readonly policies: Policies
}

/** What a call of a method does, in the order in which the interceptor does it. */
export interface Plan {
  readonly evictsBefore: readonly Planned[]
  readonly reads: readonly Planned[]
  readonly puts: readonly Planned[]
  readonly evictsAfter: readonly Planned[]
  readonly operations: readonly Planned[]
  /** A read of the elements of a list; then there is nothing else. */
  readonly many: Planned | undefined
  /** A read whose loads are gathered, by `loadMany`; then there is nothing else. */
  readonly together: Planned | undefined
  /** A put whose write is queued; then there is nothing else. */
  readonly behind: Planned | undefined
  /** The whole plan, where it is one read without conditions from one cache: the path that must cost least. */
  readonly single: Planned | undefined
  /** The same, where no function of the user has to be asked for the key, and nothing is gathered: the shortest way. */
  readonly shortest: { readonly planned: Planned; readonly cache: Cache } | undefined
}

interface Remembered {
  /** What the plan was made for: further decorators make it another list. */
  readonly operations: readonly Operation[]
  readonly parts: readonly Part[]
  readonly managers: readonly CacheManager[]
  readonly plan: Plan
}

/** Makes plans for one method and remembers them by class and managers. */
export class Planner {
  readonly #method: DecoratedMethod
  readonly #remembered = new WeakMap<Function, Remembered>()
  readonly #keyOfArguments: KeyGenerator
  #lastOwner: Function | undefined
  #last: Remembered | undefined

  constructor(method: DecoratedMethod) {
    this.#method = method
    this.#keyOfArguments = keyFromParameters(method.marks, method.where)
  }

  /** @throws CW_NOT_CONFIGURED, CW_VERSION_MISMATCH, CW_OPTION_INVALID, CW_OPTIONS_CONTRADICT, CW_DEFINITION_CONFLICT */
  planFor(self: unknown): Plan {
    const owner = classOf(self)
    const known = owner === undefined ? undefined : this.#rememberedFor(owner)
    if (known !== undefined && this.#isCurrent(known, self, owner)) return known.plan
    const { operations } = this.#method
    const parts = operations.flatMap((operation) => this.#partsOf(operation, owner))
    const managers = parts.map((part) => this.#managerOf(part, self, owner))
    const declaring = owner === undefined ? undefined : ownerOf(this.#method, owner)
    if (declaring !== undefined) this.#method.seenIn(declaring)
    const plan = this.#make(parts, owner, managers)
    if (owner !== undefined) this.#remembered.set(owner, { operations, parts, managers, plan })
    this.#lastOwner = undefined
    return plan
  }

  // Most methods are called on objects of one class.
  #rememberedFor(owner: Function): Remembered | undefined {
    if (owner !== this.#lastOwner) {
      this.#lastOwner = owner
      this.#last = this.#remembered.get(owner)
    }
    return this.#last
  }

  #isCurrent({ operations, parts, managers }: Remembered, self: unknown, owner: Function | undefined): boolean {
    if (operations !== this.#method.operations) return false
    for (let index = 0; index < managers.length; index++) {
      if (this.#managerOf(parts[index]!, self, owner) !== managers[index]) return false
    }
    return true
  }

  #partsOf(operation: Operation, owner: Function | undefined): readonly Part[] {
    if (operation.of === undefined) return [{ operation, read: undefined }]
    return namedReads({ operation, method: this.#method, owner }).map((read) => ({ operation, read }))
  }

  #make(parts: readonly Part[], owner: Function | undefined, managers: readonly CacheManager[]): Plan {
    const config = classConfigOf(owner, this.#method.place.metadata)
    const all = parts.flatMap((part, index) => {
      const planned = this.#plan(part, managers[index]!, config, owner)
      return planned === undefined ? [] : [planned]
    })
    const of = (kind: Operation['kind'], before = false): Planned[] =>
      all.filter(({ operation }) => operation.kind === kind && operation.before === before)
    const reads = of('read')
    const [only] = reads
    const many = all.find(({ operation }) => operation.many !== undefined)
    if (many !== undefined && (all.length > 1 || many.caches.length > 1)) {
      throw cacheError(
        'CW_OPTIONS_CONTRADICT',
        `@CacheableMany of ${this.#method.where} stands for itself and names one cache: take away the other decorators, or further caches.`,
      )
    }
    const together = all.find(({ operation }) => operation.loadMany !== undefined)
    if (together !== undefined && (all.length > 1 || together.caches.length > 1)) {
      throw cacheError(
        'CW_OPTIONS_CONTRADICT',
        `@Cacheable of ${this.#method.where}: what \`loadMany\` loads stands in one cache, and for itself: take away the other decorators, or further caches.`,
      )
    }
    const behind = all.find(({ operation }) => operation.behind !== undefined)
    if (behind !== undefined && (all.length > 1 || behind.caches.length > 1 || !behind.namesCache)) {
      throw cacheError(
        'CW_OPTIONS_CONTRADICT',
        `@WriteBehind of ${this.#method.where} stands for itself and names one cache, that of the methods that read: give it \`cache\`, and take away the other decorators, or further caches.`,
      )
    }
    const single =
      many === undefined &&
      together === undefined &&
      all.length === 1 &&
      only !== undefined &&
      only.caches.length === 1 &&
      only.operation.condition === undefined
    return {
      evictsBefore: of('evict', true),
      reads,
      puts: of('put'),
      evictsAfter: of('evict'),
      operations: all,
      many,
      together,
      behind,
      single: single ? only : undefined,
      shortest: single ? shortestOf(only) : undefined,
    }
  }

  #plan(
    { operation, read }: Part,
    manager: CacheManager,
    config: ClassConfig | undefined,
    owner: Function | undefined,
  ): Planned | undefined {
    const keeper = read ?? { operation, method: this.#method, owner }
    const named = namedCaches(keeper)
    const names = named ?? claim(manager, keeper.method, keeper.owner)
    if (names === undefined) return undefined
    const caches = names.map((name) => manager.cache(name))
    return {
      operation,
      read,
      manager,
      caches,
      namesCache: named !== undefined,
      keyOfArguments:
        read === undefined ? this.#keyOfArguments : keyFromParameters(read.method.marks, read.method.where),
      lives: new Map(caches.map((cache) => [cache, this.#lifeIn(cache, operation, config)])),
    }
  }

  #lifeIn({ parts, name }: Cache, operation: Operation, config: ClassConfig | undefined): PlannedLife {
    const ttlMs = operation.ttlMs ?? config?.ttlMs ?? parts.ttlMs
    const where = `${operation.decorator} of ${this.#method.where} in cache '${name}'`
    return { ttlMs, policies: decidePolicies(parts.policies, operation.policies, ttlMs, where) }
  }

  #managerOf({ operation, read }: Part, self: unknown, owner: Function | undefined): CacheManager {
    const bound = managerBoundTo(self, this.#method)
    if (bound !== undefined) return bound
    const given =
      operation.manager ?? (read && managerOfRead(read)) ?? classConfigOf(owner, this.#method.place.metadata)?.manager
    if (given === undefined) return configuredManager(this.#method)
    const manager: unknown = typeof given === 'function' ? given() : given
    if (isManager(manager)) return manager
    throw cacheError(
      'CW_OPTION_INVALID',
      `${operation.decorator} of ${this.#method.where}: option \`manager\` must be a cache manager or a function that returns one, got ${manager === null ? 'null' : typeof manager}.`,
    )
  }
}

/** A cache of the method's own; none if another class of the same name has it already. */
function claim(
  manager: CacheManager,
  method: DecoratedMethod,
  owner: Function | undefined,
): readonly string[] | undefined {
  // Taken off its object, a method is nobody's.
  if (owner === undefined) return undefined
  const name = ownCacheName(method, owner)
  return manager.claim(name, method, owner) ? [name] : undefined
}

// By shape: the manager may come from another copy of the package.
function isManager(value: unknown): value is CacheManager {
  if (value instanceof CacheManager) return true
  return typeof value === 'object' && value !== null && 'cache' in value && 'claim' in value
}

function shortestOf(planned: Planned): Plan['shortest'] {
  const [cache] = planned.caches
  if (cache === undefined || cache.parts.keys.isPartitioned || planned.operation.key !== undefined) return undefined
  return { planned, cache }
}
