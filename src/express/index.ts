/**
 * Caching of responses for Express 4 and 5.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { defineResponseCache, type Exchange, isSafe, ResponseCache, type ResponseCacheOptions } from '../http'

export type { ResponseCacheOptions, TaggedResponse } from '../http'

/** A middleware, as Express takes it. */
export type CachingMiddleware<Request> = (
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** What Express adds to a request. */
interface ExpressRequest extends IncomingMessage {
  readonly baseUrl?: string
  readonly originalUrl?: string
  readonly app?: Handler & { readonly parent?: ExpressRequest['app'] }
}

/**
 * Answers requests from a cache, and keeps what the handlers behind it answer, as RFC 9111 says. It stands behind
 * whatever says who may see a response: what is answered from the cache goes no further.
 *
 * @throws CW_OPTION_UNKNOWN, CW_OPTION_INVALID, CW_OPTIONS_CONTRADICT
 *
 * @example
 * ```ts
 * app.use(cacheResponses({ cache: caching.cache('responses'), ttl: '10s' }))
 * ```
 */
export function cacheResponses<Request extends IncomingMessage = IncomingMessage>(
  options: ResponseCacheOptions<Request>,
): CachingMiddleware<Request> {
  const responses = new ResponseCache(defineResponseCache(options, 'cacheResponses()'))
  return (request, response, next) => {
    const exchange = exchangeOf(request, response, next)
    if (!isSafe(request.method)) evictBeforeEnd(response, () => responses.changed(exchange))
    responses.handle(exchange)
  }
}

function exchangeOf<Request extends IncomingMessage>(
  request: Request,
  response: ServerResponse,
  next: () => void,
): Exchange<Request> {
  const { app, baseUrl = '', url = '', originalUrl } = request as ExpressRequest
  const target = baseUrl + url
  return {
    request,
    raw: request,
    response,
    uri: originalUrl ?? target,
    target,
    route: '',
    before: { ...response.getHeaders() },
    proceed: () => next(),
    takeOver: () => {},
    dispatch: (raw, its) => outermost(app)?.(raw, its),
  }
}

/** The client must not have its answer, and ask for what it has changed, before that is gone. */
function evictBeforeEnd(response: ServerResponse, evict: () => Promise<void>): void {
  const { end } = response
  let isEnding = false
  response.end = (...args: unknown[]) => {
    if (isEnding) return response
    isEnding = true
    void evict().then(() => end.apply(response, args as unknown as Parameters<ServerResponse['end']>))
    return response
  }
}

function outermost(app: ExpressRequest['app']): ExpressRequest['app'] {
  return app?.parent === undefined ? app : outermost(app.parent)
}
