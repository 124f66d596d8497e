/** The names of the markers that rule the entries of one cache. */
export interface TagNames {
  /** Every entry carries these: what `clear()` of the manager and of the cache evict. */
  readonly clears: readonly string[]
  /** The marker of the whole cache. */
  readonly all: string
  /** Two markers for each tag: `evictTags` of the manager moves one, that of the cache the other. */
  of(tags: readonly string[]): readonly string[]
  /** The markers that evicting these tags in this cache alone moves. */
  inCache(tags: readonly string[]): readonly string[]
}

/** The marker that every entry of every cache carries. */
export const everything = '*'

/** The marker of a tag in whatever cache. */
export function everywhere(tags: readonly string[]): readonly string[] {
  return tags.map((tag) => `${everything}:${tag}`)
}

const none: readonly string[] = Object.freeze([])

export function createTagNames(cache: string): TagNames {
  // No cache name may look like another's tag, or like the marker of everything.
  const name = cache.replace(/[%:*]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
  const inCache = (tags: readonly string[]): readonly string[] => tags.map((tag) => `${name}:${tag}`)
  return {
    clears: [everything, name],
    all: name,
    inCache,
    of: (tags) => (tags.length === 0 ? none : [...everywhere(tags), ...inCache(tags)]),
  }
}
