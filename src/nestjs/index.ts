/**
 * Caching in NestJS: the manager as a provider, bound to every object that Nest makes.
 *
 * @module
 */

export {
  type CacheManagerEvents,
  type CacheManagerFacade,
  cacheManagerFacade,
  type WrapOptions,
} from './cache-manager-facade'
export { type CachingAsyncOptions, CachingModule } from './caching-module'
export { type CachingHealth, CachingHealthIndicator, type CachingHealthOptions } from './health-indicator'
export { cacheToken, InjectCache, InjectCaching } from './inject'
