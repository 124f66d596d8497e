/**
 * Queues a value in the process, whose first writes fail, and closes or flushes: nothing else keeps the process alive, and
 * what waits must be written all the same. Says what was written.
 */
import { createCacheManager, WriteBehind } from '../../../src/index'

const [end] = process.argv.slice(2) as ['close' | 'flush']
const caching = createCacheManager()

class Rows {
  tries = 0
  @WriteBehind({ manager: caching, cache: 'rows', key: (id: string) => id, maxDelay: '20ms' })
  async save(rows: readonly string[]): Promise<void> {
    if (++this.tries < 3) throw new Error('away')
    console.log(`written ${rows.join()}`)
  }
}

async function main(): Promise<void> {
  await new Rows().save(['a'])
  await (end === 'close' ? caching.close() : caching.writes('rows').flush())
  console.log('over')
}

void main()
