/**
 * What a manager's caches do, for Prometheus: a collector for prom-client. A dashboard for Grafana stands beside it, at
 * `cachewright/prometheus/dashboard.json`.
 *
 * @module
 */
import type { Registry } from 'prom-client'
import { type CacheManager, cacheError, checkOptions, optionRules, type Rules } from '../index'
import { loadClient } from './client'
import { Collector } from './collector'

/** What {@link collectMetrics} takes. */
export interface PrometheusOptions {
  /** Where the metrics are registered. @default the `register` of prom-client */
  readonly registry?: Registry
  /**
   * Labels of every sample, with their values: what tells several managers of a process apart. All managers of a registry
   * have labels of the same names.
   * @default none
   */
  readonly labels?: Readonly<Record<string, string>>
}

/**
 * Adds the metrics of a manager to a registry of prom-client. They are read when they are scraped; a hit of the local tier
 * costs nothing more than before. Several managers may have one registry: samples that no label tells apart are sums, and
 * the lag is the greatest.
 *
 * @returns a function that takes the manager out again, and with the last one the metrics; to be called when the manager is
 *   closed, unless the process ends with it
 * @throws CW_PEER_MISSING if `prom-client` is not there, or is no version that is known; CW_OPTIONS_CONTRADICT for other
 *   labels than another manager of the registry has; CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 *
 * @example
 * ```ts
 * collectMetrics(caching)
 * app.get('/metrics', async (_request, response) => response.type(register.contentType).send(await register.metrics()))
 * ```
 */
export function collectMetrics(manager: CacheManager, options: PrometheusOptions = {}): () => void {
  if (typeof manager?.stats !== 'function') {
    throw cacheError('CW_OPTION_INVALID', 'collectMetrics(): give the manager that configureCaching() returned.')
  }
  checkOptions('collectMetrics()', options, rules)
  const client = loadClient()
  const { registry = client.register, labels = {} } = options
  let collector = collectors.get(registry)
  if (collector === undefined) {
    collector = new Collector(client, registry, Object.keys(labels))
    collectors.set(registry, collector)
  }
  const its = collector
  const remove = its.add(manager, labels)
  return () => {
    remove()
    if (its.isEmpty && collectors.get(registry) === its) {
      its.unregister()
      collectors.delete(registry)
    }
  }
}

const collectors = new WeakMap<Registry, Collector>()

const labelName = /^(?!__)(?!(?:cache|operation|outcome|tier|reason|cause|le)$)[a-zA-Z_][a-zA-Z0-9_]*$/

const rules: Rules<PrometheusOptions> = {
  registry: {
    text: 'a `Registry` of prom-client',
    allows: (value) => typeof (value as Partial<Registry> | null | undefined)?.registerMetric === 'function',
  },
  labels: {
    text: "an object of texts by names that Prometheus takes for labels (letters, digits and '_'), and that no metric has already",
    allows: (value) =>
      optionRules.object.allows(value) &&
      Object.entries(value as object).every(([name, text]) => labelName.test(name) && typeof text === 'string'),
  },
}
