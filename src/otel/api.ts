import { cacheError } from '../index'

/** What this door uses of `@opentelemetry/api`. */
export type Api = Pick<typeof import('@opentelemetry/api'), 'trace' | 'metrics' | 'SpanStatusCode'>

/** Loaded when it is first needed, so that whoever does without it may open the door. @throws CW_PEER_MISSING */
export function loadApi(): Api {
  let api: Partial<Api>
  try {
    api = require('@opentelemetry/api') as Partial<Api>
  } catch (error) {
    throw missing('cannot be loaded', error)
  }
  const { trace, metrics, SpanStatusCode } = api
  if (trace?.getTracer === undefined || metrics?.getMeter === undefined || SpanStatusCode === undefined) {
    throw missing('is a version that this door does not know')
  }
  return { trace, metrics, SpanStatusCode }
}

function missing(what: string, cause?: unknown): Error {
  return cacheError(
    'CW_PEER_MISSING',
    `cachewright/otel: the package '@opentelemetry/api' ${what}. Install version 1.7 or newer of major version 1: npm install @opentelemetry/api@1`,
    cause,
  )
}
