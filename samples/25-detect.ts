import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Cacheable, type Clock, configureCaching, detect } from 'cachewright'

class Products {
  @Cacheable({ cache: 'products', staleWhileRevalidate: '1h' })
  async find(id: string): Promise<string> {
    return `product ${id}`
  }

  @Cacheable({ cache: 'lists', key: (ids: readonly string[]) => ids })
  async list(ids: readonly string[]): Promise<string[]> {
    return Promise.all(ids.map((id) => this.find(id)))
  }
}

/** What served a request, from which tier and how old: for a debug header, and for tests. */
export async function main(): Promise<void> {
  let now = 0
  const clock: Clock = { now: () => now }
  const caching = configureCaching({ clock, defaults: { ttl: '1m' } })
  const products = new Products()

  const server = createServer(async (request, response) => {
    const ids = request.url!.slice(1).split('+')
    const detected = await detect(() => products.list(ids))
    response.setHeader('x-cache', String(detected))
    response.end(JSON.stringify(detected.result))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const ask = async (path: string): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`)
    console.log(`${path}:`, response.headers.get('x-cache'))
  }

  await ask('lamp')
  now += 1_200
  await ask('lamp')
  await ask('lamp+desk')
  now += 61_000
  await ask('desk')

  await new Promise<unknown>((resolve) => void server.close(resolve))
  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

lamp: products lamp: source, 0 ms old; lists lamp: source, 0 ms old
lamp: lists lamp: local, 1200 ms old
lamp+desk: products lamp: local, 1200 ms old; products desk: source, 0 ms old; lists lamp,desk: source, 0 ms old
desk: products desk: local, 61000 ms old, stale (revalidating); lists desk: source, 0 ms old
*/
