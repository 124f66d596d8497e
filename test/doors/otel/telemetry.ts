import { type Attributes, context, metrics, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  DataPointType,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'

/** The real SDK, with exporters that keep what they are given; registered globally, as services do. */
export interface Telemetry {
  /** The spans that have ended, in that order. */
  spans(): readonly ReadableSpan[]
  /** Runs work in a span called `request`. */
  request<Result>(work: () => Promise<Result>): Promise<Result>
  /** Collects, and answers with the points of one metric: their attributes and values. */
  points(metric: string): Promise<readonly (readonly [Attributes, number | Histogram])[]>
  /** What is known of every metric: name, unit, and what kind of number it is. */
  instruments(): Promise<readonly string[]>
}

/** Sets it up with the hooks of the test runner, new for each test. */
export function telemetry(): Telemetry {
  let spanExporter: InMemorySpanExporter
  let metricExporter: InMemoryMetricExporter
  let tracers: BasicTracerProvider
  let meters: MeterProvider
  let contexts: AsyncLocalStorageContextManager
  beforeEach(() => {
    spanExporter = new InMemorySpanExporter()
    metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    contexts = new AsyncLocalStorageContextManager().enable()
    context.setGlobalContextManager(contexts)
    tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] })
    trace.setGlobalTracerProvider(tracers)
    // Collected when a test asks for it.
    const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 })
    meters = new MeterProvider({ readers: [reader] })
    metrics.setGlobalMeterProvider(meters)
  })
  afterEach(async () => {
    await Promise.all([tracers.shutdown(), meters.shutdown()])
    contexts.disable()
    for (const api of [context, trace, metrics]) api.disable()
  })
  const collect = async () => {
    metricExporter.reset()
    await meters.forceFlush()
    return metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  }
  return {
    spans: () => spanExporter.getFinishedSpans(),
    request: (work) => trace.getTracer('test').startActiveSpan('request', (span) => work().finally(() => span.end())),
    async points(name) {
      const found = (await collect()).find(({ descriptor }) => descriptor.name === name)
      return (found?.dataPoints ?? []).map(
        ({ attributes, value }) => [attributes, value as number | Histogram] as const,
      )
    },
    async instruments() {
      return (await collect()).map(({ descriptor: { name, unit }, ...its }) => {
        const kind =
          its.dataPointType === DataPointType.SUM && its.isMonotonic ? 'COUNTER' : DataPointType[its.dataPointType]
        return `${name} ${unit} ${kind}`
      })
    },
  }
}

/** Spans as a tree, children in the order in which they began: `name`, or `name: status` where it failed. */
export function treeOf(spans: readonly ReadableSpan[]): string {
  const lines: string[] = []
  const walk = (parent: string | undefined, indent: string): void => {
    const children = spans.filter((span) => span.parentSpanContext?.spanId === parent)
    for (const span of children.toSorted((a, b) => compare(a.startTime, b.startTime))) {
      const { 'error.type': error } = span.attributes
      lines.push(`${indent}${span.name}${error === undefined ? '' : `: ${String(error)}`}`)
      walk(span.spanContext().spanId, `${indent}  `)
    }
  }
  walk(undefined, '')
  return lines.join('\n')
}

function compare(a: readonly [number, number], b: readonly [number, number]): number {
  return a[0] - b[0] || a[1] - b[1]
}
