import type { Attributes, Span, Tracer } from '@opentelemetry/api'
import type { CacheTracer, TracedWork } from '../index'
import type { Api } from './api'
import { errorType, names } from './names'

/** What {@link traceWork} works with. */
export interface SpansParts {
  readonly api: Api
  readonly tracer: Tracer
  readonly attributes: Attributes
  /** Whether spans carry keys and errors. */
  readonly keys: boolean
}

/** Makes a span of each load and of each command, active while it goes on. */
export function traceWork({ api, tracer, attributes, keys }: SpansParts): CacheTracer {
  const fail = (span: Span, error: unknown): void => {
    span.setAttribute(names.errorType, errorType(error))
    span.setStatus({ code: api.SpanStatusCode.ERROR })
    if (keys) span.recordException(error instanceof Error ? error : String(error))
  }
  return (work, run) => {
    const its = { ...attributes, ...attributesOf(work), ...(keys ? keysOf(work) : {}) }
    return tracer.startActiveSpan(nameOf(work), { attributes: its }, (span) =>
      run().then(
        () => span.end(),
        (error: unknown) => {
          fail(span, error)
          span.end()
        },
      ),
    )
  }
}

function nameOf(work: TracedWork): string {
  const what = work.kind === 'load' ? 'load' : work.command
  return work.cache === undefined ? `cache ${what}` : `cache ${what} ${work.cache}`
}

function attributesOf(work: TracedWork): Attributes {
  return {
    [names.operation]: work.kind === 'load' ? 'load' : work.command,
    [names.tier]: work.kind === 'load' ? 'source' : 'shared',
    ...(work.cache === undefined ? {} : { [names.cache]: work.cache }),
    ...(work.kind === 'command' ? { [names.keyCount]: work.keys.length } : {}),
  }
}

function keysOf(work: TracedWork): Attributes {
  if (work.kind === 'command') return { [names.keys]: [...work.keys] }
  return work.key === undefined ? {} : { [names.keys]: [work.key] }
}
