import type { Cache as NestCache } from '@nestjs/cache-manager'
import type { HealthIndicatorFunction, HealthIndicatorResult } from '@nestjs/terminus'
import type { Cache as CacheManagerCache } from 'cache-manager'
import { type Cache, createCacheManager, isDecoratedClass, onDecoratedClass } from 'cachewright'
import {
  type CacheManagerFacade,
  type CachingHealthIndicator,
  CachingModule,
  cacheManagerFacade,
  InjectCache,
  InjectCaching,
} from 'cachewright/nestjs'

/* What the compiler must accept and refuse of the door to NestJS. Compiled, never run. */

declare const health: CachingHealthIndicator
declare const facade: CacheManagerFacade

class ConfigService {
  constructor(readonly url: string) {}
}

export function accepted(): void {
  CachingModule.forRoot()
  CachingModule.forRoot({ prefix: 'shop', caches: { products: { ttl: '10m' } } })
  CachingModule.forRootAsync({
    inject: [ConfigService],
    useFactory: async (config: ConfigService) => ({ prefix: config.url }),
  })
  CachingModule.forRootAsync({ useFactory: () => ({}) })
  CachingModule.forFeature(['products', 'prices'])
  CachingModule.forFeature({ products: { ttl: '10m', local: false } })
  CachingModule.forCacheManager('old', ['CACHE_MANAGER', ConfigService])
}

// What is injected by the tokens of cache-manager is of its types.
export const asCacheManager: CacheManagerCache = cacheManagerFacade(createCacheManager().cache('old'))
export const asNestCache: NestCache = facade

export const check: HealthIndicatorFunction = () => health.isHealthy('redis', { requireShared: true })
export const named: Promise<HealthIndicatorResult<'redis'>> = health.isHealthy('redis')

export class Shop {
  @InjectCaching() readonly caching!: object

  constructor(@InjectCache('products') readonly products: Cache<string>) {}
}

export async function containers(): Promise<void> {
  const manager = createCacheManager()
  const isBound: boolean = manager.adopt({}) && manager.adopt(null)
  const took: number | undefined = await manager.ping()
  const left: number | undefined = await manager.cache('products').ttl(['a', 1])
  onDecoratedClass((owner) => isDecoratedClass(owner))
  void [isBound, took, left]
}

export function refused(): void {
  // @ts-expect-error: there is no such option
  CachingModule.forRoot({ prefxi: 'shop' })
  // @ts-expect-error: a factory is needed
  CachingModule.forRootAsync({ inject: [ConfigService] })
  // @ts-expect-error: the factory returns no options
  CachingModule.forRootAsync({ useFactory: () => 7 })
  // @ts-expect-error: a ttl of no unit
  CachingModule.forFeature({ products: { ttl: '10 minutes' } })
  // @ts-expect-error: one name is a list too
  CachingModule.forFeature('products')
  // @ts-expect-error: caches have names
  InjectCache()
}
