import lru = require('lru-cache')

/*
 * An exploration makes managers by the thousand, and lru-cache lays out room for all its entries at once: a hundred
 * thousand in each manager. To be imported before the core.
 */

const Full = lru.LRUCache as unknown as new (options: { readonly max?: number }) => object

class SmallCache extends Full {
  constructor(options: { readonly max?: number }) {
    super(options.max === undefined ? options : { ...options, max: Math.min(options.max, 64) })
  }
}

Object.assign(lru, { LRUCache: SmallCache })
