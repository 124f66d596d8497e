/**
 * Caching of responses for Fastify 5.
 *
 * @module
 */
import type {
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  onSendHookHandler,
  preHandlerHookHandler,
  RouteOptions,
} from 'fastify'
import { defineResponseCache, type Exchange, isSafe, ResponseCache, type ResponseCacheOptions } from '../http'

export type { ResponseCacheOptions, TaggedResponse } from '../http'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What holds for this route instead of what the plugin was given; `false`: the cache leaves it alone. */
    readonly cacheResponses?: Partial<ResponseCacheOptions<FastifyRequest>> | false
  }
}

/** Options of {@link cacheResponses}. */
export type CacheResponsesOptions = ResponseCacheOptions<FastifyRequest>

/**
 * Answers requests from a cache, and keeps what handlers answer, as RFC 9111 says. It stands directly before the handler
 * of each route that is declared after it, behind every hook that says who may see a response. Await its registration,
 * or declare the routes in a plugin: otherwise they are declared before it.
 *
 * @throws CW_OPTION_UNKNOWN, CW_OPTION_INVALID, CW_OPTIONS_CONTRADICT
 *
 * @example
 * ```ts
 * await app.register(cacheResponses, { cache: caching.cache('responses'), ttl: '10s' })
 * app.get('/products/:id', { config: { cacheResponses: { ttl: '1m' } } }, handler)
 * ```
 */
export const cacheResponses: FastifyPluginCallback<CacheResponsesOptions> = Object.assign(
  (instance: FastifyInstance, options: CacheResponsesOptions, done: (error?: Error) => void): void => {
    try {
      const forAll = new ResponseCache(defineResponseCache(options, 'cacheResponses'))
      instance.addHook('onRoute', (route) => {
        const own = route.config?.cacheResponses
        if (own === false || hasHook(route)) return
        const where = `cacheResponses of ${String(route.method)} ${route.url}`
        const responses =
          own === undefined ? forAll : new ResponseCache(defineResponseCache({ ...options, ...own }, where))
        cacheRoute(instance, route, responses)
      })
      done()
    } catch (error) {
      done(error as Error)
    }
  },
  {
    // As fastify-plugin does: the routes beside it are meant, and a Fastify that does not fit is refused.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'cachewright',
    [Symbol.for('plugin-meta')]: { name: 'cachewright', fastify: '5.x' },
  },
)

const hooks = new WeakSet<object>()

/** The route for HEAD that Fastify makes of one for GET has its hooks already. */
function hasHook({ preHandler }: RouteOptions): boolean {
  return listOf(preHandler).some((hook) => hooks.has(hook))
}

function cacheRoute(instance: FastifyInstance, route: RouteOptions, responses: ResponseCache<FastifyRequest>): void {
  const name = nameOf(route)
  const answer: preHandlerHookHandler = (request, reply, done) => {
    responses.handle(exchangeOf(instance, request, reply, name, done))
  }
  const evict: onSendHookHandler = async (request, reply, payload) => {
    await responses.changed({ raw: request.raw, uri: request.originalUrl, response: reply.raw })
    return payload
  }
  hooks.add(answer)
  route.preHandler = [...listOf(route.preHandler), answer]
  if (listOf(route.method).some((method) => !isSafe(method))) route.onSend = [...listOf(route.onSend), evict]
}

function exchangeOf(
  instance: FastifyInstance,
  request: FastifyRequest,
  reply: FastifyReply,
  route: string,
  done: () => void,
): Exchange<FastifyRequest> {
  const { raw } = request
  return {
    request,
    raw,
    response: reply.raw,
    uri: request.originalUrl,
    target: raw.url ?? '',
    route,
    before: reply.getHeaders() as Exchange<FastifyRequest>['before'],
    proceed: () => done(),
    takeOver() {
      const headers = Object.entries(reply.getHeaders())
      reply.hijack()
      for (const [name, value] of headers) if (value !== undefined) reply.raw.setHeader(name, value)
    },
    dispatch: (again, its) => instance.routing(again, its),
  }
}

/** What tells it from another route of the same path: a version, a host, whatever its constraints are. */
function nameOf({ url, constraints = {} }: RouteOptions): string {
  return [url, ...Object.entries(constraints).map(([name, value]) => `${name}=${String(value)}`)].join(' ')
}

function listOf<Item>(given: Item | Item[] | undefined): Item[] {
  return given === undefined ? [] : Array.isArray(given) ? given : [given]
}
