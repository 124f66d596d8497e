import type { Redis } from 'ioredis'
import { systemClock } from '../index'
import { failFast } from './client-options'

/**
 * Lets a client begin again where ioredis has ended it for good: one that is told to reconnect, by us or by a sentinel's
 * word of a failover, while it still asks where the primary is, never tries again by itself.
 *
 * @returns closes the client
 */
export function reopen(client: Redis): () => void {
  let attempts = 0
  let isClosed = false
  let cancel = (): void => {}
  client.on('ready', () => {
    attempts = 0
  })
  client.on('end', () => {
    if (isClosed) return
    cancel = systemClock.setTimer(() => client.connect().catch(() => {}), failFast.retryStrategy(++attempts))
  })
  return () => {
    isClosed = true
    cancel()
    client.disconnect()
  }
}
