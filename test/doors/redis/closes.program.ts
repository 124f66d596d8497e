/** Uses a manager, says so, uses and closes it when its input ends, and has nothing left to do. */
import { createCacheManager } from '../../../src/index'
import { redis } from '../../../src/redis/index'

async function main(): Promise<void> {
  const manager = createCacheManager({ shared: redis({ url: process.argv[2] }) })
  process.removeAllListeners('warning')
  await manager.ready()
  await manager.cache('c').getOrLoad('a', async () => 1, { tags: ['x'] })
  console.log('used')
  process.stdin.on('end', () => {
    void manager
      .cache('c')
      .getOrLoad('b', async () => 2)
      .then(() => manager.close())
      .then(() => console.log('closed'))
  })
  process.stdin.resume()
}

void main()
