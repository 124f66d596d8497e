/**
 * Declarative caching for class-based TypeScript services.
 *
 * The map of the house: `decorators` record what is asked for (`metadata`), the `interceptor` executes it in one fixed
 * order, a `cache` is a chain of loaders over `stores`, the `manager` puts it together, `key` and `codec` say how
 * arguments and values travel, `events` what happened. `memo` is the small cache of synchronous methods. Redis is a door of its own, `cachewright/redis`, and
 * so are ORMs whose transactions are to be caching transactions.
 *
 * @module
 */

export { Cache } from './cache/cache'
export { type CacheContext, cacheContext, type PreviousValue } from './cache/cache-context'
export type { IsolationMode } from './cache/isolation'
export type { EvictOptions, KeepOptions, Loader, LoadOptions } from './cache/options'
export { withoutCaching } from './cache/past-cache'
export type { CachingTransaction, TransactionAttempt } from './cache/transaction'
export type { InvalidationListener, Watch } from './coherence/invalidation-feed'
export { CacheConfig, type CacheConfigDecorator } from './decorators/cache-config'
export { CacheEvict } from './decorators/cache-evict'
export { type CacheFunctionOptions, cacheFunction } from './decorators/cache-function'
export { CachePut } from './decorators/cache-put'
export { Cacheable } from './decorators/cacheable'
export { CacheableMany } from './decorators/cacheable-many'
export { Caching, type CachingOperations } from './decorators/caching'
export type { CacheListDecorator } from './decorators/list-decorator'
export { Memoize, type MemoizeDecorator, type MemoizeOptions } from './decorators/memoize'
export type { CacheMethodDecorator } from './decorators/method-decorator'
export type {
  CacheableManyOptions,
  CacheableOptions,
  CacheConfigOptions,
  CacheEvictOptions,
  CachePutOptions,
  OperationOptions,
  WriteBehindOptions,
} from './decorators/options'
export { CacheIgnore, CacheKey, type CacheParameterDecorator } from './decorators/parameters'
export { WriteBehind, type WriteBehindDecorator } from './decorators/write-behind'
export type { CacheEventName, CacheEvents, SharedOperation, TierName } from './events/cache-event'
export { type Detected, type DetectedRead, type Detection, detect, type ServedFrom } from './events/detection'
export { type CacheErrorHandler, type CacheFailure, type FailedOperation, strictErrors } from './events/error-handler'
export type { CacheEventListener } from './events/event-hub'
export type { CacheStats, LoadTimes, LocalStats, ManagerStats, SharedState, SharedStats } from './events/stats'
export type { CacheTracer, TracedCommand, TracedLoad, TracedWork } from './events/tracing'
export type { WarmProgress } from './events/warm-progress'
export { type CachedMethods, cached } from './interceptor/cached'
export type { CachedMethod, CachedMethodInfo } from './interceptor/cached-method'
export { drainWrites } from './interceptor/drain-writes'
export { type Clock, type CompleteClock, systemClock, wallTime } from './kernel/clock'
export { describeThrown } from './kernel/describe'
export { type Duration, milliseconds } from './kernel/duration'
export type { RemovalCause } from './kernel/entry'
export { type CacheError, type CacheErrorCode, cacheError, cacheErrorCodes, isCacheError } from './kernel/errors'
export type { Hit, Lookup, Miss } from './kernel/lookup'
export { checkOptions, type Rule, type Rules, rules as optionRules } from './kernel/options'
export { type RegisteredType, registeredType, type TypeRegistration } from './kernel/registered-types'
export type { StaleReason } from './kernel/stale-reason'
export { uniqueText } from './kernel/unique'
export type { Version } from './kernel/version'
export type { CacheKeyParts, KeyValue } from './key/key-encoder'
export { compilePattern, literalPattern } from './key/pattern'
export { type AllowedFinding, assertNoFindings } from './manager/assert-no-findings'
export { CacheManager, type ReadyReport } from './manager/cache-manager'
export type { AuditOptions, CachingAudit } from './manager/caching-audit'
export type { CacheOptions, CachingOptions, LocalOptions, SharedCacheOptions } from './manager/caching-options'
export { configureCaching, createCacheManager } from './manager/configure'
export type { AuditFinding, Finding, FindingKind } from './manager/definition-audit'
export type {
  EvictedWhat,
  ExplainedCall,
  ExplainedEvict,
  ExplainedEviction,
  ExplainedKey,
  ExplainedLife,
  ExplainedLocal,
  ExplainedOperation,
  ExplainedPolicies,
  ExplainedPut,
  ExplainedQueue,
  ExplainedRead,
  ExplainedStep,
  ExplainedTags,
  ExplainedTarget,
  MethodExplanation,
} from './manager/explanation'
export type { WarmableMethod, WarmFailure, WarmList, WarmOptions, WarmReport } from './manager/warm-options'
export type { Memo, MemoInfo } from './memo/memo'
export type { MemoOptions } from './memo/memo-options'
export { type Memoized, memoize } from './memo/memoize'
export type { MemoScope } from './memo/memos'
export { isDecoratedClass } from './metadata/decorated-classes'
export { onDecoratedClass } from './metadata/operation-source'
export type { ErrorFilter, ErrorFilters } from './policies/error-filter'
export type { CacheErrorsOptions, KeepPolicyOptions, LoadPolicyOptions } from './policies/options'
export type { FailedWrite, PendingWrites } from './queue/pending-writes'
export type {
  Found,
  MarkerNumber,
  MarkerNumbers,
  Replacement,
  SharedFilling,
  SharedFinding,
  SharedPut,
  SharedStore,
  SharedStoreContext,
  SharedStoreFactory,
  Written,
} from './stores/shared-store'
export type { BuriedWrite, Offered, QueueCounts, QueuedWrite, TakenWrite, WriteQueue } from './stores/write-queue'
