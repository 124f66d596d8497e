import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Cacheable, CacheEvict, configureCaching } from 'cachewright'
import { collectMetrics } from 'cachewright/prometheus'
import { Registry } from 'prom-client'

class Catalogue {
  @Cacheable({ cache: 'titles' })
  async titleOf(isbn: string): Promise<string> {
    if (isbn === '0') throw new Error('no such book')
    return `the book ${isbn}`
  }

  @CacheEvict({ cache: 'titles' })
  async withdraw(_isbn: string): Promise<void> {}
}

/** A registry of prom-client tells Prometheus what the caches do; a dashboard for Grafana comes with the package. */
export async function main(): Promise<void> {
  const registry = new Registry()
  const caching = configureCaching()
  const stop = collectMetrics(caching, { registry, labels: { service: 'shop' } })
  const server = createServer(async (_request, response) => {
    response.setHeader('content-type', registry.contentType).end(await registry.metrics())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')

  const catalogue = new Catalogue()
  for (const isbn of ['1', '2', '1', '1']) await catalogue.titleOf(isbn)
  await catalogue.titleOf('0').catch(() => {})
  await catalogue.withdraw('2')

  // As Prometheus does every few seconds.
  const scraped = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)
  const lines = (await scraped.text()).split('\n')
  const isShown = /^cachewright_(?:operations_total|local_entries|load_duration_seconds_count)/
  for (const line of lines) if (isShown.test(line) && !line.endsWith(' 0')) console.log(line)

  stop()
  server.closeAllConnections()
  server.close()
  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

cachewright_operations_total{service="shop",cache="titles",operation="read",outcome="hit",tier="local"} 2
cachewright_operations_total{service="shop",cache="titles",operation="read",outcome="miss"} 3
cachewright_operations_total{service="shop",cache="titles",operation="load",outcome="success",tier="source"} 2
cachewright_operations_total{service="shop",cache="titles",operation="load",outcome="failure",tier="source"} 1
cachewright_operations_total{service="shop",cache="titles",operation="evict",outcome="asked"} 1
cachewright_local_entries{service="shop",cache="titles"} 1
cachewright_load_duration_seconds_count{service="shop",cache="titles",outcome="success"} 2
cachewright_load_duration_seconds_count{service="shop",cache="titles",outcome="failure"} 1
*/
