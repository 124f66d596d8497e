/**
 * Reads the key 'k' when it is told to, and says what it got and whether Redis or the loader was asked. Told to block, it
 * holds its event loop until a byte arrives on the third pipe, and reads within the same turn.
 */
import { readSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createCacheManager } from '../../../src/index'
import { redis } from '../../../src/redis/index'

const [, , url, maxStaleness] = process.argv

async function main(): Promise<void> {
  const manager = createCacheManager({
    prefix: 't',
    shared: redis({ url, commandTimeout: '2s' }),
    maxStaleness: maxStaleness === 'Infinity' ? Infinity : Number(maxStaleness),
  })
  const cache = manager.cache('c')
  const say = (what: unknown): void => void writeSync(1, `${JSON.stringify(what)}\n`)
  const read = async (): Promise<void> => {
    const before = cache.stats().local.hits
    const value = await cache.getOrLoad('k', async () => 'loaded')
    say({ value, isLocal: cache.stats().local.hits > before })
  }
  await manager.ready()
  for await (const line of createInterface(process.stdin)) {
    if (line === 'block') {
      say('blocked')
      readSync(3, Buffer.alloc(1))
    }
    await read()
  }
  await manager.close()
}

void main()
