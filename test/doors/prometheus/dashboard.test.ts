import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { CacheManager } from 'cachewright'
import { collectMetrics } from 'cachewright/prometheus'
import { Registry } from 'prom-client'
import { eventually } from '../../support/eventually'
import { type PrometheusServer, startPrometheus } from '../../support/prometheus-server'
import { redisHouse } from '../redis/processes'

// A service with Redis, a real Prometheus that scrapes it, and every query of the dashboard.

interface Dashboard {
  readonly panels: readonly {
    readonly title: string
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] }
}

const dashboard = JSON.parse(
  readFileSync(join(__dirname, '../../../src/prometheus/dashboard.json'), 'utf8'),
) as Dashboard
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })))

const house = redisHouse()
const registry = new Registry()
let service: Server
let prometheus: PrometheusServer

beforeAll(async () => {
  service = createServer(async (_request, response) => {
    response.setHeader('content-type', registry.contentType)
    response.end(await registry.metrics())
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  prometheus = await startPrometheus(`127.0.0.1:${(service.address() as AddressInfo).port}`)
}, 60_000)
afterAll(async () => {
  await prometheus?.stop()
  service.closeAllConnections()
  service.close()
})

let turn = 0

/** Something of everything that the dashboard shows. */
async function work(manager: CacheManager): Promise<void> {
  const cache = manager.cache<string>('products')
  const options = { staleWhileRevalidate: '1h' } as const
  const key = `product ${turn++}`
  await cache.getOrLoad(key, async () => 'value', options)
  await cache.getOrLoad(key, async () => 'value', options)
  await cache.expire(key)
  await cache.getOrLoad(key, async () => 'value', options)
  await cache.getOrLoad(`no ${key}`, () => Promise.reject(new Error('no'))).catch(() => {})
  await cache.put(key, 'other')
  await cache.evict(key)
}

// `.+`, where Grafana says `.*`: a label that is not there would match that.
const asked = (expression: string): string =>
  expression.replaceAll('$__rate_interval', '1m').replaceAll(/\$(?:cache|instance)\b/g, '.+')

test('every query of the dashboard has an answer of a real scrape', async () => {
  const manager = house.open({ local: { maxBytes: 1_000_000 } })
  await manager.ready()
  const end = collectMetrics(manager, { registry })
  try {
    expect(queries.length).toBeGreaterThan(15)
    for (const { title, expr } of queries) {
      const what = `${title}: ${expr}`
      await eventually(
        async () => {
          await work(manager)
          const series = await prometheus.query(asked(expr))
          return series.length > 0 && series.every(({ value }) => Number.isFinite(value))
        },
        { within: 20_000, what },
      )
    }
  } finally {
    end()
  }
}, 120_000)

test('what the dashboard lets one choose from is there', async () => {
  const manager = house.open()
  await manager.cache('products').put('a', 1)
  const end = collectMetrics(manager, { registry })
  try {
    const choices = dashboard.templating.list.flatMap(({ query }) => (typeof query === 'object' ? [query.query] : []))
    expect(choices).toHaveLength(2)
    for (const choice of choices) {
      const [, match, label] = /^label_values\((.+), (\w+)\)$/.exec(choice)!
      await eventually(async () => (await prometheus.labelValues(label!, asked(match!))).length > 0, { what: choice })
    }
  } finally {
    end()
  }
}, 60_000)

test('the legends name labels that the series have', async () => {
  for (const { expr, legendFormat } of queries) {
    for (const [, name] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
      expect(expr).toMatch(new RegExp(`by \\([^)]*\\b${name}\\b`))
  }
})
