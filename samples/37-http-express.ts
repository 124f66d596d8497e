import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createCacheManager } from 'cachewright'
import { cacheResponses } from 'cachewright/express'
import express, { type Request } from 'express'

/** Responses of Express, each tenant's its own; what nobody said anything about is not kept. */
export async function main(): Promise<void> {
  const caching = createCacheManager({ caches: { responses: { local: { isolation: 'share' } } } })

  const app = express()
  app.set('etag', false) // Express's own tag is a weak one; the cache makes a strong one
  app.use(
    cacheResponses<Request>({
      cache: caching.cache('responses'),
      ttl: '10s',
      // Requests with credentials are left alone, unless it is said whose they are.
      partition: (request) => request.get('authorization'),
      credentials: 'partition',
      cacheStatus: true,
    }),
  )
  let calls = 0
  app.get('/orders', (request, response) => {
    response.send(`${request.get('authorization')}: orders, call ${++calls}`)
  })
  app.get('/basket', (_request, response) => {
    response.cookie('basket', calls).send(`a basket, call ${++calls}`)
  })

  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const get = async (path: string, tenant: string): Promise<void> => {
    const response = await fetch(url + path, { headers: { authorization: tenant } })
    console.log(await response.text(), '|', response.headers.get('cache-status'))
  }

  await get('/orders', 'acme')
  await get('/orders', 'initech')
  await get('/orders', 'acme')
  await get('/basket', 'acme')
  await get('/basket', 'acme')

  server.close()
  server.closeAllConnections()
  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

acme: orders, call 1 | "responses"; fwd=miss; stored
initech: orders, call 2 | "responses"; fwd=miss; stored
acme: orders, call 1 | "responses"; hit
a basket, call 3 | "responses"; fwd=miss; detail=set-cookie
a basket, call 4 | "responses"; fwd=bypass; detail=not-kept
*/
