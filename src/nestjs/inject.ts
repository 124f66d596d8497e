import { Inject } from '@nestjs/common'
import { CacheManager, cacheError } from '../index'

/** The injection token of a cache, for `inject` of a factory and for `overrideProvider`. @throws CW_OPTION_INVALID */
export function cacheToken(name: string): string {
  if (typeof name !== 'string' || name === '') {
    throw cacheError(
      'CW_OPTION_INVALID',
      `@InjectCache(): give the name of a cache, got ${name === '' ? "''" : typeof name}.`,
    )
  }
  // Nest shows the token where it does not find the provider, so it says where that comes from.
  return `the cache '${name}' of CachingModule.forFeature(['${name}'])`
}

/**
 * Injects the cache of this name. It is there where the module imports `CachingModule.forFeature(['products'])`, and
 * everywhere if the options of `forRoot` name it in `caches`.
 *
 * @throws CW_OPTION_INVALID
 *
 * @example
 * ```ts
 * constructor(@InjectCache('products') private readonly products: Cache<Product>) {}
 * ```
 */
export function InjectCache(name: string): PropertyDecorator & ParameterDecorator {
  return Inject(cacheToken(name))
}

/** Injects the cache manager of the application; so does a parameter of the type `CacheManager`. */
export function InjectCaching(): PropertyDecorator & ParameterDecorator {
  return Inject(CacheManager)
}
