/**
 * The shared tier on Redis.
 *
 * @module
 */
import { type Cluster, type NatMap, Redis, type RedisOptions, type SentinelAddress } from 'ioredis'
import {
  type CacheError,
  cacheError,
  type Duration,
  milliseconds,
  type SharedStore,
  type SharedStoreContext,
  type SharedStoreFactory,
} from '../index'
import { failFast, listenOnly } from './client-options'
import { type Address, translator } from './cluster-slots'
import { type ClusterParts, ClusterStore } from './cluster-store'
import { FeedNote } from './feed-note'
import { openNode } from './node'
import { protocolOf } from './protocol'
import { RedisStore } from './redis-store'
import type { FeedKind } from './scripts'

/** What every form of {@link redis} takes beside the address: options of ioredis, and these. */
export interface RedisTierOptions extends Omit<RedisOptions, 'commandTimeout' | 'sentinels' | 'name'> {
  /** How long a call waits for the server before it goes on without it. @default '250ms' */
  readonly commandTimeout?: Duration
  /** For a cluster behind a network that translates addresses: those by which this process reaches the nodes. */
  readonly natMap?: NatMap
  /**
   * How a process hears of what others change; the same for all processes of a prefix.
   *
   * `'tracking'`: the server tells, by `CLIENT TRACKING`, whoever made the change.
   *
   * `'broadcast'`, for servers and users without that: each change is published by the process that makes it. What no
   * process of the prefix makes is not told: a `SET` or `DEL` of another program, `FLUSHALL`, eviction by `maxmemory`. A
   * local copy may be served after it until the entry's own `ttl`, or the shorter `local.ttl`; `maxStaleness` limits only
   * what processes of the prefix do. In a cluster the nodes carry the changes of a slot that moves to each other, as
   * well as they can.
   * @default 'tracking'
   */
  readonly feed?: FeedKind
}

/** A node of a cluster to begin with; the others are learned from it. */
export type ClusterSeed = string | { readonly host?: string; readonly port?: number }

/** Where the server is: by address, by options of ioredis, or the same place as a client you have. */
export type RedisAddress =
  | { readonly url: string | undefined }
  | { readonly options: RedisOptions }
  | { readonly client: Redis | Cluster }
  /** Sentinels, and the name they know the primary by. */
  | { readonly sentinels: readonly Partial<SentinelAddress>[]; readonly name: string }
  | { readonly cluster: readonly ClusterSeed[] }

/**
 * Redis as the shared tier of a manager: one server, a primary watched by sentinels, or a cluster. Makes connections of
 * its own, also beside a client it is given, so that it can refuse to wait and to send late whatever that client's
 * options are; closes only what it made.
 *
 * @throws CW_OPTION_INVALID
 *
 * @example
 * ```ts
 * configureCaching({ shared: redis({ url: process.env.REDIS_URL }) })
 * configureCaching({ shared: redis({ sentinels: [{ host: 'sentinel-1', port: 26379 }], name: 'mymaster' }) })
 * configureCaching({ shared: redis({ cluster: ['node-1:6379', 'node-2:6379'] }) })
 * ```
 */
export function redis(where: RedisAddress & RedisTierOptions): SharedStoreFactory {
  if (typeof where !== 'object' || where === null) {
    throw invalid('give an object with one of `url`, `options`, `client`, `sentinels` and `cluster`.')
  }
  const given = forms.filter((form) => form in where)
  if (given.length !== 1) {
    throw invalid(
      `give one of \`url\`, \`options\`, \`client\`, \`sentinels\` and \`cluster\`, got ${given.join(' and ') || 'none'}.`,
    )
  }
  const { commandTimeout = '250ms' } = where
  const commandTimeoutMs = milliseconds(commandTimeout, 'redis(): option `commandTimeout`')
  if (commandTimeoutMs === 0) {
    throw invalid('option `commandTimeout` must be more than 0: no command answers in no time.')
  }
  const { feed = 'tracking' } = where
  if (!feeds.includes(feed)) throw invalid(`option \`feed\` must be 'tracking' or 'broadcast', got ${String(feed)}.`)
  const cluster = clusterAt(where)
  if (cluster !== undefined) {
    const { keyPrefix, ...parts } = cluster
    return {
      name: 'Redis Cluster',
      commandTimeoutMs,
      open: (context) => new ClusterStore({ ...parts, context, protocol: protocolOf(feed, context, keyPrefix) }),
    }
  }
  const open = opener(where)
  return { name: 'Redis', commandTimeoutMs, open: (context) => openServer(open, context, feed) }
}

const forms = ['url', 'options', 'client', 'sentinels', 'cluster'] as const

const feeds: readonly FeedKind[] = ['tracking', 'broadcast']

type Opener = (options: RedisOptions & { readonly replyMapping: 'legacy' }) => Redis

function openServer(open: Opener, context: SharedStoreContext, kind: FeedKind): SharedStore {
  const listening = open(listenOnly)
  const protocol = protocolOf(kind, context, listening.options.keyPrefix ?? '')
  const note = new FeedNote(protocol, context.clock, context.onFinding)
  const owns = (): boolean => true
  const { onConnected } = context
  const heartbeatKey = (): string => context.counterKey
  const { connection, feed } = openNode({
    open,
    listening,
    name: 'Redis',
    context,
    protocol,
    note,
    owns,
    heartbeatKey,
    onConnected,
  })
  return new RedisStore({ connection, feed, protocol, note, owns, isInCluster: false })
}

/** What makes the client of a single server, or of the primary that sentinels name. */
function opener(where: RedisAddress & RedisTierOptions): Opener {
  const { commandTimeout: _, natMap, feed: __, ...rest } = where
  if ('client' in rest) {
    const { client, ...beside } = rest
    if (typeof client?.duplicate !== 'function') {
      throw invalid('`client` must be a client of ioredis, `Redis` or `Cluster`.')
    }
    return (options) => (client as Redis).duplicate({ ...beside, ...options })
  }
  if ('url' in rest) {
    const { url, ...beside } = rest
    if (url === undefined || url === '') {
      throw invalid('`url` is not set. Is the environment variable it comes from defined?')
    }
    if (typeof url !== 'string' || !/^(rediss?:\/\/|\/)/.test(url)) {
      const got = typeof url === 'string' ? `'${url.replace(/\/\/.*@/, '//…@')}'` : typeof url
      throw invalid(`\`url\` must begin with redis:// or rediss://, or be the path of a socket; got ${got}.`)
    }
    return (options) => new Redis(url, { ...beside, ...options })
  }
  if ('sentinels' in rest) {
    const { sentinels, name, ...beside } = rest
    if (!Array.isArray(sentinels) || sentinels.length === 0) {
      throw invalid('`sentinels` must be a list of addresses, `{ host, port }`, with one at least.')
    }
    if (typeof name !== 'string' || name === '') {
      throw invalid('beside `sentinels` give `name`, the name by which they know the primary.')
    }
    // Sentinels tell of a failover at once; a primary that was cut off would be believed until it noticed itself.
    // One that does not answer must not keep the others from being asked, nor the process from its end.
    const inTime = { sentinelRetryStrategy: failFast.retryStrategy, sentinelCommandTimeout: 1_000 }
    const sentinel = { failoverDetector: true, ...inTime, natMap, ...beside }
    return (options) => new Redis({ ...sentinel, ...options, sentinels: [...sentinels], name, role: 'master' })
  }
  const { options: its, ...beside } = rest as { options: RedisOptions }
  if (typeof its !== 'object' || its === null) throw invalid('`options` must be an object of ioredis options.')
  return (options) => new Redis({ ...its, ...beside, ...options })
}

type ClusterAt = Omit<ClusterParts, 'context' | 'protocol'> & { readonly keyPrefix: string }

/** What makes the clients of a cluster's nodes; undefined if it is no cluster. */
function clusterAt(where: RedisAddress & RedisTierOptions): ClusterAt | undefined {
  const { commandTimeout: _, natMap, feed: __, ...rest } = where
  if ('cluster' in rest) {
    const { cluster, ...options } = rest
    if (!Array.isArray(cluster) || cluster.length === 0) {
      throw invalid("`cluster` must be a list of nodes, `{ host, port }` or 'host:port', with one at least.")
    }
    return clusterOf(cluster, options, natMap)
  }
  if ('client' in rest && rest.client?.isCluster) {
    const { client, ...beside } = rest
    // Its own list of nodes is private, and it may not be connected yet.
    const { startupNodes, options } = client as unknown as Pick<Cluster, 'options'> & { startupNodes: ClusterSeed[] }
    const { keyPrefix, redisOptions } = options
    const its = { ...redisOptions, ...(keyPrefix === undefined ? {} : { keyPrefix }), ...beside }
    return clusterOf(startupNodes, its, natMap ?? options.natMap)
  }
  return undefined
}

function clusterOf(nodes: readonly ClusterSeed[], options: RedisOptions, natMap: NatMap | undefined): ClusterAt {
  if (options.db !== undefined && options.db !== 0) {
    throw invalid(`a cluster has one database, 0; \`db\` is ${options.db}.`)
  }
  const seeds = nodes.map(seedAddress)
  return {
    seeds: seeds.map(({ host, port }) => ({ host, port })),
    keyPrefix: options.keyPrefix ?? '',
    nat: translator(natMap),
    open: ({ host, port }, own) => new Redis({ ...seeds[0]?.options, ...options, ...own, host, port }),
  }
}

/** A seed as an address; a URL may also carry a password, and TLS. */
function seedAddress(seed: ClusterSeed): Address & { readonly options?: RedisOptions } {
  if (typeof seed === 'object' && seed !== null) return { host: seed.host ?? '127.0.0.1', port: seed.port ?? 6379 }
  const text = typeof seed === 'string' ? seed : ''
  const address = /^rediss?:\/\//.test(text) ? text : `redis://${text}`
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || url.hostname === '') {
    throw invalid(
      `\`cluster\`: a node is given as { host, port } or 'host:port', got ${typeof seed} '${String(seed)}'.`,
    )
  }
  const options: RedisOptions = {}
  if (url.username !== '') options.username = decodeURIComponent(url.username)
  if (url.password !== '') options.password = decodeURIComponent(url.password)
  if (url.protocol === 'rediss:') options.tls = {}
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 6379), options }
}

function invalid(message: string): CacheError {
  return cacheError('CW_OPTION_INVALID', `redis(): ${message}`)
}
