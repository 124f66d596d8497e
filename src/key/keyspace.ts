import { hash } from 'node:crypto'
import type { TypeRegistry } from '../kernel/registered-types'
import { encodeArguments } from './canonical'
import { encodeText } from './text'

/** The most UTF-8 bytes of arguments a key spells out; longer ones stand as a readable beginning and a digest. */
export const longestSpelledKey = 200
const headLength = 48

/** What tells the keys of one cache from all others. */
export interface KeyspaceOptions {
  readonly prefix: string
  readonly cache: string
  /** The layout of entries; part of every entry's key, so that entries of another one are out of sight. */
  readonly version: number
  /** The user's word for the shape of the values, which does the same; a number and its text are one word. */
  readonly shape?: number | string | undefined
}

/**
 * The names under which one cache keeps things in the shared tier. The segments before the brace hold neither colons
 * nor braces of their own, so the number of colons there tells the kinds of key apart whatever users called things:
 *
 * | key | form |
 * |---|---|
 * | entry | `prefix:cache:version:{arguments}`, where the cache has a version `prefix:cache:version.its:{arguments}` |
 * | note of the last write of an entry | the same and `:written`, in the same cluster slot |
 * | marker of tags and clears | `prefix:tag:{name}` |
 * | queue of the writes of a cache | `prefix:queue:{cache}:` and a word |
 * | counter | `prefix:counter` |
 * | what a kind of shared tier needs for itself | `prefix:` and a word |
 */
export interface Keyspace {
  /** The key of an entry, by what `encodeArguments` (and `withPartition`) made of its arguments. */
  entryKey(args: string): string
  /** What every entry key begins with, up to its arguments. */
  readonly entryPrefix: string
  /** A marker, by its name: see tag-names.ts. */
  markerKey(name: string): string
  readonly counterKey: string
  /** What the keys of the cache's queue of writes begin with, in one cluster slot. */
  readonly queueKey: string
  /** What every key begins with, up to a colon; what a kind of shared tier needs for itself stands below it. */
  readonly root: string
}

/** Makes the {@link Keyspace} of one cache. */
export function createKeyspace({ prefix, cache, version, shape }: KeyspaceOptions): Keyspace {
  // Colons in a prefix stay, since people group their keys by them: no key has one kind's form under another's prefix
  // as long as what stands where a marker has `tag` begins with a number. So the user's word follows ours.
  const root = prefix.split(':').map(encodeText).join(':')
  const segment = shape === undefined ? `${version}` : `${version}.${encodeText(String(shape))}`
  const entries = `${root}:${encodeText(cache)}:${segment}:{`
  const markers = `${root}:tag:{`
  const entryKey = (args: string) => `${entries}${bounded(args)}}`
  return {
    entryKey,
    entryPrefix: entries,
    markerKey: (name) => `${markers}${bounded(encodeText(name))}}`,
    counterKey: `${root}:counter`,
    queueKey: `${root}:queue:{${bounded(encodeText(cache))}}`,
    root,
  }
}

/** Arguments as seen by one partition (a tenant, a locale); no partition's arguments can spell another's. */
export function withPartition(partition: unknown, args: string, types: TypeRegistry): string {
  return `${encodeArguments([partition], types)};${args}`
}

function bounded(text: string): string {
  // A UTF-16 unit is at most three bytes, so most texts need no counting.
  if (text.length * 3 <= longestSpelledKey) return text
  if (text.length <= longestSpelledKey && Buffer.byteLength(text) <= longestSpelledKey) return text
  // Half an escape or half a surrogate pair would leave a key that is not readable, or not UTF-8 at all.
  const head = text.slice(0, headLength).replace(/(?:%u?[\dA-F]{0,3}|[\ud800-\udbff])$/, '')
  // `%s` is no escape: no arguments can spell a digest.
  return `${head}%sha256-${hash('sha256', text, 'base64url')}`
}
