import type { Telling } from './server-feed'

/*
 * Server-assisted coherence. The server remembers which keys the data connection has read and, when one of them changes
 * in whatever way, sends its name once to the listening connection. Facts this rests on (Redis 6 and later): only reads
 * are remembered, also those of scripts; a name is sent once for each read.
 */

/** Told by the server, by `CLIENT TRACKING`. */
export const byTracking: Telling = {
  channel: '__redis__:invalidate',
  identify: ['CLIENT ID', (listening) => listening.client('ID')],
  begin: [
    'CLIENT TRACKING',
    (data, listenerId) => {
      // A redirection cannot be changed while tracking is on. Not NOLOOP: it hides also what the server removes, for want
      // of memory, in the course of a command of ours. So our own writes are told to us too.
      data.client('TRACKING', 'OFF').catch(() => {})
      return data.client('TRACKING', 'ON', 'REDIRECT', listenerId)
    },
  ],
  // Null: the server was flushed, or dropped its table.
  keysIn: (message) => {
    if (message === null || message === undefined) return undefined
    return (Array.isArray(message) ? message : [message]).map(String)
  },
}
