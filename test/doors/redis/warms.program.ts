/** Warms ten keys one by one, and is killed after the fifth. */
import { Cacheable, cached, createCacheManager } from '../../../src/index'
import { redis } from '../../../src/redis/index'

class Service {
  @Cacheable({ cache: 'c' })
  async find(id: string): Promise<string> {
    return `by the program ${id}`
  }
}

async function main(): Promise<void> {
  const manager = createCacheManager({ prefix: 't', shared: redis({ url: process.argv[2] }) })
  process.removeAllListeners('warning')
  await manager.ready()
  await cached(manager.bind(new Service())).find.warm(
    Array.from({ length: 10 }, (_, index): [string] => [`${index}`]),
    { concurrency: 1, onProgress: ({ done }) => done === 5 && process.kill(process.pid, 'SIGKILL') },
  )
}

void main()
