import type { Background } from '../cache/background'
import { CacheObserver } from '../cache/cache-observer'
import { EntryMaker } from '../cache/entry-maker'
import { createIsolation } from '../cache/isolation'
import { KeyNames } from '../cache/key-names'
import { LocalTier } from '../cache/local-tier'
import { MarkerKnowledge } from '../cache/marker-knowledge'
import { SharedEntries } from '../cache/shared-entries'
import { SharedTier } from '../cache/shared-tier'
import { SharedWrites } from '../cache/shared-writes'
import { SourceTier } from '../cache/source-tier'
import { StaleAnswers } from '../cache/stale-answers'
import type { TagMarkers } from '../cache/tag-markers'
import { createTagNames } from '../cache/tag-names'
import type { PendingLookup } from '../cache/tier'
import { TieredCache } from '../cache/tiered-cache'
import { createCodec } from '../codec/codec'
import type { EvictionJournal } from '../coherence/eviction-journal'
import type { CacheErrorHandler } from '../events/error-handler'
import type { EventHub } from '../events/event-hub'
import { type CompleteClock, coarseNow } from '../kernel/clock'
import type { TypeRegistry } from '../kernel/registered-types'
import type { Warnings } from '../kernel/warn'
import { createKeyspace } from '../key/keyspace'
import { Bulkhead } from '../policies/bulkhead'
import { staleUntil } from '../policies/staleness'
import { LruStore } from '../stores/lru-store'
import { nullStore } from '../stores/null-store'
import type { SharedStore } from '../stores/shared-store'
import type { CacheDefinition } from './definition'

/** What all caches of a manager have in common. */
export interface ManagerContext {
  readonly prefix: string
  readonly clock: CompleteClock
  readonly types: TypeRegistry
  readonly events: EventHub
  readonly warnings: Warnings
  /** The user's handler of errors. */
  readonly onFailure: CacheErrorHandler
  readonly background: Background
  readonly journal: EvictionJournal
  readonly markers: TagMarkers
  readonly store: SharedStore | undefined
  /** What waits to be written, by cache. */
  readonly pendingIn: (cache: string) => PendingLookup
  readonly maxStalenessMs: number
  /** How long a call may wait for the shared tier. */
  readonly commandTimeoutMs: number
}

/** A cache and how the shared tier calls its keys. */
export interface AssembledCache {
  readonly tiers: TieredCache
  readonly keys: KeyNames
  readonly entryPrefix: string
}

// The layout of entries under one cache name; a part of every key.
export const entryVersion = 1

// A marker that is lost kills what it marks, so its life is a matter of cost, not of correctness.
const markerLifeMs = 24 * 3_600_000

/** Puts the tiers of one cache together: source below, shared tier if there is one, local tier on top. */
export function assembleCache(definition: CacheDefinition, context: ManagerContext): AssembledCache {
  const { clock, markers, store, background, maxStalenessMs, journal } = context
  const { name, local } = definition
  const observer = new CacheObserver(name, context.events, context.warnings, context.onFailure, clock)
  const names = createTagNames(name, definition.hierarchical)
  const isolation = createIsolation(
    local?.isolation ?? 'freeze',
    context.types,
    Number.isFinite(local?.maxBytes ?? Infinity),
  )
  const entries = new EntryMaker(isolation, clock, observer, names)
  const { maxConcurrentLoads, maxQueuedLoads } = definition
  const bulkhead = Number.isFinite(maxConcurrentLoads)
    ? new Bulkhead({ maxInside: maxConcurrentLoads, maxWaiting: maxQueuedLoads })
    : undefined
  const source = new SourceTier({
    cache: name,
    entries,
    clock,
    observer,
    pending: context.pendingIn(name),
    bulkhead,
    loadDeadlineMs: definition.loadDeadlineMs,
  })
  const trustMs = store === undefined ? Number.POSITIVE_INFINITY : maxStalenessMs
  const stale = new StaleAnswers({ clock, markers, trustMs })
  const { entryKey, entryPrefix } = createKeyspace({
    prefix: context.prefix,
    cache: name,
    version: entryVersion,
    shape: definition.version,
  })
  const keys = new KeyNames(entryPrefix, entryKey)
  const shared = store === undefined ? undefined : sharedTier(store)
  const tiers = new TieredCache({
    cache: name,
    local: new LocalTier({
      store: local === undefined ? nullStore : new LruStore(local, (key, cause) => observer.removal(key, cause)),
      clock,
      // A process that was suspended must not trust what it believed before.
      now: trustMs === Number.POSITIVE_INFINITY ? coarseNow(clock) : clock.now,
      markers,
      observer,
      trustMs,
      ttlMs: local?.ttlMs ?? 0,
      ttlJitter: definition.ttlJitter,
    }),
    shared,
    source,
    below: shared ?? source,
    refresh: shared?.refresh ?? source,
    pending: context.pendingIn(name),
    markers,
    names,
    entries,
    isolation,
    stale,
    clock,
    observer,
    background,
    maxStalenessMs,
    staleMs: staleUntil(0, definition.policies),
    markerLifeMs,
    loadDeadlineMs: definition.loadDeadlineMs,
    maxRefreshes: definition.maxConcurrentRefreshes,
  })
  return { tiers, keys, entryPrefix }

  function sharedTier(open: SharedStore): SharedTier {
    const codec = createCodec(context.types)
    const { maxValueBytes } = definition
    const frames = new SharedEntries({
      store: open,
      codec,
      markers,
      names,
      isolation,
      entries,
      clock,
      observer,
      maxValueBytes,
    })
    const keyOf = (key: string): string => keys.toShared(key)
    const fromShared = (sharedKey: string): string | undefined => keys.fromShared(sharedKey)
    const knowledge = new MarkerKnowledge({ markers, names, clock, observer, maxStalenessMs })
    const { commandTimeoutMs } = context
    const writes = new SharedWrites({
      store: open,
      frames,
      knowledge,
      clock,
      observer,
      journal,
      background,
      commandTimeoutMs,
      keyOf,
      fromShared,
    })
    const parts = {
      store: open,
      frames,
      markers,
      knowledge,
      writes,
      clock,
      observer,
      background,
      stale,
      journal,
      keyOf,
      keys,
      loadDeadlineMs: definition.loadDeadlineMs,
      commandTimeoutMs,
    }
    return new SharedTier(parts, source)
  }
}
