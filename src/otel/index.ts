/**
 * What a manager's caches do, for OpenTelemetry: spans of loads and of commands to the shared tier, and metrics.
 *
 * @module
 */
import type { Attributes, MeterProvider, TracerProvider } from '@opentelemetry/api'
import { type CacheManager, cacheError, checkOptions, optionRules, type Rule, type Rules } from '../index'
import { loadApi } from './api'
import { measure } from './metrics'
import { traceWork } from './spans'

/** What {@link instrument} takes. */
export interface OpenTelemetryOptions {
  /** Whether loads, and commands to the shared tier, have spans. @default true */
  readonly spans?: boolean
  /** Whether there are metrics. @default true */
  readonly metrics?: boolean
  /** Where spans go. @default the provider that is registered globally */
  readonly tracerProvider?: TracerProvider
  /** Where metrics go. @default the provider that is registered globally */
  readonly meterProvider?: MeterProvider
  /**
   * Whether spans carry keys, and the errors they end with, whose messages may name keys. Keys are often ids of users, and
   * sometimes secrets. Metrics never carry them.
   * @default false
   */
  readonly keys?: boolean
  /** Attributes of every span and every measurement: what tells several managers of a process apart. @default none */
  readonly attributes?: Attributes
}

/**
 * Lets OpenTelemetry see what the caches of a manager do. A load is a span, a child of the call that began it, and is active
 * while the method runs; so is each command to the shared tier. What is loaded anew in the background begins a trace of its
 * own. Counts are read when metrics are collected; a hit of the local tier costs nothing more than before.
 *
 * Call it after the providers are registered, once for each manager; what it returns, before the manager is closed, unless
 * the process ends with it.
 *
 * @returns a function that ends it
 * @throws CW_PEER_MISSING if `@opentelemetry/api` is not there, or is another major version than 1; CW_OPTION_INVALID,
 *   CW_OPTION_UNKNOWN
 *
 * @example
 * ```ts
 * const caching = configureCaching({ shared: redis({ url: process.env.REDIS_URL }) })
 * instrument(caching)
 * ```
 */
export function instrument(manager: CacheManager, options: OpenTelemetryOptions = {}): () => void {
  if (typeof manager?.trace !== 'function') {
    throw cacheError('CW_OPTION_INVALID', 'instrument(): give the manager that configureCaching() returned.')
  }
  checkOptions('instrument()', options, rules)
  const api = loadApi()
  const { spans = true, metrics = true, keys = false, attributes = {} } = options
  const ends: (() => void)[] = []
  if (spans) {
    const tracer = (options.tracerProvider ?? api.trace).getTracer(scope)
    ends.push(manager.trace(traceWork({ api, tracer, attributes, keys })))
  }
  if (metrics) ends.push(measure(manager, (options.meterProvider ?? api.metrics).getMeter(scope), attributes))
  return () => {
    for (const end of ends) end()
  }
}

const scope = 'cachewright'

const provider = (method: string): Rule => ({
  text: `a provider of OpenTelemetry, with \`${method}()\``,
  allows: (value) => typeof (value as Record<string, unknown> | null | undefined)?.[method] === 'function',
})

const rules: Rules<OpenTelemetryOptions> = {
  spans: optionRules.flag,
  metrics: optionRules.flag,
  tracerProvider: provider('getTracer'),
  meterProvider: provider('getMeter'),
  keys: optionRules.flag,
  attributes: optionRules.object,
}
