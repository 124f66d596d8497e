import type { KeyNames } from '../cache/key-names'
import type { TagMarkers } from '../cache/tag-markers'
import type { TieredCache } from '../cache/tiered-cache'
import type { InvalidationListener } from '../coherence/invalidation-feed'

/** A cache as what the feed tells has to find it. */
export interface Routed {
  readonly cache: string
  readonly tiers: TieredCache
  readonly keys: KeyNames
  /** Where the marker stands that clearing the cache moves. */
  readonly clearKey: string
}

/** Takes what the feed tells of keys of the shared tier to the caches and markers they belong to. */
export class InvalidationRouter implements InvalidationListener {
  readonly #byPrefix = new Map<string, Routed>()
  readonly #byClearKey = new Map<string, Routed>()
  readonly #markers: () => TagMarkers
  readonly #keys: { readonly counter: string; readonly everything: string }

  /** @param keys of the tag counter, and of the marker that clearing the manager moves */
  constructor(keys: { readonly counter: string; readonly everything: string }, markers: () => TagMarkers) {
    this.#keys = keys
    this.#markers = markers
  }

  add(entryPrefix: string, routed: Routed): void {
    this.#byPrefix.set(entryPrefix, routed)
    this.#byClearKey.set(routed.clearKey, routed)
  }

  /** The cache that a key of the shared tier belongs to; undefined for tags and what else belongs to none. */
  cacheOf(key: string | undefined): string | undefined {
    return key === undefined ? undefined : this.#routedTo(key)?.cache
  }

  invalidated(keys: readonly string[]): void {
    for (const key of keys) this.#invalidate(key)
  }

  gap(): void {
    this.#markers().forget()
    for (const { tiers } of this.#byPrefix.values()) tiers.changedAll()
  }

  #routedTo(key: string): Routed | undefined {
    return this.#byPrefix.get(key.slice(0, key.indexOf('{') + 1))
  }

  #invalidate(key: string): void {
    const routed = this.#routedTo(key)
    if (routed !== undefined) {
      const beside = routed.keys.besideShared(key)
      if (beside !== undefined) routed.tiers.stir(beside)
      const its = routed.keys.fromShared(key)
      if (its === undefined) routed.tiers.changedAll()
      else routed.tiers.changed(its)
      return
    }
    this.#markers().invalidated(key)
    // A local hit asks for the markers of its tags, but not for those of clears.
    if (key === this.#keys.counter) this.#markers().counterMoved()
    else if (key === this.#keys.everything) for (const { tiers } of this.#byPrefix.values()) tiers.changedAll()
    else this.#byClearKey.get(key)?.tiers.changedAll()
  }
}
