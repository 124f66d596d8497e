import type { Redis, RedisOptions } from 'ioredis'
import type { SharedStoreContext } from '../index'
import { byBroadcast } from './broadcast-feed'
import { Connection } from './connection'
import type { FeedNote } from './feed-note'
import type { Protocol } from './protocol'
import { ServerFeed } from './server-feed'
import { byTracking } from './tracking-feed'

/** What two connections to one server are made with. */
export interface NodeParts {
  readonly open: (options: RedisOptions & { readonly replyMapping: 'legacy' }) => Redis
  /** A client for listening alone. */
  readonly listening: Redis
  /** What the server is, for messages. */
  readonly name: string
  readonly context: SharedStoreContext
  readonly protocol: Protocol
  readonly note: FeedNote
  /** Whether this server has to answer for a key. */
  readonly owns: (key: string) => boolean
  /** A key that this server has to answer for; undefined: there is none now. */
  readonly heartbeatKey: () => string | undefined
  readonly onConnected: (isSameServer: boolean) => void
  /** Told when the server refuses the heartbeat. */
  readonly onRefused?: () => void
}

/** The connections to one server: one to ask by, and one to be told by. */
export function openNode(parts: NodeParts): { readonly connection: Connection; readonly feed: ServerFeed } {
  const {
    open,
    listening,
    name,
    context,
    protocol,
    note,
    owns,
    heartbeatKey,
    onConnected,
    onRefused = () => {},
  } = parts
  const { clock, listener, maxStalenessMs, commandTimeoutMs, onCircuit } = context
  const { scripts, feedKey } = protocol
  const holdsNote = (): boolean => owns(feedKey)
  const connection = new Connection({
    open,
    clock,
    name,
    scripts,
    note,
    holdsNote,
    commandTimeoutMs,
    onConnected,
    onCircuit,
  })
  const feed = new ServerFeed({
    telling: protocol.feed === 'tracking' ? byTracking : byBroadcast(protocol),
    scripts,
    note,
    data: connection,
    listening,
    listener,
    clock,
    maxStalenessMs,
    heartbeatKey,
    holdsNote: () => protocol.feed === 'broadcast' && holdsNote(),
    onRefused,
  })
  return { connection, feed }
}
