import type { Protocol } from './protocol'
import type { Telling } from './server-feed'

/*
 * For servers without tracking. Each script that changes what others may hold a copy of publishes the key, within the
 * script, so that nobody can read the new value before it is told. What no script of ours does (expiry, eviction for
 * memory, a flush, other programs) is not told. In a cluster each node passes on what the others publish: a name may
 * come several times, and the barrier holds for what its own node published.
 */

/** Told by the other processes, on a channel of the prefix. */
export function byBroadcast({ channel, writer }: Protocol): Telling {
  return {
    channel,
    // A process that may not tell fills nothing, and must not wait for its own fills.
    begin: ['PUBLISH', (data) => data.publish(channel, `${writer} `)],
    keysIn: (message) => {
      const text = String(message)
      const space = text.indexOf(' ')
      // What this process wrote it has dropped, or replaced, by itself.
      return text.slice(0, space) === writer ? [] : [text.slice(space + 1)]
    },
  }
}
