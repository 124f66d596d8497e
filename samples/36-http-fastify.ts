import { createCacheManager } from 'cachewright'
import { cacheResponses } from 'cachewright/fastify'
import Fastify from 'fastify'

/** Responses of Fastify routes, kept by what their handlers say in `Cache-Control`, and evicted by tags. */
export async function main(): Promise<void> {
  // The cache does nothing but keep responses, so it may hand out their bytes without a copy.
  const caching = createCacheManager({ caches: { responses: { local: { isolation: 'share', maxBytes: 50_000_000 } } } })
  const responses = caching.cache('responses')
  const prices = new Map([['lamp', 40]])

  const app = Fastify()
  await app.register(cacheResponses, { cache: responses, query: ['currency'], cacheStatus: true })

  app.get('/prices/:id', { config: { cacheResponses: { tags: ['prices'] } } }, async ({ params }, reply) => {
    const { id } = params as { id: string }
    console.log(`  looking up ${id}`)
    reply.header('cache-control', 'max-age=60, stale-while-revalidate=30')
    return { id, price: prices.get(id) }
  })
  app.put('/prices/:id', async ({ params }, reply) => {
    prices.set((params as { id: string }).id, 45)
    return reply.code(204).send()
  })
  app.get('/me', async ({ headers }) => `you sent ${headers.authorization}`)

  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const get = async (path: string, headers: Record<string, string> = {}): Promise<Headers> => {
    const response = await fetch(url + path, { headers })
    console.log(response.status, await response.text(), '|', response.headers.get('cache-status'))
    return response.headers
  }

  await Promise.all(
    ['', '?utm_source=mail', '?utm_source=ad'].map(async (query) => fetch(`${url}/prices/lamp${query}`)),
  )
  const headers = await get('/prices/lamp')
  await get('/prices/lamp', { 'if-none-match': headers.get('etag')! })

  // A PUT removes what is kept of its path before it is answered; everything else is told by tags.
  await fetch(`${url}/prices/lamp`, { method: 'PUT' })
  await get('/prices/lamp')
  await responses.evictTags(['prices'])
  await get('/prices/lamp')

  await get('/me', { authorization: 'Bearer of-ann' })

  await app.close()
  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  looking up lamp
200 {"id":"lamp","price":40} | "responses"; hit
304  | "responses"; hit
  looking up lamp
200 {"id":"lamp","price":45} | "responses"; fwd=miss; stored
  looking up lamp
200 {"id":"lamp","price":45} | "responses"; fwd=miss; stored
200 you sent Bearer of-ann | "responses"; fwd=bypass; detail=credentials
*/
