import {
  type DynamicModule,
  type FactoryProvider,
  type InjectionToken,
  Module,
  type ModuleMetadata,
  type Provider,
} from '@nestjs/common'
import { ModulesContainer } from '@nestjs/core'
import { CacheManager, type CacheOptions, type CachingOptions, cacheError, createCacheManager } from '../index'
import { Binder } from './binder'
import { injectIntoDecorated } from './binding'
import { cacheManagerFacade } from './cache-manager-facade'
import { FeatureCaches, withFeatures } from './feature-caches'
import { CachingHealthIndicator } from './health-indicator'
import { cacheToken } from './inject'
import { Lifecycle } from './lifecycle'

/** Options of {@link CachingModule.forRootAsync}. */
export interface CachingAsyncOptions extends Pick<ModuleMetadata, 'imports'>, Pick<FactoryProvider, 'inject'> {
  /** Makes the options of the manager of what `inject` lists. */
  readonly useFactory: (...dependencies: never[]) => CachingOptions | Promise<CachingOptions>
}

const optionsToken = Symbol('the options of CachingModule')
const featureToken = Symbol('the caches of CachingModule.forFeature()')

/**
 * Caching for an application: one cache manager, made by its injector, bound to every object of the application with
 * decorated methods, ready when the application is, and closed with it. Other applications of the process have theirs.
 */
@Module({})
export class CachingModule {
  /**
   * The module for the root of an application, visible in all of it.
   *
   * @param options those of `createCacheManager`; caches named here can be injected everywhere
   * @throws (when the application starts) CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_OPTIONS_CONTRADICT
   *
   * @example
   * ```ts
   * @Module({ imports: [CachingModule.forRoot({ shared: redis({ url: process.env.REDIS_URL }) })] })
   * export class AppModule {}
   * ```
   */
  static forRoot(options: CachingOptions = {}): DynamicModule {
    return rootModule({ provide: optionsToken, useValue: options }, Object.keys(options?.caches ?? {}), false)
  }

  /**
   * The same with options that are made when the application starts.
   *
   * @throws CW_OPTION_INVALID without `useFactory`
   *
   * @example
   * ```ts
   * CachingModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ shared: redis({ url: config.get('REDIS_URL') }) }),
   * })
   * ```
   */
  static forRootAsync(options: CachingAsyncOptions): DynamicModule {
    if (typeof options?.useFactory !== 'function') {
      throw cacheError(
        'CW_OPTION_INVALID',
        'CachingModule.forRootAsync(): give `useFactory`, a function that returns the options, and in `inject` what it takes.',
      )
    }
    const { imports = [], inject = [], useFactory } = options
    return { ...rootModule({ provide: optionsToken, inject, useFactory }, [], inject.length > 0), imports }
  }

  /**
   * The caches of one module of the application: each can be injected there by `@InjectCache(name)`.
   *
   * @param caches names, or an object with the options of each
   * @throws CW_OPTION_INVALID; (when the application starts) CW_OPTIONS_CONTRADICT if another place gives one of them options
   *
   * @example
   * ```ts
   * @Module({ imports: [CachingModule.forFeature({ products: { ttl: '10m' } })] })
   * export class ProductsModule {}
   * ```
   */
  static forFeature(caches: readonly string[] | Readonly<Record<string, CacheOptions>>): DynamicModule {
    const feature = new FeatureCaches(caches)
    const providers = [...feature.options.keys()].map(cacheProvider)
    return {
      module: CachingFeature,
      providers: [{ provide: featureToken, useValue: feature }, ...providers],
      exports: providers.map(({ provide }) => provide),
    }
  }

  /**
   * Gives code that was written for `@nestjs/cache-manager` one of the caches as its `CACHE_MANAGER`, in all of the
   * application; see {@link cacheManagerFacade}.
   *
   * @param cache the name of the cache
   * @param tokens what it is injected by; `Cache` of `@nestjs/cache-manager` may be another
   */
  static forCacheManager(cache: string, tokens: readonly InjectionToken[] = ['CACHE_MANAGER']): DynamicModule {
    const [first, ...others] = tokens
    if (first === undefined) throw cacheError('CW_OPTION_INVALID', 'CachingModule.forCacheManager(): give a token.')
    const facade: Provider = {
      provide: first,
      inject: [CacheManager],
      useFactory: (manager: CacheManager) => cacheManagerFacade(manager.cache(cache)),
    }
    const aliases = others.map((provide): Provider => ({ provide, useExisting: first }))
    return { module: CachingFeature, global: true, providers: [facade, ...aliases], exports: [...tokens] }
  }
}

/** What `forFeature` and `forCacheManager` are modules of; nothing begins or ends with it. */
@Module({})
class CachingFeature {}

function rootModule(options: Provider, names: readonly string[], needsServices: boolean): DynamicModule {
  injectIntoDecorated()
  const caches = names.map(cacheProvider)
  return {
    module: CachingModule,
    global: true,
    providers: [
      options,
      ...(needsServices ? managerLast : managerFirst),
      {
        provide: Lifecycle,
        inject: [CacheManager, ModulesContainer, Binder],
        useFactory: (manager: CacheManager, modules: ModulesContainer, binder: Binder) =>
          new Lifecycle(manager, modules, binder),
      },
      {
        provide: CachingHealthIndicator,
        inject: [CacheManager],
        useFactory: (manager: CacheManager) => new CachingHealthIndicator(manager),
      },
      ...caches,
    ],
    exports: [Binder, CacheManager, CachingHealthIndicator, ...caches.map(({ provide }) => provide)],
  }
}

/** Objects with decorated methods wait for their manager, so that what is called while the application starts is cached. */
const managerFirst: readonly Provider[] = [
  { provide: CacheManager, inject: [optionsToken, ModulesContainer], useFactory: createManager },
  { provide: Binder, inject: [CacheManager], useFactory: (manager: CacheManager) => new Binder(manager) },
]

/**
 * The manager waits for services, any of which may need objects with decorated methods: these must not wait for the
 * manager, and are bound as soon as it is there.
 */
const managerLast: readonly Provider[] = [
  { provide: Binder, useFactory: () => new Binder() },
  {
    provide: CacheManager,
    inject: [optionsToken, ModulesContainer, Binder],
    useFactory: (options: CachingOptions, modules: ModulesContainer, binder: Binder) => {
      const manager = createManager(options, modules)
      binder.use(manager)
      return manager
    },
  },
]

function createManager(options: CachingOptions, modules: ModulesContainer): CacheManager {
  const roots = [...modules.values()].filter(({ providers }) => providers.has(optionsToken))
  if (roots.length > 1) {
    throw cacheError(
      'CW_OPTIONS_CONTRADICT',
      'CachingModule.forRoot() is imported more than once in one application, which has one cache manager. Import it in the root module, and forFeature() in the others.',
    )
  }
  if (typeof options !== 'object' || options === null) {
    throw cacheError(
      'CW_OPTION_INVALID',
      `CachingModule: the options of the manager must be an object, got ${options === null ? 'null' : typeof options}. Does \`useFactory\` return them?`,
    )
  }
  return createCacheManager(withFeatures(options, modules))
}

function cacheProvider(name: string): FactoryProvider {
  return {
    provide: cacheToken(name),
    inject: [CacheManager],
    useFactory: (manager: CacheManager) => manager.cache(name),
  }
}
