import 'reflect-metadata'
import { Inject, Injectable, Module, type ModuleMetadata, Scope, type Type } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Test } from '@nestjs/testing'
import {
  type Cache,
  Cacheable,
  CacheManager,
  type CacheOptions,
  type CachingOptions,
  createCacheManager,
  isCacheError,
} from 'cachewright'
import { CachingModule, cacheToken, InjectCache, InjectCaching } from 'cachewright/nestjs'
import { redis } from 'cachewright/redis'
import { eventually } from '../../support/eventually'
import { type RedisServer, startRedis } from '../../support/redis-server'
import { nestApps } from './apps'

const apps = nestApps()

interface Product {
  readonly id: string
}

@Injectable()
class Shop {
  constructor(
    @InjectCache('products') readonly products: Cache<Product>,
    @InjectCaching() readonly caching: CacheManager,
    readonly byType: CacheManager,
  ) {}
}

/** How an application of these parts refuses to start. */
async function refusal(metadata: ModuleMetadata): Promise<{ code: unknown; message: string }> {
  const error: unknown = await apps.start(metadata).then(
    () => 'it started',
    (error: unknown) => error,
  )
  return { code: isCacheError(error) ? error.code : undefined, message: String(error) }
}

describe('forRoot', () => {
  test('makes one manager, and gives the caches it names to whoever asks', async () => {
    const app = await apps.start({
      imports: [CachingModule.forRoot({ caches: { products: { ttl: '10m' } } })],
      providers: [Shop],
    })
    const { products, caching, byType } = app.get(Shop)
    expect(caching).toBeInstanceOf(CacheManager)
    expect(byType).toBe(caching)
    expect(products).toBe(caching.cache('products'))
    await products.put('1', { id: '1' })
    expect(await products.ttl('1')).toBeGreaterThan(9 * 60_000)
  })

  test.each<[string, CachingOptions, string, RegExp]>([
    [
      'an option there is not',
      { prefxi: 'x' } as never,
      'CW_OPTION_UNKNOWN',
      /no option `prefxi`\. Did you mean `prefix`/,
    ],
    ['a wrong option', { maxStaleness: 'soon' as never }, 'CW_OPTION_INVALID', /maxStaleness/],
    ['no object', null as never, 'CW_OPTION_INVALID', /options of the manager must be an object, got null/],
  ])('with %s keeps the application from starting, and says why', async (_, options, code, message) => {
    const refused = await refusal({ imports: [CachingModule.forRoot(options)] })
    expect(refused).toEqual({ code, message: expect.stringMatching(message) })
  })

  test('is refused twice in one application', async () => {
    @Module({ imports: [CachingModule.forRoot({ prefix: 'two' })] })
    class Other {}
    const refused = await refusal({ imports: [CachingModule.forRoot({ prefix: 'one' }), Other] })
    expect(refused).toEqual({ code: 'CW_OPTIONS_CONTRADICT', message: expect.stringContaining('more than once') })
  })

  test('can be replaced in a test by another manager, which is closed with the application', async () => {
    const other = createCacheManager()
    const testing = await Test.createTestingModule({
      imports: [CachingModule.forRoot({ caches: { products: {} } })],
      providers: [Shop],
    })
      .overrideProvider(CacheManager)
      .useValue(other)
      .compile()
    const app = await testing.createNestApplication({ logger: false }).init()
    expect(app.get(Shop).products).toBe(other.cache('products'))
    await app.close()
    expect(other.isClosed).toBe(true)
  })
})

function forModule(provider: Type): Type {
  @Module({ providers: [provider], exports: [provider] })
  class Its {}
  return Its
}

describe('forRootAsync', () => {
  @Injectable()
  class ConfigService {
    get(name: string): Promise<string> {
      return Promise.resolve(`${name} of the configuration`)
    }
  }

  @Module({ providers: [ConfigService], exports: [ConfigService] })
  class ConfigModule {}

  test('takes its options from a service that is injected', async () => {
    const app = await apps.start({
      imports: [
        CachingModule.forRootAsync({
          imports: [ConfigModule],
          inject: [ConfigService],
          useFactory: async (config: ConfigService) => ({ caches: { [await config.get('cache')]: { ttl: 7 } } }),
        }),
      ],
    })
    const cache = app.get(CacheManager).cache('cache of the configuration')
    await cache.put('1', 1)
    expect(await cache.ttl('1')).toBeLessThanOrEqual(7)
  })

  test('may need a service with cached methods of its own, which is bound when the application is ready', async () => {
    const early: unknown[] = []
    @Injectable()
    class Cached {
      @Cacheable({ cache: 'configuration' })
      async get(name: string): Promise<string> {
        return `${name} of the configuration`
      }
    }
    const app = await apps.start({
      imports: [
        CachingModule.forRootAsync({
          imports: [forModule(Cached)],
          inject: [Cached],
          useFactory: async (config: Cached) => {
            await config.get('prefix').catch((error: unknown) => early.push(error))
            return {}
          },
        }),
      ],
    })
    expect(early).toEqual([expect.objectContaining({ code: 'CW_NOT_CONFIGURED' })])
    await app.get(Cached).get('prefix')
    expect(app.get(CacheManager).stats().loadSuccesses).toBe(1)
  })

  test('binds what was made before the manager when that is there: whoever takes both can call at once', async () => {
    @Injectable()
    class Rows {
      @Cacheable({ cache: 'rows' })
      async find(id: string): Promise<string> {
        return `row ${id}`
      }
    }
    const app = await apps.start({
      imports: [
        CachingModule.forRootAsync({ imports: [ConfigModule], inject: [ConfigService], useFactory: async () => ({}) }),
      ],
      providers: [Rows, { provide: 'first', inject: [Rows, CacheManager], useFactory: (rows: Rows) => rows.find('1') }],
    })
    expect(app.get('first')).toBe('row 1')
    expect(app.get(CacheManager).stats().loadSuccesses).toBe(1)
  })

  test('can be replaced in a test, for objects of each request too', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Rows {
      @Cacheable({ cache: 'rows' })
      async find(id: string): Promise<string> {
        return `row ${id}`
      }
    }
    const other = createCacheManager()
    const testing = await Test.createTestingModule({
      imports: [
        CachingModule.forRootAsync({ imports: [ConfigModule], inject: [ConfigService], useFactory: () => ({}) }),
      ],
      providers: [Rows],
    })
      .overrideProvider(CacheManager)
      .useValue(other)
      .compile()
    const app = await testing.createNestApplication({ logger: false }).init()
    await (await app.resolve(Rows)).find('1')
    expect(other.stats().loadSuccesses).toBe(1)
    await app.close()
  })

  test.each<[string, () => never, RegExp]>([
    ['nothing', () => undefined as never, /got undefined. Does `useFactory` return them\?/],
    ['what is no option', () => ({ prefxi: '' }) as never, /prefxi/],
  ])('says that its factory returned %s', async (_, useFactory, message) => {
    const { message: said } = await refusal({ imports: [CachingModule.forRootAsync({ useFactory })] })
    expect(said).toMatch(message)
  })

  test('is refused without a factory', () => {
    for (const options of [undefined, {}, { useClass: Shop }] as never[]) {
      expect(() => CachingModule.forRootAsync(options)).toThrow(/forRootAsync\(\): give `useFactory`/)
    }
  })

  test('ends with the error of the factory', async () => {
    const useFactory = (): never => {
      throw new Error('no configuration')
    }
    expect(await refusal({ imports: [CachingModule.forRootAsync({ useFactory })] })).toEqual({
      code: undefined,
      message: 'Error: no configuration',
    })
  })
})

describe('forFeature', () => {
  const feature = (caches: readonly string[] | Record<string, CacheOptions>, ...providers: never[]) => {
    @Module({ imports: [CachingModule.forFeature(caches)], providers: [Shop, ...providers], exports: [Shop] })
    class Feature {}
    return Feature
  }

  test.each(['before', 'after'])(
    'imported %s the root, gives a module its caches, and the manager their options',
    async (order) => {
      const both = [CachingModule.forRoot({ caches: { prices: { ttl: '1s' } } }), feature({ products: { ttl: '2h' } })]
      const app = await apps.start({ imports: order === 'before' ? both.toReversed() : both })
      const { products, caching } = app.get(Shop)
      await products.put('1', { id: '1' })
      await caching.cache('prices').put('1', 1)
      expect(await products.ttl('1')).toBeGreaterThan(3_600_000)
      expect(await caching.cache('prices').ttl('1')).toBeLessThanOrEqual(1_000)
    },
  )

  test('by names alone leaves the options to another place', async () => {
    const root = CachingModule.forRoot({ caches: { products: { ttl: '2h' } } })
    const app = await apps.start({ imports: [root, feature(['products', 'unheard-of'])] })
    await app.get(Shop).products.put('1', { id: '1' })
    expect(await app.get(Shop).products.ttl('1')).toBeGreaterThan(3_600_000)
  })

  test('is refused options for a cache that has some', async () => {
    const root = CachingModule.forRoot({ caches: { products: { ttl: '2h' } } })
    expect(await refusal({ imports: [root, feature({ products: { ttl: '1h' } })] })).toEqual({
      code: 'CW_OPTIONS_CONTRADICT',
      message: expect.stringContaining("the cache 'products' is given options in two places"),
    })
  })

  test.each([[null], ['products'], [['']], [[7]]])('is refused %p', (caches) => {
    expect(() => CachingModule.forFeature(caches as never)).toThrow(
      expect.objectContaining({ code: 'CW_OPTION_INVALID' }),
    )
  })
})

test('a cache that nobody names is missed with a message that says what to import', async () => {
  const { message } = await refusal({ imports: [CachingModule.forRoot()], providers: [Shop] })
  expect(message).toMatch(/Nest can't resolve dependencies of the Shop/)
  expect(message).toContain("the cache 'products' of CachingModule.forFeature(['products'])")
})

test('@InjectCache without a name is refused where it stands', () => {
  expect(() => InjectCache('')).toThrow(expect.objectContaining({ code: 'CW_OPTION_INVALID' }))
  expect(() => cacheToken(undefined as never)).toThrow(/give the name of a cache, got undefined/)
})

describe('from the start of the application to its end', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  const connections = async (): Promise<number> =>
    String(await server.command('CLIENT', 'LIST'))
      .split('\n')
      .filter((line) => / name=/.test(line)).length - 1

  class Rows {
    @Cacheable({ cache: 'rows' })
    async find(id: string): Promise<string> {
      return `row ${id}`
    }
  }

  test('the manager is connected when the application is ready, outlives its last work, and leaves no connection', async () => {
    const atDestroy: unknown[] = []
    @Injectable()
    class Worker {
      constructor(
        @Inject(Rows) readonly rows: Rows,
        @InjectCaching() readonly caching: CacheManager,
      ) {}

      async beforeApplicationShutdown(): Promise<void> {
        await this.rows.find('1')
        atDestroy.push(this.caching.isClosed, this.caching.stats().hits)
      }
    }
    const app = await apps.start({
      imports: [CachingModule.forRoot({ shared: redis({ url: server.url }) })],
      providers: [Rows, Worker],
    })
    expect(await app.get(CacheManager).ping()).toBeGreaterThanOrEqual(0)
    await app.get(Rows).find('1')
    expect(await connections()).toBe(2)
    await app.close()
    expect(atDestroy).toEqual([false, 1])
    expect(app.get(CacheManager).isClosed).toBe(true)
    await eventually(async () => (await connections()) === 0, { what: 'the connections are closed' })
  })

  test.each([Scope.DEFAULT, Scope.REQUEST])(
    'what ready() finds wrong keeps the application from starting, and no connection stays (scope %i)',
    async (scope) => {
      @Injectable({ scope })
      class Conflict {
        @Cacheable({ cache: 'conflict' })
        async one(id: string): Promise<string> {
          return id
        }
        @Cacheable({ cache: 'conflict' })
        async other(id: string): Promise<string> {
          return id
        }
      }
      const refused = await refusal({
        imports: [CachingModule.forRoot({ shared: redis({ url: server.url }) })],
        providers: [Conflict],
      })
      expect(refused).toEqual({
        code: 'CW_DEFINITION_CONFLICT',
        message: expect.stringContaining("Conflict.one and Conflict.other both read cache 'conflict'"),
      })
      await eventually(async () => (await connections()) === 0, { what: 'the connections are closed' })
      // Another application of the process has nothing to do with them.
      await apps.start({ imports: [CachingModule.forRoot()], providers: [Rows] })
    },
  )

  test('an audit lists the methods of the application, and of no other', async () => {
    class Mine extends Rows {}
    class Theirs {
      @Cacheable({ cache: 'theirs' })
      async find(id: string): Promise<string> {
        return id
      }
    }
    const mine = await apps.start({ imports: [CachingModule.forRoot()], providers: [Mine] })
    const theirs = await apps.start({ imports: [CachingModule.forRoot()], providers: [Theirs] })
    const listed = (app: typeof mine): string[] =>
      app
        .get(CacheManager)
        .audit()
        .methods.map(({ method }) => method)
    expect([listed(mine), listed(theirs)]).toEqual([['Rows.find'], ['Theirs.find']])
  })

  test('a context without HTTP is enough', async () => {
    @Module({ imports: [CachingModule.forRoot()], providers: [Rows] })
    class AppModule {}
    const context = await NestFactory.createApplicationContext(AppModule, { logger: false })
    await context.get(Rows).find('1')
    expect(await context.get(Rows).find('1')).toBe('row 1')
    expect(context.get(CacheManager).stats().hits).toBe(1)
    await context.close()
    expect(context.get(CacheManager).isClosed).toBe(true)
  })
})
