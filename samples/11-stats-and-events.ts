import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Cacheable, CacheEvict, configureCaching } from 'cachewright'

class Weather {
  @Cacheable({ cache: 'weather' })
  async in(city: string): Promise<string> {
    if (city === 'Atlantis') throw new Error('no such city')
    return `sunny in ${city}`
  }

  @CacheEvict({ cache: 'weather' })
  async refresh(_city: string): Promise<void> {}
}

/** Counters tell how a cache does, events what it does; both cost nothing until somebody asks. */
export async function main(): Promise<void> {
  const caching = configureCaching()
  const weather = new Weather()
  const off = caching.on('miss', ({ cache, key }) => console.log(`miss ${cache} ${key}`))
  caching.on('loadFailure', ({ key, error }) => console.log(`loadFailure ${key} ${(error as Error).message}`))
  caching.on('removal', ({ key, cause }) => console.log(`removal ${key} ${cause}`))

  // Every manager of the process, for agents that do not know yours.
  const onHit = (event: unknown): void => console.log('cachewright:hit', (event as { key: string }).key)
  subscribe('cachewright:hit', onHit)

  await weather.in('Rome')
  await weather.in('Rome')
  await weather.in('Atlantis').catch(() => {})
  await weather.refresh('Rome')
  off()
  await weather.in('Rome')
  unsubscribe('cachewright:hit', onHit)

  const { hits, misses, hitRatio, loadSuccesses, loadFailures, evictions } = caching.cache('weather').stats()
  console.log({ hits, misses, hitRatio, loadSuccesses, loadFailures, evictions })

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

miss weather Rome
cachewright:hit Rome
miss weather Atlantis
loadFailure Atlantis no such city
removal Rome explicit
{
  hits: 1,
  misses: 3,
  hitRatio: 0.25,
  loadSuccesses: 2,
  loadFailures: 1,
  evictions: 1
}
*/
