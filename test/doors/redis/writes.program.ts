/**
 * Drains the queue of cache 'rows' into a "database" that outlives this process: a hash of rows, and a log of every write, on
 * the server itself. Says what it does; stops where it is told to, until its signal is aborted or it is killed.
 */
import { Redis } from 'ioredis'
import { createCacheManager, drainWrites, WriteBehind } from '../../../src/index'
import { redis } from '../../../src/redis/index'

const [url, stopsAt] = process.argv.slice(2) as [string, 'before' | 'after' | 'nowhere']
const database = new Redis(url)
const caching = createCacheManager({ prefix: 't', shared: redis({ url }) })

interface Row {
  readonly id: string
  readonly text: string
}

class Rows {
  @WriteBehind({ manager: caching, cache: 'rows', key: (row: Row) => row.id, maxDelay: '20ms', batch: 10 })
  async save(rows: readonly Row[], signal?: AbortSignal): Promise<void> {
    if (stopsAt === 'before') await stop(signal!)
    for (const { id, text } of rows) {
      await database.multi().hset('db', id, text).rpush('log', `${id} ${text}`).exec()
    }
    if (stopsAt === 'after') await stop(signal!)
  }
}

async function stop(signal: AbortSignal): Promise<void> {
  console.log('stopped')
  await new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => {
      console.log('aborted')
      reject(signal.reason as Error)
    })
  })
}

drainWrites(new Rows())
console.log('drains')
// Nothing here keeps the process, as it should be.
setInterval(() => {}, 1_000)
