import { Cacheable, type Clock, configureCaching } from 'cachewright'

/** A source that can be slow and can fail, and a cache that answers with what it had. */
class Rates {
  rate = 1.08
  isDown = false

  @Cacheable({ cache: 'rates' })
  async of(_currency: string): Promise<number> {
    if (this.isDown) throw new Error('the bank does not answer')
    return this.rate
  }
}

export async function main(): Promise<void> {
  let now = 0
  const clock: Clock = { now: () => now }
  const caching = configureCaching({ clock, defaults: { ttl: '1m', staleIfError: '1h', staleIfErrorThrottle: '10s' } })
  const cache = caching.cache('rates')
  const rates = new Rates()

  console.log('fresh:', await rates.of('USD'))

  now += 60_000
  rates.isDown = true
  console.log('past its life, and the source fails:', await rates.of('USD'))
  console.log('not asked again for ten seconds:', await rates.of('USD'), cache.stats().stale)

  now += 10_000
  rates.isDown = false
  rates.rate = 1.11
  console.log('asked again:', await rates.of('USD'))

  now += 60_000
  rates.isDown = true
  await cache.evict('USD')
  await rates.of('USD').catch((error: Error) => console.log('what was evicted is never served:', error.message))

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

fresh: 1.08
past its life, and the source fails: 1.08
not asked again for ten seconds: 1.08 { revalidating: 0, resting: 1, error: 1, slow: 0 }
asked again: 1.11
what was evicted is never served: the bank does not answer
*/
