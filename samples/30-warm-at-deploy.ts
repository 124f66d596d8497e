import { Cacheable, cached, createCacheManager, type WarmReport } from 'cachewright'
import { redis } from 'cachewright/redis'
import { SingleBar } from 'cli-progress'

const ids = Array.from({ length: 100 }, (_, index) => `p${index}`)

class Shop {
  readonly caching = createCacheManager({ prefix: 'sample-30', shared: redis({ url: process.env.REDIS_URL }) })
  queries = 0

  constructor() {
    this.caching.bind(this)
  }

  @Cacheable({ cache: 'products', ttl: '1h' })
  async product(id: string): Promise<string> {
    this.queries++
    if (id === 'p66') throw new Error('the row is broken')
    return `product ${id}`
  }

  @Cacheable({ cache: 'prices', ttl: '10m' })
  async price(id: string, currency: string): Promise<number> {
    this.queries++
    return id.length * (currency === 'EUR' ? 10 : 11)
  }
}

/** Fills the caches before the first request comes; the bar is drawn where there is a terminal. */
async function warm(shop: Shop, concurrency: number, stopAfter?: number): Promise<WarmReport> {
  const { product, price } = cached(shop)
  const stop = new AbortController()
  const bar = new SingleBar({ format: 'warming {bar} {value} of {total}, {eta_formatted} to go', linewrap: true })
  bar.start(2 * ids.length, 0)
  const onProgress = ({ done }: { readonly done: number }): void => {
    bar.update(done)
    if (done === stopAfter) stop.abort() // as SIGTERM would
  }
  const warming = shop.caching.warm(
    [
      { method: product, with: ids.map((id) => [id]) },
      { method: price, with: ids.map((id) => [id, 'EUR']) },
    ],
    { concurrency, onProgress, signal: stop.signal },
  )
  return warming.finally(() => bar.stop())
}

export async function main(): Promise<void> {
  const [one, two] = [new Shop(), new Shop()] // two processes, here in one program
  await Promise.all([one.caching.ready(), two.caching.ready()])
  await one.caching.clear() // of what an earlier run left

  const { isComplete, loaded, failed, failures } = await warm(one, 1, 120)
  console.log(`complete: ${isComplete}, loaded: ${loaded}, failed: ${failed}`)
  for (const { method, args, error } of failures) console.log(`  ${method} of ${args}: ${error}`)

  // Run again it loads what is missing; and by two processes at once, each key once, by whichever comes first.
  const again = await Promise.all([warm(one, 20), warm(two, 20)])
  console.log(`complete: ${again.map((its) => its.isComplete)}, loaded: ${again[0].loaded + again[1].loaded} by both`)

  const before = two.queries
  console.log(await two.product('p7'), 'for', await two.price('p7', 'EUR'))
  console.log('queries for that:', two.queries - before)
  for (const { caching } of [one, two]) await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

complete: false, loaded: 119, failed: 1
  Shop.product of p66: Error: the row is broken
complete: true,true, loaded: 80 by both
product p7 for 20
queries for that: 0
*/
