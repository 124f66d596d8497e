import type { Histogram, Registry } from 'prom-client'
import { type CacheManager, cacheError } from '../index'
import type { Client } from './client'
import { instantMetrics, type Sample } from './samples'

type Labels = Readonly<Record<string, string>>

// Seconds.
const durations = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
const ages = [0.1, 1, 5, 15, 60, 300, 900, 3_600, 14_400]

/** The metrics of all managers of one registry. */
export class Collector {
  readonly #registry: Registry
  readonly #labelNames: readonly string[]
  readonly #managers = new Map<object, { readonly manager: CacheManager; readonly labels: Labels }>()
  readonly #names: string[] = []
  readonly #loads: Histogram
  readonly #staleness: Histogram

  constructor(client: Client, registry: Registry, labelNames: readonly string[]) {
    this.#registry = registry
    this.#labelNames = labelNames
    const registers = [registry]
    for (const { name, help, kind, labelNames: its, samples, isMaximum } of instantMetrics) {
      const sampled = (): Sample[] =>
        [...this.#managers.values()].flatMap(({ manager, labels }) =>
          samples(manager.stats()).map((sample) => ({ ...sample, labels: { ...labels, ...sample.labels } })),
        )
      const Metric = kind === 'counter' ? client.Counter : client.Gauge
      new Metric({
        name,
        help,
        labelNames: [...labelNames, ...its],
        registers,
        // Of the workers of a cluster as of the managers of a process.
        aggregator: isMaximum ? 'max' : 'sum',
        collect() {
          this.reset()
          // A metric without labels would be 0 where there is nothing to say.
          this.remove({})
          for (const { labels, value } of isMaximum ? greatest(sampled()) : sampled()) this.inc(labels, value)
        },
      })
      this.#names.push(name)
    }
    const histogram = (name: string, help: string, its: string, buckets: number[]): Histogram => {
      this.#names.push(name)
      return new client.Histogram({ name, help, labelNames: [...labelNames, 'cache', its], buckets, registers })
    }
    this.#loads = histogram(
      'cachewright_load_duration_seconds',
      'How long calls of the method took.',
      'outcome',
      durations,
    )
    this.#staleness = histogram(
      'cachewright_staleness_seconds',
      'How long the life of stale values had ended when they were served.',
      'reason',
      ages,
    )
  }

  get isEmpty(): boolean {
    return this.#managers.size === 0
  }

  /** @returns takes the manager out again */
  add(manager: CacheManager, labels: Labels): () => void {
    const [given, known] = [Object.keys(labels), this.#labelNames].map((names) => names.toSorted().join(', '))
    if (given !== known) {
      throw cacheError(
        'CW_OPTIONS_CONTRADICT',
        `collectMetrics(): the labels are named (${given}), and those of another manager of this registry (${known}). Give all managers of a registry labels of the same names, or each a registry of its own.`,
      )
    }
    const added = {}
    this.#managers.set(added, { manager, labels })
    const ends = [
      manager.on('load', ({ cache, durationMs }) =>
        this.#loads.observe({ ...labels, cache, outcome: 'success' }, durationMs / 1_000),
      ),
      manager.on('loadFailure', ({ cache, durationMs }) =>
        this.#loads.observe({ ...labels, cache, outcome: 'failure' }, durationMs / 1_000),
      ),
      manager.on('stale', ({ cache, reason, pastLifeMs }) =>
        this.#staleness.observe({ ...labels, cache, reason }, pastLifeMs / 1_000),
      ),
    ]
    return () => {
      this.#managers.delete(added)
      for (const end of ends) end()
    }
  }

  unregister(): void {
    for (const name of this.#names) this.#registry.removeSingleMetric(name)
  }
}

/** Of samples that no label tells apart, the one with the greatest value. */
function greatest(samples: readonly Sample[]): Iterable<Sample> {
  const byLabels = new Map<string, Sample>()
  for (const sample of samples) {
    const labels = JSON.stringify(Object.entries(sample.labels).toSorted())
    if (sample.value > (byLabels.get(labels)?.value ?? Number.NEGATIVE_INFINITY)) byLabels.set(labels, sample)
  }
  return byLabels.values()
}
