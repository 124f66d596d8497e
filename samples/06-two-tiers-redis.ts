import { setTimeout as pause } from 'node:timers/promises'
import { Cacheable, type CacheManager, CachePut, createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'

/** Two processes share what Redis holds, and each keeps copies in its memory; here both stand in one program. */
class Rates {
  static readonly #table = new Map([['EUR', 1.1]])
  queries = 0

  @Cacheable({ cache: 'rates' })
  async of(currency: string): Promise<number | undefined> {
    this.queries++
    return Rates.#table.get(currency)
  }

  @CachePut({ cache: 'rates', key: (currency: string) => currency })
  async change(currency: string, rate: number): Promise<number> {
    Rates.#table.set(currency, rate)
    return rate
  }
}

function startProcess(): { rates: Rates; caching: CacheManager } {
  const shared = redis({ url: process.env.REDIS_URL })
  const caching = createCacheManager({ prefix: 'sample-06', shared, maxStaleness: '1s' })
  return { rates: caching.bind(new Rates()), caching }
}

export async function main(): Promise<void> {
  const [one, two] = [startProcess(), startProcess()]
  console.log('connected:', (await one.caching.ready()).shared, (await two.caching.ready()).shared)
  await one.caching.clear() // of what an earlier run left

  console.log('one reads', await one.rates.of('EUR'), 'with', one.rates.queries, 'query')
  console.log('two reads', await two.rates.of('EUR'), 'with', two.rates.queries, 'queries')

  await one.rates.change('EUR', 1.2)
  console.log('one changes it, and reads', await one.rates.of('EUR'))

  const changed = performance.now()
  while ((await two.rates.of('EUR')) !== 1.2 && performance.now() - changed < 2_000) await pause(10)
  console.log('two reads', await two.rates.of('EUR'), 'no later than maxStaleness, with', two.rates.queries, 'queries')

  await one.caching.close()
  await two.caching.close()
}

if (require.main === module) void main()

/*
Expected output:

connected: connected connected
one reads 1.1 with 1 query
two reads 1.1 with 0 queries
one changes it, and reads 1.2
two reads 1.2 no later than maxStaleness, with 0 queries
*/
