import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import type { CacheManager, CacheTracer, ManagerStats } from 'cachewright'
import { instrument } from 'cachewright/otel'
import { collectMetrics } from 'cachewright/prometheus'
import type { Registry } from 'prom-client'

/* What the compiler must accept and refuse of what watches a manager. Compiled, never run. */

declare const caching: CacheManager
declare const tracerProvider: TracerProvider
declare const meterProvider: MeterProvider
declare const registry: Registry

export function accepted(): void {
  const ends: (() => void)[] = [
    instrument(caching),
    instrument(caching, {
      tracerProvider,
      meterProvider,
      spans: true,
      metrics: false,
      keys: true,
      attributes: { a: 1 },
    }),
    collectMetrics(caching),
    collectMetrics(caching, { registry, labels: { shop: 'north' } }),
    caching.trace((work, run) => (work.kind === 'load' ? run().finally(() => work.key?.length) : work.keys.length)),
    caching.on('stale', ({ pastLifeMs }) => pastLifeMs.toFixed()),
  ]
  const tracer: CacheTracer = async (_, run) => void (await run())
  ends.push(caching.trace(tracer))
  const stats: ManagerStats = caching.stats()
  stats.shared?.openCircuits.includes('localhost:6379')
  stats.shared?.invalidationLagMs?.toFixed()
}

export function refused(): void {
  // @ts-expect-error: a manager is needed
  instrument()
  // @ts-expect-error: no option of that name
  instrument(caching, { key: true })
  // @ts-expect-error: no registry of prom-client
  collectMetrics(caching, { registry: 'default' })
  // @ts-expect-error: labels are texts
  collectMetrics(caching, { labels: { shop: 1 } })
  caching.trace((work) => {
    // @ts-expect-error: work is only looked at
    work.cache = 'other'
    // @ts-expect-error: a load has one key, or many that are not told
    return work.keys
  })
  // @ts-expect-error: there may be no shared tier
  caching.stats().shared.openCircuits
}
