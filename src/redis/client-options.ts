import type { RedisOptions } from 'ioredis'

/**
 * What keeps a cache from waiting, or from acting late: commands are refused while there is no connection, and a command
 * whose connection broke is not sent again, since a write that arrives a minute late would bring an old value back.
 */
export const failFast = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  // What a client's own timeout gives up looks answered, so the circuit would never open; see `redis`'s option of this name.
  commandTimeout: undefined,
  // While one automatic pipeline waits for its answers, ioredis holds back the next; `Connection` corks the socket instead.
  enableAutoPipelining: false,
  reconnectOnError: null,
  // The greeting asks for the same, and goes on where that is forbidden.
  enableReadyCheck: false,
  // What is closed was drained: a connection that does not answer its end must not keep the process.
  disconnectTimeout: 10,
  // A server that answers again is used within a second.
  retryStrategy: (attempt: number) => Math.min(800, 50 * 2 ** Math.min(attempt, 6)) * (0.5 + jitter(attempt) / 2),
  // Whose other end has vanished without a word, in the middle of the greeting too: else it would be kept for a quarter
  // of an hour.
  socketTimeout: 10_000,
  // Replies have one form, whatever the caller's own client asks for.
  replyMapping: 'legacy',
} as const satisfies RedisOptions

/** For a client that only listens. By protocol 2: a server sends notices to a subscriber only there. */
export const listenOnly = { ...failFast, enableAutoPipelining: false, protocol: 2 } as const satisfies RedisOptions

/** A share by which attempts of many processes are spread, without a source of randomness of its own. */
export function jitter(attempt: number): number {
  return ((process.pid * 2_654_435_761 + attempt * 40_503) % 1_000) / 1_000
}
