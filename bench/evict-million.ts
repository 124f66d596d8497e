/**
 * Evicts a tag that a million entries carry, and says what that cost. Run by `npx tsx bench/evict-million.ts`; a number as
 * argument is another count.
 */
import { createCacheManager } from '../src/index'
import { redis } from '../src/redis/index'
import { startRedis } from '../test/support/redis-server'

const batch = 5_000

async function main(count: number): Promise<void> {
  const server = await startRedis()
  const manager = createCacheManager({ shared: redis({ url: server.url, commandTimeout: '1m' }), local: false })
  try {
    await manager.ready()
    const cache = manager.cache<number>('c')
    const began = performance.now()
    for (let from = 0; from < count; from += batch) {
      const ids = Array.from({ length: Math.min(batch, count - from) }, (_, index) => from + index)
      await cache.putMany(
        ids.map((id) => [id, id] as const),
        { tags: ['x'], ttl: '1h' },
      )
    }
    const putMs = performance.now() - began
    if ((await cache.get(count - 1)) !== count - 1) throw new Error('the last entry is not there')
    await server.resetStats()
    const evicting = performance.now()
    await manager.evictTags(['x'])
    const evictMs = performance.now() - evicting
    const { evalsha } = await server.commandStats()
    if ((await cache.get(count - 1)) !== undefined) throw new Error('the last entry is still there')
    const keys = Number(await server.command('DBSIZE'))
    console.log(`${count} entries put in ${(putMs / 1_000).toFixed(1)} s (${keys} keys)`)
    console.log(`their tag evicted in ${evictMs.toFixed(1)} ms, by ${evalsha} command`)
  } finally {
    await manager.close()
    await server.stop()
  }
}

void main(Number(process.argv[2] ?? 1_000_000))
