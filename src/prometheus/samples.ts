import type { CacheStats, ManagerStats } from '../index'

/** One line of a scrape. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A metric that is read from a manager's statistics when it is scraped. */
export interface InstantMetric {
  readonly name: string
  readonly help: string
  readonly kind: 'counter' | 'gauge'
  readonly labelNames: readonly string[]
  readonly samples: (stats: ManagerStats) => readonly Sample[]
  /** Whether of several managers the greatest counts, and not the sum. */
  readonly isMaximum?: boolean
}

/** The metrics of docs/observability.md, but for the histograms. */
export const instantMetrics: readonly InstantMetric[] = [
  {
    name: 'cachewright_operations_total',
    help: 'Operations of caches, by outcome and tier.',
    kind: 'counter',
    labelNames: ['cache', 'operation', 'outcome', 'tier'],
    samples: perCache(countsOf),
  },
  {
    name: 'cachewright_load_time_saved_seconds_total',
    help: 'How long loads would have taken in the place of hits.',
    kind: 'counter',
    labelNames: ['cache'],
    samples: perCache(({ timeSavedMs }) => [{ labels: {}, value: timeSavedMs / 1_000 }]),
  },
  {
    name: 'cachewright_local_removals_total',
    help: 'Entries that left the local tier, by cause.',
    kind: 'counter',
    labelNames: ['cache', 'cause'],
    samples: perCache(({ local }) =>
      Object.entries(local.removals).map(([cause, value]) => ({ labels: { cause }, value })),
    ),
  },
  {
    name: 'cachewright_local_entries',
    help: 'Entries in the local tier.',
    kind: 'gauge',
    labelNames: ['cache'],
    samples: perCache(({ local }) => [{ labels: {}, value: local.size }]),
  },
  {
    name: 'cachewright_local_size_bytes',
    help: 'Estimated size of the local tier; 0 where no limit of bytes is set.',
    kind: 'gauge',
    labelNames: ['cache'],
    samples: perCache(({ local }) => [{ labels: {}, value: local.bytes }]),
  },
  {
    name: 'cachewright_journal_length',
    help: 'Evictions that have yet to reach the shared tier.',
    kind: 'gauge',
    labelNames: [],
    samples: ({ shared, deferredEvictions }) =>
      shared === undefined ? [] : [{ labels: {}, value: deferredEvictions }],
  },
  {
    name: 'cachewright_circuits_open',
    help: 'Servers of the shared tier that do not answer in time and are left alone.',
    kind: 'gauge',
    labelNames: [],
    samples: ({ shared }) => (shared === undefined ? [] : [{ labels: {}, value: shared.openCircuits.length }]),
  },
  {
    name: 'cachewright_invalidation_lag_seconds',
    help: 'Since when not every change made by other processes is known to have been told.',
    kind: 'gauge',
    labelNames: [],
    samples: ({ shared }) =>
      shared?.invalidationLagMs === undefined ? [] : [{ labels: {}, value: shared.invalidationLagMs / 1_000 }],
    isMaximum: true,
  },
]

function perCache(samples: (stats: CacheStats) => readonly Sample[]): InstantMetric['samples'] {
  return ({ caches }) =>
    Object.entries(caches).flatMap(([cache, stats]) =>
      samples(stats).map(({ labels, value }) => ({ labels: { cache, ...labels }, value })),
    )
}

function countsOf(stats: CacheStats): readonly Sample[] {
  const { local, shared } = stats
  const count = (operation: string, outcome: string, tier: string | undefined, value: number): Sample => ({
    labels: { operation, outcome, ...(tier === undefined ? {} : { tier }) },
    value,
  })
  return [
    count('read', 'hit', 'local', local.hits),
    ...(shared === undefined
      ? []
      : [
          count('read', 'hit', 'shared', shared.hits),
          count('command', 'failure', 'shared', shared.failures),
          count('command', 'unreadable', 'shared', shared.unreadable),
        ]),
    count('read', 'miss', undefined, stats.misses),
    count('read', 'joined', undefined, stats.joins),
    count('load', 'success', 'source', stats.loadSuccesses),
    count('load', 'failure', 'source', stats.loadFailures),
    count('load', 'shed', 'source', stats.shed),
    count('put', 'done', undefined, stats.puts),
    count('evict', 'asked', undefined, stats.evictions),
    count('keep', 'superseded', undefined, stats.superseded),
    count('keep', 'refused', undefined, stats.refused),
  ]
}
