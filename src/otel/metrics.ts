import type { Attributes, Meter } from '@opentelemetry/api'
import type { CacheManager, CacheStats } from '../index'
import { errorType, names } from './names'

// Seconds, as the conventions have them for calls of databases; and longer for what may be an hour old.
const durations = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
const ages = [0.1, 1, 5, 15, 60, 300, 900, 3_600, 14_400]

/** Measures what a manager does until what this returns is called. Counts are read from its `stats()` when metrics are collected. */
export function measure(manager: CacheManager, meter: Meter, attributes: Attributes): () => void {
  const loads = meter.createHistogram('cachewright.load.duration', {
    unit: 's',
    description: 'How long calls of the method took.',
    advice: { explicitBucketBoundaries: durations },
  })
  const staleness = meter.createHistogram('cachewright.staleness', {
    unit: 's',
    description: 'How long the life of stale values had ended when they were served.',
    advice: { explicitBucketBoundaries: ages },
  })
  const ends = [
    manager.on('load', ({ cache, durationMs }) =>
      loads.record(durationMs / 1_000, { ...attributes, [names.cache]: cache }),
    ),
    manager.on('loadFailure', ({ cache, durationMs, error }) =>
      loads.record(durationMs / 1_000, { ...attributes, [names.cache]: cache, [names.errorType]: errorType(error) }),
    ),
    manager.on('stale', ({ cache, reason, pastLifeMs }) =>
      staleness.record(pastLifeMs / 1_000, { ...attributes, [names.cache]: cache, [names.reason]: reason }),
    ),
    observe(manager, meter, attributes),
  ]
  return () => {
    for (const end of ends) end()
  }
}

function observe(manager: CacheManager, meter: Meter, attributes: Attributes): () => void {
  const operations = meter.createObservableCounter('cachewright.operations', {
    unit: '{operation}',
    description: 'Operations of caches, by outcome and tier.',
  })
  const timeSaved = meter.createObservableCounter('cachewright.load.time_saved', {
    unit: 's',
    description: 'How long loads would have taken in the place of hits.',
  })
  const removals = meter.createObservableCounter('cachewright.local.removals', {
    unit: '{entry}',
    description: 'Entries that left the local tier, by cause.',
  })
  const entries = meter.createObservableUpDownCounter('cachewright.local.entries', {
    unit: '{entry}',
    description: 'Entries in the local tier.',
  })
  const size = meter.createObservableUpDownCounter('cachewright.local.size', {
    unit: 'By',
    description: 'Estimated size of the local tier; 0 where no limit of bytes is set.',
  })
  const journal = meter.createObservableUpDownCounter('cachewright.journal.length', {
    unit: '{eviction}',
    description: 'Evictions that have yet to reach the shared tier.',
  })
  const circuits = meter.createObservableUpDownCounter('cachewright.circuits.open', {
    unit: '{server}',
    description: 'Servers of the shared tier that do not answer in time and are left alone.',
  })
  const lag = meter.createObservableGauge('cachewright.invalidation.lag', {
    unit: 's',
    description: 'Since when not every change made by other processes is known to have been told.',
  })
  const observed = [operations, timeSaved, removals, entries, size, journal, circuits, lag]
  const callback: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    const { caches, deferredEvictions, shared } = manager.stats()
    for (const [cache, stats] of Object.entries(caches)) {
      const its = { ...attributes, [names.cache]: cache }
      for (const [operation, outcome, tier, count] of countsOf(stats)) {
        const of = { [names.operation]: operation, [names.outcome]: outcome }
        result.observe(operations, count, { ...its, ...of, ...(tier === undefined ? {} : { [names.tier]: tier }) })
      }
      for (const [cause, count] of Object.entries(stats.local.removals)) {
        result.observe(removals, count, { ...its, [names.cause]: cause })
      }
      result.observe(timeSaved, stats.timeSavedMs / 1_000, its)
      result.observe(entries, stats.local.size, its)
      result.observe(size, stats.local.bytes, its)
    }
    if (shared === undefined) return
    result.observe(journal, deferredEvictions, attributes)
    result.observe(circuits, shared.openCircuits.length, attributes)
    if (shared.invalidationLagMs !== undefined) result.observe(lag, shared.invalidationLagMs / 1_000, attributes)
  }
  meter.addBatchObservableCallback(callback, observed)
  return () => meter.removeBatchObservableCallback(callback, observed)
}

type Count = readonly [operation: string, outcome: string, tier: string | undefined, count: number]

/** The table of docs/observability.md. */
function countsOf(stats: CacheStats): readonly Count[] {
  const { local, shared } = stats
  const ofShared: readonly Count[] =
    shared === undefined
      ? []
      : [
          ['read', 'hit', 'shared', shared.hits],
          ['command', 'failure', 'shared', shared.failures],
          ['command', 'unreadable', 'shared', shared.unreadable],
        ]
  return [
    ['read', 'hit', 'local', local.hits],
    ...ofShared,
    ['read', 'miss', undefined, stats.misses],
    ['read', 'joined', undefined, stats.joins],
    ['load', 'success', 'source', stats.loadSuccesses],
    ['load', 'failure', 'source', stats.loadFailures],
    ['load', 'shed', 'source', stats.shed],
    ['put', 'done', undefined, stats.puts],
    ['evict', 'asked', undefined, stats.evictions],
    ['keep', 'superseded', undefined, stats.superseded],
    ['keep', 'refused', undefined, stats.refused],
  ]
}
