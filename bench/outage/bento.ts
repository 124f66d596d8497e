import { loadContender } from '../contenders/install'
import type { MakeContender } from './contender'
import type { Product } from './source'
import { terms } from './terms'

// Only what is used here: the package has its own place, and is not there when this is compiled.
interface Bento {
  getOrSet(asked: { key: string; factory: () => Promise<Product> }): Promise<Product>
  disconnectAll(): Promise<void>
}

interface Store {
  useL1Layer(driver: unknown): Store
  useL2Layer(driver: unknown): Store
  useBus(driver: unknown): Store
}

interface BentoRoot {
  readonly BentoCache: new (options: object) => Bento
  bentostore(): Store
}

interface Client {
  get(key: string): Promise<string | null>
  on(event: 'error', listener: () => void): void
}

type Driver = (options: object) => unknown

/** Two tiers, a bus, grace, its two timeouts: the configuration its documentation walks up to. */
export const bentoAsAdvised: MakeContender = (port, source) => open(port, source, {}, {})

/**
 * The same by somebody who knows what ioredis does by default: no command waits longer than ours do, none waits for a
 * connection, and the documentation's circuit breaker, off unless asked for, is on.
 */
export const bentoTuned: MakeContender = (port, source) => {
  const connection = { commandTimeout: 250, maxRetriesPerRequest: 0, enableOfflineQueue: false }
  return open(port, source, connection, { l2CircuitBreakerDuration: '1s' })
}

async function open(
  port: number,
  source: Parameters<MakeContender>[1],
  connection: object,
  options: object,
): ReturnType<MakeContender> {
  const { BentoCache, bentostore } = (await loadContender('bentocache')) as BentoRoot
  const { memoryDriver } = (await loadContender('bentocache/drivers/memory')) as { memoryDriver: Driver }
  const { redisDriver, redisBusDriver } = (await loadContender('bentocache/drivers/redis')) as Record<string, Driver>
  const { Redis } = (await loadContender('ioredis')) as { Redis: new (options: object) => Client }
  const where = { host: '127.0.0.1', port }
  // An instance, which the documentation allows, so that its answers can be counted.
  const client = new Redis({ ...where, ...connection })
  // Without a listener ioredis prints every failed attempt to connect.
  client.on('error', () => {})
  let answers = 0
  const get = client.get.bind(client)
  client.get = async (key) => {
    const found = await get(key)
    answers += 1
    return found
  }
  const bento = new BentoCache({
    default: 'multitier',
    prefix: 'shop',
    ttl: terms.ttl,
    grace: terms.staleFor,
    timeout: terms.softTimeout,
    hardTimeout: '1s',
    ...options,
    stores: {
      multitier: bentostore()
        .useL1Layer(memoryDriver!({ maxSize: '10mb' }))
        .useL2Layer(redisDriver!({ connection: client }))
        .useBus(redisBusDriver!({ connection: { ...where, ...connection } })),
    },
  })
  return {
    ask: (key) => bento.getOrSet({ key, factory: () => source.load(key) }),
    answersOfRedis: () => answers,
    close: () => bento.disconnectAll(),
  }
}
