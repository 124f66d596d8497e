/**
 * The shared tier on Redis.
 *
 * @module
 */
import { Redis, type RedisOptions } from 'ioredis'
import { cacheError, type Duration, milliseconds, type SharedStoreFactory } from '../index'
import { Connection, failFast } from './connection'
import { RedisStore } from './redis-store'
import { TrackingFeed } from './tracking-feed'

/** What every form of {@link redis} takes beside the address: options of ioredis, and these. */
export interface RedisTierOptions extends Omit<RedisOptions, 'commandTimeout'> {
  /** How long a call waits for the server before it goes on without it. @default '250ms' */
  readonly commandTimeout?: Duration
}

/** Where the server is: by address, by options of ioredis, or the same place as a client you have. */
export type RedisAddress =
  | { readonly url: string | undefined }
  | { readonly options: RedisOptions }
  | { readonly client: Redis }

/**
 * A Redis server as the shared tier of a manager. Makes a connection of its own, also beside a client it is given, so
 * that it can refuse to wait and to send late whatever that client's options are; closes only what it made.
 *
 * @throws CW_OPTION_INVALID
 *
 * @example
 * ```ts
 * configureCaching({ shared: redis({ url: process.env.REDIS_URL }) })
 * ```
 */
export function redis(where: RedisAddress & RedisTierOptions): SharedStoreFactory {
  if (typeof where !== 'object' || where === null) {
    throw cacheError('CW_OPTION_INVALID', 'redis(): give an object with `url`, `options` or `client`.')
  }
  const open = opener(where)
  const { commandTimeout = '250ms' } = where
  const commandTimeoutMs = milliseconds(commandTimeout, 'redis(): option `commandTimeout`')
  if (commandTimeoutMs === 0) {
    throw cacheError(
      'CW_OPTION_INVALID',
      'redis(): option `commandTimeout` must be more than 0: no command answers in no time.',
    )
  }
  return {
    name: 'Redis',
    commandTimeoutMs,
    open({ clock, counterKey, maxStalenessMs, listener, onConnected }) {
      const data = new Connection(open, clock, 'Redis', onConnected)
      const listening = open({ ...failFast, enableAutoPipelining: false, protocol: 2 })
      const heartbeatKey = (): string => counterKey
      const feed = new TrackingFeed({ data, listening, listener, clock, maxStalenessMs, heartbeatKey })
      return new RedisStore(data, feed, counterKey)
    },
  }
}

type Opener = (options: RedisOptions & { readonly replyMapping: 'legacy' }) => Redis

function opener(where: RedisAddress & RedisTierOptions): Opener {
  const given = ['url', 'options', 'client'].filter((name) => name in where)
  for (const topology of ['sentinels', 'cluster']) {
    if (topology in where) {
      throw cacheError(
        'CW_OPTION_INVALID',
        `redis(): \`${topology}\` is not supported yet; give one server by \`url\`, \`options\` or \`client\`.`,
      )
    }
  }
  if (given.length !== 1) {
    throw cacheError(
      'CW_OPTION_INVALID',
      `redis(): give one of \`url\`, \`options\` and \`client\`, got ${given.join(' and ') || 'none'}.`,
    )
  }
  if ('client' in where) {
    const { client, commandTimeout: _, ...beside } = where
    if (typeof client?.duplicate !== 'function' || client.isCluster) {
      throw cacheError('CW_OPTION_INVALID', 'redis(): `client` must be a Redis client of ioredis (not a Cluster).')
    }
    return (options) => client.duplicate({ ...beside, ...options })
  }
  if ('url' in where) {
    const { url, commandTimeout: _, ...beside } = where
    if (url === undefined || url === '') {
      throw cacheError(
        'CW_OPTION_INVALID',
        'redis(): `url` is not set. Is the environment variable it comes from defined?',
      )
    }
    if (typeof url !== 'string' || !/^(rediss?:\/\/|\/)/.test(url)) {
      throw cacheError(
        'CW_OPTION_INVALID',
        `redis(): \`url\` must begin with redis:// or rediss://, or be the path of a socket; got ${typeof url === 'string' ? `'${url.replace(/\/\/.*@/, '//…@')}'` : typeof url}.`,
      )
    }
    return (options) => new Redis(url, { ...beside, ...options })
  }
  const { options: its, commandTimeout: _, ...beside } = where
  if (typeof its !== 'object' || its === null) {
    throw cacheError('CW_OPTION_INVALID', 'redis(): `options` must be an object of ioredis options.')
  }
  return (options) => new Redis({ ...its, ...beside, ...options })
}
