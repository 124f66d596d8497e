/** The names of the markers that rule the entries of one cache. */
export interface TagNames {
  /** Every entry carries these: what `clear()` of the manager and of the cache evict. */
  readonly clears: readonly string[]
  /** The marker of the whole cache. */
  readonly all: string
  /** Whether entries can be evicted by what their keys begin with. */
  readonly isHierarchical: boolean
  /**
   * Two markers for each tag: `evictTags` of the manager moves one, that of the cache the other. And, in a hierarchical
   * cache, one for everything the key begins with.
   */
  of(key: string, tags: readonly string[]): readonly string[]
  /** The markers that evicting these tags in this cache alone moves. */
  inCache(tags: readonly string[]): readonly string[]
  /** The marker of all keys that begin with the parts of this one. */
  prefix(key: string): string
}

/** The marker that every entry of every cache carries. */
export const everything = '*'

/** The marker of a tag in whatever cache. */
export function everywhere(tags: readonly string[]): readonly string[] {
  return tags.map((tag) => `${everything}:${tag}`)
}

const none: readonly string[] = Object.freeze([])

/** The encoded keys of fewer parts that this one begins with. Commas within a part stand in brackets. */
function beginnings(key: string): string[] {
  const found: string[] = []
  let depth = 0
  for (let at = 0; at < key.length; at++) {
    const character = key[at]
    if (character === '(' || character === '[') depth++
    else if (character === ')' || character === ']') depth--
    else if (character === ',' && depth === 0) found.push(key.slice(0, at))
  }
  return found
}

export function createTagNames(cache: string, isHierarchical = false): TagNames {
  // No cache name may look like another's tag, or like the marker of everything.
  const name = cache.replace(/[%:*>]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
  const inCache = (tags: readonly string[]): readonly string[] => tags.map((tag) => `${name}:${tag}`)
  const prefix = (key: string): string => `${name}>${key}`
  const ofTags = (tags: readonly string[]): readonly string[] =>
    tags.length === 0 ? none : [...everywhere(tags), ...inCache(tags)]
  return {
    clears: [everything, name],
    all: name,
    inCache,
    isHierarchical,
    of: isHierarchical ? (key, tags) => [...beginnings(key).map(prefix), ...ofTags(tags)] : (_, tags) => ofTags(tags),
    prefix,
  }
}
