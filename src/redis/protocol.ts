import { type SharedStoreContext, uniqueText } from '../index'
import { type FeedKind, type Scripts, scriptsOf } from './scripts'

/** What all connections of a store have in common: its scripts, its names in Redis, and who it is. */
export interface Protocol {
  readonly feed: FeedKind
  readonly scripts: Scripts
  /** What tells writes of this process from those of others. */
  readonly writer: string
  /** What clients put in front of every key. */
  readonly keyPrefix: string
  /** What every key begins with, behind the prefix of the client. */
  readonly root: string
  readonly counterKey: string
  /** Where the processes of a prefix note which feed they use. */
  readonly feedKey: string
  /** Where changes are told, with the prefix of the client, which it puts in front of keys alone. */
  readonly channel: string
  /** The last arguments of every script: who tells, and where; none where the server tells. */
  readonly telling: readonly string[]
}

/** Decides a {@link Protocol} for the keys of a manager. */
export function protocolOf(feed: FeedKind, { root, counterKey }: SharedStoreContext, keyPrefix: string): Protocol {
  const writer = uniqueText()
  const channel = `${keyPrefix}${root}:changes`
  return {
    feed,
    scripts: scriptsOf(feed),
    writer,
    keyPrefix,
    root,
    counterKey,
    feedKey: `${root}:feed`,
    channel,
    telling: feed === 'broadcast' ? [channel, writer] : [],
  }
}
