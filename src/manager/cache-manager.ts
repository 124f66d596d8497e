import { Background } from '../cache/background'
import { Cache } from '../cache/cache'
import { checkTags } from '../cache/check-tags'
import { TagMarkers } from '../cache/tag-markers'
import { createTagNames, everything, everywhere } from '../cache/tag-names'
import type { TieredCache } from '../cache/tiered-cache'
import {
  aroundTransaction,
  type CachingTransaction,
  currentTransaction,
  inTransaction,
  type Transaction,
  type TransactionAttempt,
} from '../cache/transaction'
import { EvictionJournal } from '../coherence/eviction-journal'
import type { CacheEventName } from '../events/cache-event'
import type { CacheFailure } from '../events/error-handler'
import { type CacheEventListener, EventHub } from '../events/event-hub'
import { type ManagerStats, type SharedState, summarise } from '../events/stats'
import type { CacheTracer } from '../events/tracing'
import { describeThrown } from '../kernel/describe'
import { type CacheError, cacheError } from '../kernel/errors'
import { checkOptions, show } from '../kernel/options'
import { Warnings } from '../kernel/warn'
import { KeyEncoder } from '../key/key-encoder'
import { createKeyspace } from '../key/keyspace'
import { isDecorated } from '../metadata/decorated-classes'
import type { PendingWrites } from '../queue/pending-writes'
import { guardSharedStore } from '../stores/guard'
import type { SharedStore } from '../stores/shared-store'
import { assembleCache, type ManagerContext } from './assemble'
import { BoundClasses } from './bound-classes'
import { CacheClaims } from './cache-claims'
import { type AuditOptions, auditRules, type CachingAudit } from './caching-audit'
import type { CachingOptions } from './caching-options'
import { bindTo, managerBoundTo } from './configured'
import { DecoratedUses } from './decorated-uses'
import { defineManager, type ManagerDefinition } from './definition'
import type { Finding } from './definition-audit'
import type { MethodExplanation } from './explanation'
import { InvalidationRouter } from './invalidation-router'
import {
  type WarmableMethod,
  type WarmList,
  type WarmOptions,
  type WarmReport,
  type WarmTarget,
  warmListRules,
  warmRules,
  warmTarget,
} from './warm-options'
import { type Calls, Warming } from './warming'
import { WriteQueues } from './write-queues'

/** What {@link CacheManager.ready} found. */
export interface ReadyReport {
  /** `'away'`: the shared tier does not answer; methods are answered without it, and it is used as soon as it does. */
  readonly shared: 'none' | 'connected' | 'away'
  /** What should be looked at but does not keep the service from running. */
  readonly warnings: readonly Finding[]
}

const closeDeadlineMs = 5_000

/** The caches of a service: made once at start-up, closed at the end. */
export class CacheManager {
  readonly #definition: ManagerDefinition
  readonly #markerKey: (name: string) => string
  readonly #events: EventHub
  readonly #warnings = new Warnings()
  readonly #background = new Background()
  readonly #store: SharedStore | undefined
  readonly #markers: TagMarkers
  readonly #journal: EvictionJournal
  readonly #context: ManagerContext
  readonly #router: InvalidationRouter
  readonly #caches = new Map<string, Cache>()
  readonly #claims = new CacheClaims(this.#warnings)
  readonly #openCircuits = new Set<string>()
  readonly #boundClasses = new BoundClasses()
  readonly #ending = new AbortController()
  readonly #uses: DecoratedUses
  readonly #writes: WriteQueues
  #closing: Promise<void> | undefined

  /** @internal Made by `configureCaching` and `createCacheManager`. */
  constructor(options: CachingOptions, where: string) {
    const definition = defineManager(options, where)
    const { prefix, clock, types, shared, maxStalenessMs } = definition
    const { root, counterKey, markerKey } = createKeyspace({ prefix, cache: 'any', version: 1 })
    this.#definition = definition
    this.#uses = new DecoratedUses({ manager: this, definition, boundClasses: this.#boundClasses })
    this.#markerKey = markerKey
    this.#events = new EventHub(this.#warnings)
    this.#router = new InvalidationRouter(
      { counter: counterKey, everything: markerKey(everything) },
      () => this.#markers,
    )
    if (shared !== undefined) {
      this.#store = guardSharedStore(
        shared.open({
          clock,
          root,
          counterKey,
          maxStalenessMs,
          commandTimeoutMs: shared.commandTimeoutMs,
          listener: this.#router,
          onCircuit: (server, isOpen) => this.#circuit(server, isOpen),
          onConnected: (isSameServer) => this.#reconnected(isSameServer),
          onFinding: ({ subject, message }) => this.#warnings.once('CW_OPTIONS_CONTRADICT', subject, message),
        }),
        clock,
        shared.commandTimeoutMs,
        shared.name,
        (command, keys, act) => this.#traced(command, keys, act),
      )
      // Nobody need wait for this connection: whoever wants to awaits ready().
      this.#store.connect().catch(() => {})
    }
    const onChange = (): void =>
      this.#events.emit('deferred', { pending: this.#journal.size + this.#markers.journal.size })
    this.#journal = new EvictionJournal({
      clock,
      onChange,
      groups: (keys) => this.#store?.groups(keys) ?? [],
      send: async (keys) => this.#store?.delete(keys, 'journal'),
    })
    this.#markers = new TagMarkers(this.#store, markerKey, maxStalenessMs, clock, onChange)
    this.#context = {
      prefix,
      clock,
      types,
      maxStalenessMs,
      commandTimeoutMs: shared?.commandTimeoutMs ?? 0,
      events: this.#events,
      warnings: this.#warnings,
      onFailure: (failure) => this.#failed(failure),
      background: this.#background,
      journal: this.#journal,
      markers: this.#markers,
      store: this.#store,
      pendingIn: (cache) => this.#writes.pendingIn(cache),
    }
    this.#writes = new WriteQueues({
      definition,
      store: this.#store,
      events: this.#events,
      warnings: this.#warnings,
      evict: async (cache, key) => void (await this.cache(cache).parts.tiers.evictions.evict([key])),
    })
    for (const name of definition.named) this.cache(name)
  }

  /**
   * The cache of this name; made on first use, with the options given for it.
   *
   * @throws CW_OPTION_INVALID for an empty name
   */
  cache<Value = unknown>(name: string): Cache<Value> {
    let cache = this.#caches.get(name)
    if (cache === undefined) {
      const definition = this.#definition.cache(name)
      const { tiers, keys, entryPrefix } = assembleCache(definition, this.#context)
      this.#router.add(entryPrefix, { cache: name, tiers, keys, clearKey: this.#markerKey(createTagNames(name).all) })
      cache = new Cache({
        name,
        tiers,
        keys: new KeyEncoder(name, this.#definition.types, definition.partition),
        ttlMs: definition.ttlMs,
        ttlJitter: definition.ttlJitter,
        hierarchical: definition.hierarchical,
        policies: definition.policies,
        maxEntries: definition.local?.maxEntries ?? 0,
        isClosed: () => this.isClosed,
        reportSkipped: (cache, operation, error) => this.reportSkipped(cache, operation, error),
      })
      this.#caches.set(name, cache)
    }
    return cache as Cache<Value>
  }

  /**
   * Connects the shared tier and looks over the decorated methods. A shared tier that does not answer is no error: the
   * report says so, and it will be used as soon as it answers.
   *
   * @throws CW_DEFINITION_CONFLICT if decorated methods contradict each other
   */
  async ready(): Promise<ReadyReport> {
    const findings = this.#uses.findings()
    for (const { message } of findings) this.#warnings.once('CW_DEFINITION_CONFLICT', message, message)
    const shared = await this.#connect()
    return { shared, warnings: [...findings, ...(shared === 'connected' ? await this.#probe() : [])] }
  }

  /**
   * What a call of a decorated method does when it uses this manager: its steps in their order, keys, tiers, lives, tags, and
   * who evicts what it keeps. Nothing is called, made or counted.
   *
   * @param owner the class, or an object of it; a method of objects goes before a static one of the same name
   * @throws CW_OPTION_INVALID if that is no decorated method; CW_OPTIONS_CONTRADICT if its options contradict each other
   *
   * @example
   * ```ts
   * console.log(caching.explain(ProductService, 'findById'))
   * ```
   */
  explain<Class extends abstract new (...args: never[]) => object>(
    owner: Class,
    method: keyof InstanceType<Class> | Exclude<keyof Class, 'prototype'>,
  ): MethodExplanation
  explain<Owner extends object>(owner: Owner, method: keyof Owner): MethodExplanation
  explain(owner: object, name: PropertyKey): MethodExplanation {
    return this.#uses.explain(owner, name)
  }

  /**
   * Every decorated method that uses this manager, by its `manager` option, that of its class, a binding of its class or
   * of an object of it, or because the manager is the configured one; and what should be looked at, in the definitions
   * and in what the caches have counted so far. Standard decorators do not know their class before its first object is
   * made.
   *
   * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
   */
  audit(options: AuditOptions = {}): CachingAudit {
    checkOptions('audit()', options, auditRules)
    return this.#uses.audit([...this.#caches.values()], options)
  }

  /**
   * Finishes background work (for five seconds at the most) and lets go of every connection of its own. Decorated
   * methods called afterwards run as if they were not decorated. Safe to call again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    this.#ending.abort()
    return this.#closing
  }

  /** Counts of every cache. */
  stats(): ManagerStats {
    const caches = Object.fromEntries([...this.#caches].map(([name, cache]) => [name, cache.stats()]))
    return summarise(caches, this.#journal.size + this.#markers.journal.size, this.#sharedState)
  }

  /**
   * What methods with `@WriteBehind` have accepted for this cache and not written yet, in every process that shares the
   * queue: to wait for it, and to look at what was given up.
   *
   * @example
   * ```ts
   * await caching.writes('products').flush()
   * ```
   */
  writes(cache: string): PendingWrites {
    this.cache(cache)
    return this.#writes.of(cache)
  }

  /** Removes every entry, in every cache, that carries one of the tags; the same cost however many there are. */
  async evictTags(tags: readonly string[]): Promise<void> {
    checkTags(tags, 'evictTags')
    if (this.isClosed || this.#waits(() => this.evictTags(tags))) return
    if (this.#events.wants('evict')) this.#events.emit('evict', { cache: undefined, tags })
    const detach = (): void => this.#each((tiers) => tiers.detachTagged())
    detach()
    await this.#moveMarkers(everywhere(tags), 'evict', tags).finally(detach)
  }

  /** Removes every entry of every cache; the same cost however many there are. */
  async clear(): Promise<void> {
    if (this.isClosed || this.#waits(() => this.clear())) return
    if (this.#events.wants('evict')) this.#events.emit('evict', { cache: undefined })
    const clearHere = (): void => this.#each((tiers) => tiers.clearHere())
    clearHere()
    if (this.#store !== undefined) await this.#moveMarkers([everything], 'clear').finally(clearHere)
  }

  /**
   * Runs work whose puts and evicts are to be seen when it has succeeded, and not at all if it fails: a transaction of a
   * database. What it is about to change it reads past the cache meanwhile, and what it loads is kept nowhere. Within another
   * one it is a part of that. It holds for every manager, and for all that the work awaits; `evictMatching` alone acts at
   * once.
   *
   * @throws what the work throws
   *
   * @example
   * ```ts
   * await caching.transaction(() => database.transaction((tx) => orders.place(order, tx)))
   * ```
   */
  transaction<Result>(work: () => Promise<Result>): Promise<Result> {
    return inTransaction(async () => work())
  }

  /**
   * The same for whoever hooks into a database: its transaction begins, calls its work and commits in `run`. It commits by
   * itself, also where it is called in another one; a savepoint says what it is in. If it fails although its work has
   * succeeded, nobody knows whether it has committed, so what was to be put or evicted is evicted. The doors to ORMs are
   * made with it.
   *
   * @param within the transaction it is a savepoint of; `'current'`: that which the call is made in, if there is one
   * @throws what `run` throws
   *
   * @example
   * ```ts
   * const transaction = (work) => caching.databaseTransaction((attempt) => sql.begin((tx) => attempt(() => work(tx))))
   * ```
   */
  databaseTransaction<Result>(
    run: (attempt: TransactionAttempt) => Promise<Result>,
    within?: CachingTransaction | 'current',
  ): Promise<Result> {
    return aroundTransaction(run, within === 'current' ? currentTransaction() : (within as Transaction | undefined))
  }

  /**
   * Makes calls of several methods, so many at once, so that they find their values cached afterwards: at a deploy, say.
   * What is fresh costs a look, what is not is loaded; what may stand in for a fresh value (`staleWhileRevalidate`,
   * `staleIfError`, `fallback`) does not. Processes that warm together load each key once. Single calls that go on at once are
   * gathered where the method has `loadMany`, so `concurrency` is the size of its batches.
   *
   * The lists are warmed one after the other. A call that fails is counted and reported, and the others go on. `close()`
   * ends the warm, as its signal does.
   *
   * After an interruption run it again: what is there already costs a look each. There is no option to begin elsewhere,
   * since whoever makes a list can make one that begins at the `position` that was last told (`ids.slice(position)`, or a query),
   * and then need not even look.
   *
   * @returns how it went
   * @throws what a list throws, or `onProgress`; CW_OPTION_INVALID, CW_OPTION_UNKNOWN. What was loaded before stays
   *
   * @example
   * ```ts
   * const report = await caching.warm([
   *   { method: cached(products).findById, with: ids.map((id) => [id]) },
   *   { method: cached(prices).of, with: pricesFromTheDatabase() },
   * ], { concurrency: 50, onProgress: ({ done, total }) => bar.update(done) })
   * ```
   */
  async warm<Each extends readonly (readonly unknown[] | [])[]>(
    lists: { readonly [Index in keyof Each]: WarmList<Each[Index]> },
    options: WarmOptions = {},
  ): Promise<WarmReport> {
    checkOptions('warm()', options, warmRules)
    if (!Array.isArray(lists)) throw cacheError('CW_OPTION_INVALID', `warm(): give a list, got ${show(lists)}.`)
    const warming = new Warming({
      lists: (lists as readonly WarmList[]).map((list, index) => this.#callsOf(list, `warm(): list ${index}`)),
      options,
      closing: this.#ending.signal,
      listener: () => (this.#events.wants('warm') ? (progress) => this.#events.emit('warm', progress) : undefined),
    })
    return warming.run()
  }

  /**
   * Calls the listener with each event of this name.
   *
   * @returns a function that takes the listener off again
   * @throws CW_OPTION_INVALID for an event there is not
   */
  on<Name extends CacheEventName>(event: Name, listener: CacheEventListener<Name>): () => void {
    if (!this.#events.has(event)) {
      throw cacheError('CW_OPTION_INVALID', `There is no event '${String(event)}' to listen to.`)
    }
    if (typeof listener !== 'function') {
      throw cacheError('CW_OPTION_INVALID', `on('${event}'): the listener must be a function, got ${show(listener)}.`)
    }
    return this.#events.on(event, listener)
  }

  /**
   * Lets a tracer stand around loads, and around commands to the shared tier, while they go on: for spans, and for what has to
   * be active during them. Events tell what came of it. Costs nothing where nobody traces, and a hit of the local tier nothing
   * ever.
   *
   * @returns a function that takes the tracer off again
   * @throws CW_OPTION_INVALID
   *
   * @example
   * ```ts
   * caching.trace((work, run) => tracer.startActiveSpan(work.kind, (span) => run().finally(() => span.end())))
   * ```
   */
  trace(tracer: CacheTracer): () => void {
    if (typeof tracer !== 'function') {
      throw cacheError('CW_OPTION_INVALID', `trace(): the tracer must be a function, got ${show(tracer)}.`)
    }
    return this.#events.tracing.add(tracer)
  }

  /**
   * Lets decorated methods called on this object use this manager, whatever is configured for the process. Given a
   * prototype or a class (for static methods), all that inherit from it are bound.
   */
  bind<Target extends object>(target: Target): Target {
    bindTo(target, this)
    this.#boundClasses.add(target)
    return target
  }

  /**
   * What a container does with an object it has made: {@link bind}, if its class has decorated methods and it is not bound
   * to a manager that is open. Whoever bound it by hand meant that.
   *
   * @returns whether the object uses this manager
   *
   * @example
   * ```ts
   * container.onActivation((_context, service) => (caching.adopt(service), service))   // inversify
   * ```
   */
  adopt(target: unknown): boolean {
    if (typeof target !== 'object' || target === null || !isDecorated(Object.getPrototypeOf(target))) return false
    const bound = managerBoundTo(target, { where: 'adopt()' })
    if (bound !== undefined && (bound === this || !bound.isClosed)) return bound === this
    this.bind(target)
    return true
  }

  /**
   * Asks the shared tier for a sign of life, on the way that calls take.
   *
   * @returns how many milliseconds that took; undefined where there is no shared tier
   * @throws CW_SHARED_UNAVAILABLE, CW_SHARED_TIMEOUT, CW_SHARED_REFUSED
   */
  async ping(): Promise<number | undefined> {
    if (this.#store === undefined) return undefined
    const { clock } = this.#definition
    const askedAt = clock.now()
    await this.#store.readMarkers([])
    return clock.now() - askedAt
  }

  /** Whether {@link close} was called. */
  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  /**
   * @internal Gives a cache that no decorator names to the class whose method it is for. Two classes may have one name
   * (a minifier's, say): the second is not cached, since its entries could not be told from the first one's.
   */
  claim(cache: string, method: object, owner: object): boolean {
    return this.#claims.claim(cache, method, owner)
  }

  /** @internal Says that a function of the user's threw and its operation was skipped. */
  reportSkipped(cache: string | undefined, operation: string, error: CacheError): void {
    this.#warnings.once(
      'CW_FUNCTION_FAILED',
      operation,
      `${error.message}\n${(error.cause as Error | undefined)?.stack ?? ''}`,
    )
    this.#events.emit('skipped', { cache, operation, error })
  }

  async #connect(): Promise<ReadyReport['shared']> {
    if (this.#store === undefined) return 'none'
    try {
      await this.#store.connect()
      return 'connected'
    } catch (error) {
      this.#events.emit('sharedFailure', { cache: undefined, operation: 'connect', error })
      this.#warnings.once(
        'CW_SHARED_UNAVAILABLE',
        'ready',
        `The shared tier does not answer yet: ${describeThrown(error)}`,
      )
      return 'away'
    }
  }

  /** Where the probe itself does not come to an end, calls will say why. */
  async #probe(): Promise<Finding[]> {
    const found = await this.#store!.probe().catch(() => [])
    for (const { subject, message } of found) this.#warnings.once('CW_SHARED_REFUSED', subject, message)
    return found.map((finding) => ({ severity: 'warning', ...finding }))
  }

  #callsOf(list: WarmList, where: string): Calls {
    // One that is missing would pass for an option that is not given.
    checkOptions(where, { ...list, method: list?.method ?? null, with: list?.with ?? null }, warmListRules)
    const target = (list.method as WarmableMethod & { [warmTarget](): WarmTarget })[warmTarget]()
    if (target.manager === this) return { target, with: list.with }
    throw cacheError(
      'CW_OPTION_INVALID',
      `${where}: ${target.where} uses another cache manager. Warm it by that one, or by \`cached(…).warm()\`.`,
    )
  }

  get #journals(): readonly EvictionJournal[] {
    return [this.#journal, this.#markers.journal]
  }

  get #sharedState(): SharedState | undefined {
    if (this.#store === undefined) return undefined
    const toldAt = this.#store.toldAt?.()
    const invalidationLagMs = toldAt === undefined ? undefined : this.#definition.clock.now() - toldAt
    return { openCircuits: [...this.#openCircuits], invalidationLagMs }
  }

  #circuit(server: string, isOpen: boolean): void {
    if (isOpen) this.#openCircuits.add(server)
    else this.#openCircuits.delete(server)
    this.#events.emit('circuit', { server, state: isOpen ? 'open' : 'closed' })
  }

  #traced<Answer>(command: string, asked: string | readonly string[], act: () => Promise<Answer>): Promise<Answer> {
    const { tracing } = this.#events
    if (!tracing.isOn) return act()
    const keys = Object.freeze(typeof asked === 'string' ? [asked] : [...asked])
    return tracing.run({ kind: 'command', command, cache: this.#router.cacheOf(keys[0]), keys }, act)
  }

  #reconnected(isSameServer: boolean): void {
    for (const journal of this.#journals) {
      if (!isSameServer) journal.replay()
      journal.retryNow()
    }
  }

  async #shutDown(): Promise<void> {
    const { clock } = this.#definition
    const until = clock.now() + closeDeadlineMs
    await this.#writes.close((work) => {
      this.#background.track(work)
      return this.#background.drain(clock, until - clock.now())
    })
    // Twice: what is in flight now may yet come to the journals.
    for (let round = 0; round < 2; round++) {
      for (const journal of this.#journals) if (journal.size > 0) this.#background.track(journal.flush())
      await this.#background.drain(clock, until - clock.now())
    }
    this.#background.close()
    for (const journal of this.#journals) journal.close()
    await this.#store?.close()
  }

  /** Whether this waits for the end of the transaction it is made in. */
  #waits(evict: () => Promise<unknown>): boolean {
    const transaction = currentTransaction()
    transaction?.touchEverything()
    transaction?.defer(evict)
    return transaction !== undefined
  }

  async #moveMarkers(names: readonly string[], operation: 'evict' | 'clear', tags?: readonly string[]): Promise<void> {
    try {
      await this.#background.follow(this.#markers.evict(names, 24 * 3_600_000, this.#definition.clock.now()))
    } catch (error) {
      this.#events.emit('sharedFailure', { cache: undefined, operation: 'tags', error })
      const nothing = { cache: undefined, key: undefined, value: undefined }
      this.#failed({ ...nothing, operation, tags, error })
    }
  }

  /** What the handler of errors throws fails the call; what it has left running must not end the process. */
  #failed(failure: CacheFailure): void {
    const answer: unknown = this.#definition.errorHandler(failure)
    if (!(answer instanceof Promise)) return
    answer.catch((error: unknown) =>
      this.#warnings.once(
        'CW_FUNCTION_FAILED',
        'errorHandler',
        `The \`errorHandler\` failed, too late for the call to be rejected: ${describeThrown(error)}`,
      ),
    )
  }

  #each(act: (tiers: TieredCache) => void): void {
    for (const cache of this.#caches.values()) act(cache.parts.tiers)
  }
}
