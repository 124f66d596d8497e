import { createCacheManager } from 'cachewright'
import { cacheResponses as middleware } from 'cachewright/express'
import { cacheResponses as plugin } from 'cachewright/fastify'
import express, { type Request } from 'express'
import Fastify, { type FastifyRequest } from 'fastify'

// What the compiler must accept and refuse of the doors to HTTP.

const cache = createCacheManager().cache('responses')

interface Customer extends Request {
  readonly customer: { readonly id: number }
}

const app = express()
app.use(
  middleware({ cache, ttl: '10s', staleWhileRevalidate: 500, query: ['page'], vary: ['accept'], maxBytes: 1_000 }),
)
app.use(middleware<Request>({ cache, partition: (request) => request.get('x-tenant'), credentials: 'partition' }))
app.get('/', middleware<Customer>({ cache, tags: ({ customer }) => [`customer:${customer.id}`] }) as never)
app.get('/', middleware({ cache, tags: (_request, { status, headers }) => [`${status}:${headers.etag}`] }))
app.get('/', middleware({ cache, query: 'all', tags: ['all'] }))

// @ts-expect-error a cache is needed
middleware({})
// @ts-expect-error there is no such option
middleware({ cache, time: '10s' })
// @ts-expect-error no duration
middleware({ cache, ttl: 'soon' })
// @ts-expect-error refuse or partition
middleware({ cache, credentials: 'ignore' })

const fastify = Fastify()
fastify.register(plugin, { cache, partition: ({ headers }: FastifyRequest) => headers.host, cacheStatus: true })
fastify.get('/', { config: { cacheResponses: { ttl: '1m', tags: ({ id }) => [id] } } }, async () => 'here')
fastify.get('/', { config: { cacheResponses: false } }, async () => 'here')

// @ts-expect-error a cache is needed
fastify.register(plugin, { ttl: '1m' })
// @ts-expect-error no duration
fastify.get('/', { config: { cacheResponses: { ttl: 'soon' } } }, async () => 'here')
