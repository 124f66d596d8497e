/** The key space: small, so that processes meet, with keys that are written often and keys that hardly ever are. */
export const cacheSizes = { items: 18, plain: 10, brief: 4 } as const

export type CacheName = keyof typeof cacheSizes

export const cacheNames = Object.keys(cacheSizes) as CacheName[]

/** Keys of a tag: every third. */
export const groups = 3

export function nameOf(cache: CacheName, id: number): string {
  return `${cache}/${id}`
}

export function keysOf(cache: CacheName): string[] {
  return Array.from({ length: cacheSizes[cache] }, (_, id) => nameOf(cache, id))
}

export const allKeys: readonly string[] = cacheNames.flatMap(keysOf)

/** The tag its value carries; `plain` carries none. */
export function tagOf(cache: CacheName, id: number): string | undefined {
  return cache === 'plain' ? undefined : `g${id % groups}`
}

/** What a tag evict removes. */
export function carriersOf(cache: CacheName, tag: string): string[] {
  return keysOf(cache).filter((_, id) => tagOf(cache, id) === tag)
}
