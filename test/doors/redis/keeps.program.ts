/**
 * Configures caching, in memory or (given a URL) with Redis too, uses everything that might keep a process from its end, and
 * says what does. Never closes it, unless its input ends.
 */
import { Cacheable, configureCaching } from '../../../src/index'
import { redis } from '../../../src/redis/index'
import { eventually } from '../../support/eventually'

class Service {
  @Cacheable({ cache: 'c', tags: ['x'], refreshAhead: 0.01, ttl: '1m' })
  async find(id: number): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return `found ${id}`
  }
}

/** What keeps this process, beside its input and output. */
function keepers(): string {
  return process
    .getActiveResourcesInfo()
    .filter((name) => !/^(?:Pipe|TTY|File|FSReq)/.test(name))
    .toSorted()
    .join(' ')
}

async function main(url: string | undefined): Promise<void> {
  const caching = configureCaching(url === undefined ? {} : { shared: redis({ url }) })
  await caching.ready()
  caching.on('hit', () => {})
  const service = new Service()
  // The second joins the first, with a deadline.
  await Promise.all([service.find(1), service.find(1)])
  await caching.cache('c').put('p', 1, { ttl: '1h' })
  await caching.evictTags(['x'])
  // Hangs for ever, and so does whoever joins it.
  for (let caller = 0; caller < 2; caller++) void caching.cache('c').getOrLoad('h', () => new Promise(() => {}))
  if (url === undefined) return console.log(`kept by: ${keepers()}`)
  // Between two heartbeats.
  await eventually(() => keepers() === 'TCPSocketWrap TCPSocketWrap', { what: 'the two connections and nothing else' })
  console.log(`kept by: ${keepers()}`)
  process.stdin.on('end', () => {
    void caching
      .close()
      .then(() => eventually(() => keepers() === ''))
      .then(() => console.log('closed'))
  })
  process.stdin.resume()
}

void main(process.argv[2])
