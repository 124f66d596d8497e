import { CacheManager } from './cache-manager'
import type { CachingOptions } from './caching-options'
import { setConfigured } from './configured'

/**
 * Makes the cache manager of this process; decorated methods find it by themselves. Without options it is a good cache
 * in this process's memory. Connects in the background; await `ready()` to know that everything stands.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 */
export function configureCaching(options: CachingOptions = {}): CacheManager {
  const manager = new CacheManager(options, 'configureCaching()')
  setConfigured(manager)
  return manager
}

/**
 * Makes a cache manager that decorated methods use only where they are told to: by `manager.bind(instance)` or the
 * operation's `manager` option.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 */
export function createCacheManager(options: CachingOptions = {}): CacheManager {
  return new CacheManager(options, 'createCacheManager()')
}
