import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  forwardRef,
  Get,
  type INestApplication,
  Inject,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestInterceptor,
  type NestMiddleware,
  type OnModuleInit,
  Param,
  type PipeTransform,
  type Provider,
  Scope,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common'
import { LazyModuleLoader, ModuleRef } from '@nestjs/core'
import { Cacheable, CacheKey, CacheManager, type CachingOptions, createCacheManager } from 'cachewright'
import { CachingModule } from 'cachewright/nestjs'
import type { Observable } from 'rxjs'
import { nestApps } from './apps'

// No manager is configured for the process: an object that was not bound rejects with CW_NOT_CONFIGURED.

const apps = nestApps()

let calls: string[]
beforeEach(() => {
  calls = []
})

/** A class of its own for each test, decorated before the module is made. */
function rowsClass(options: { scope?: Scope; durable?: boolean } = {}) {
  @Injectable(options)
  class Rows {
    @Cacheable({ cache: 'rows' })
    async find(id: string): Promise<string> {
      calls.push(id)
      return `row ${id}, load ${calls.length}`
    }
  }
  return Rows
}

const start = (providers: Provider[], options: CachingOptions = {}): Promise<INestApplication> =>
  apps.start({ imports: [CachingModule.forRoot(options)], providers })

const loads = (app: INestApplication): number => app.get(CacheManager).stats().loadSuccesses

describe('an object that Nest makes uses the manager of its application', () => {
  test('if it is a provider', async () => {
    const Rows = rowsClass()
    const app = await start([Rows])
    await app.get(Rows).find('1')
    expect(await app.get(Rows).find('1')).toBe('row 1, load 1')
    expect(loads(app)).toBe(1)
  })

  test('in two applications of one process that share the class, each its own, and one that ends leaves the other alone', async () => {
    const Rows = rowsClass()
    const [one, two] = [await start([Rows]), await start([Rows])]
    await one.get(Rows).find('1')
    expect(await two.get(Rows).find('1')).toBe('row 1, load 2')
    expect(await one.get(Rows).find('1')).toBe('row 1, load 1')
    expect([loads(one), loads(two)]).toEqual([1, 1])
    await one.close()
    expect(await two.get(Rows).find('1')).toBe('row 1, load 2')
    expect(await one.get(Rows).find('1')).toBe('row 1, load 3')
  })

  test('also where a class was defined after the module', async () => {
    const module = CachingModule.forRoot()
    const Rows = rowsClass()
    const app = await apps.start({ imports: [module], providers: [Rows] })
    await app.get(Rows).find('1')
    expect(loads(app)).toBe(1)
  })

  test('if its methods are inherited, and it has injected properties of its own', async () => {
    class Base {
      @Cacheable({ cache: 'rows' })
      async find(id: string): Promise<string> {
        calls.push(id)
        return id
      }
    }
    const name = 'name'
    @Injectable()
    class Single extends Base {
      @Inject(name) readonly name!: string
    }
    @Injectable({ scope: Scope.REQUEST })
    class Scoped extends Base {
      @Inject(name) readonly name!: string
    }
    const app = await start([Single, Scoped, { provide: name, useValue: 'its' }])
    await app.get(Single).find('1')
    const scoped = await app.resolve(Scoped)
    expect(scoped.name).toBe('its')
    await scoped.find('1')
    expect([calls, loads(app)]).toEqual([['1'], 1])
  })

  test('for each request, if its scope is the request', async () => {
    const Rows = rowsClass({ scope: Scope.REQUEST })
    const [one, two] = [await start([Rows]), await start([Rows])]
    const [first, second] = [await one.resolve(Rows), await one.resolve(Rows)]
    expect(first).not.toBe(second)
    await first.find('1')
    expect(await second.find('1')).toBe('row 1, load 1')
    await (await two.resolve(Rows)).find('1')
    expect([loads(one), loads(two)]).toEqual([1, 1])
  })

  test('wherever it is injected, if it is transient', async () => {
    const Rows = rowsClass({ scope: Scope.TRANSIENT })
    const user = (name: string): Provider => ({ provide: name, inject: [Rows], useFactory: (rows: object) => rows })
    const app = await start([Rows, user('a'), user('b')])
    const [a, b] = [app.get<InstanceType<typeof Rows>>('a'), app.get<InstanceType<typeof Rows>>('b')]
    expect(a).not.toBe(b)
    await a.find('1')
    await b.find('1')
    await (await app.resolve(Rows)).find('1')
    expect([calls, loads(app)]).toEqual([['1'], 1])
  })

  test('if it is made by ModuleRef.create, or comes with a module that is loaded later', async () => {
    const Rows = rowsClass()
    const app = await start([])
    await (await app.get(ModuleRef).create(Rows)).find('1')
    const module = await app.get(LazyModuleLoader).load(() => {
      const Late = rowsClass()
      @Module({ providers: [{ provide: 'late', useClass: Late }] })
      class LateModule {}
      return LateModule
    })
    await module.get<InstanceType<typeof Rows>>('late').find('1')
    expect([calls, loads(app)]).toEqual([['1'], 1])
  })

  test('if each of two needs the other first', async () => {
    @Injectable()
    class Hen {
      @Inject(forwardRef(() => Egg)) readonly egg!: { hatch(): Promise<number> }

      @Cacheable({ cache: 'hens' })
      async lay(): Promise<number> {
        return calls.push('lay')
      }
    }
    @Injectable()
    class Egg {
      @Inject(forwardRef(() => Hen)) readonly hen!: Hen

      @Cacheable({ cache: 'eggs' })
      async hatch(): Promise<number> {
        return calls.push('hatch')
      }
    }
    const app = await start([Hen, Egg])
    await app.get(Hen).lay()
    await app.get(Hen).egg.hatch()
    expect(loads(app)).toBe(2)
  })
})

describe('an object that is made by a factory, or is a value', () => {
  test.each(['useFactory', 'useValue'])('is bound before the application is ready: %s', async (how) => {
    const Rows = rowsClass()
    const rows = new Rows()
    const app = await start([
      { provide: 'rows', ...(how === 'useValue' ? { useValue: rows } : { useFactory: () => rows }) },
    ])
    await rows.find('1')
    expect(loads(app)).toBe(1)
  })

  test.each([Scope.REQUEST, Scope.TRANSIENT])('is bound each time it is made (scope %i)', async (scope) => {
    const Rows = rowsClass()
    const factory: Provider = { provide: 'rows', scope, useFactory: async () => new Rows() }
    const [one, two] = [await start([factory]), await start([factory])]
    type Its = InstanceType<typeof Rows>
    const [a, b] = [await one.resolve<Its>('rows'), await one.resolve<Its>('rows')]
    expect(a).not.toBe(b)
    await a.find('1')
    await b.find('1')
    await (await two.resolve<Its>('rows')).find('1')
    expect([calls.length, loads(one), loads(two)]).toEqual([2, 1, 1])
  })

  test('and is transient, is bound where it was injected while the application started', async () => {
    const Rows = rowsClass()
    const app = await start([
      { provide: 'rows', scope: Scope.TRANSIENT, useFactory: () => new Rows() },
      { provide: 'user', inject: ['rows'], useFactory: (rows: object) => ({ rows }) },
    ])
    await app.get<{ rows: InstanceType<typeof Rows> }>('user').rows.find('1')
    expect(loads(app)).toBe(1)
  })

  test('stays with the manager it was bound to by hand', async () => {
    const Rows = rowsClass()
    const own = createCacheManager()
    const app = await start([{ provide: 'rows', useFactory: () => own.bind(new Rows()) }])
    await app.get<InstanceType<typeof Rows>>('rows').find('1')
    expect([own.stats().loadSuccesses, loads(app)]).toEqual([1, 0])
    await own.close()
  })

  test('goes over to the next application when the first has ended', async () => {
    const Rows = rowsClass()
    const value: Provider = { provide: 'rows', useValue: new Rows() }
    const first = await start([value])
    await first.close()
    const second = await start([value])
    await second.get<InstanceType<typeof Rows>>('rows').find('1')
    expect(loads(second)).toBe(1)
  })
})

test('what is called while the application starts is cached already, and waits for options that take their time', async () => {
  const Rows = rowsClass()
  @Injectable()
  class Warm implements OnModuleInit {
    constructor(@Inject(Rows) readonly rows: InstanceType<typeof Rows>) {}

    async onModuleInit(): Promise<void> {
      await this.rows.find('2')
    }
  }
  let give: (options: CachingOptions) => void = () => {}
  const options = new Promise<CachingOptions>((resolve) => {
    give = resolve
  })
  const starting = apps.start({
    imports: [CachingModule.forRootAsync({ useFactory: () => options })],
    providers: [
      Rows,
      Warm,
      { provide: 'first', inject: [Rows], useFactory: (rows: InstanceType<typeof Rows>) => rows.find('1') },
    ],
  })
  await new Promise(setImmediate)
  expect(calls).toEqual([])
  give({})
  const app = await starting
  expect([app.get('first'), calls, loads(app)]).toEqual(['row 1, load 1', ['1', '2'], 2])
})

test('an application without the module makes its objects as ever', async () => {
  const Rows = rowsClass()
  await start([Rows])
  const app = await apps.start({ providers: [Rows] })
  await expect(app.get(Rows).find('1')).rejects.toMatchObject({ code: 'CW_NOT_CONFIGURED' })
})

test('nothing of it shows on the objects', async () => {
  const Rows = rowsClass()
  const app = await start([Rows])
  const rows = app.get(Rows)
  expect([Object.keys(rows), { ...rows }, JSON.stringify(rows)]).toEqual([[], {}, '{}'])
  expect(rows).toEqual(new Rows())
})

test('guards, interceptors, pipes, middleware and controllers are bound, request-scoped ones too', async () => {
  const note = (name: string): Promise<string> => Promise.resolve(void calls.push(name) as never)
  @Injectable()
  class Guard implements CanActivate {
    @Cacheable({ cache: 'guard' })
    async look(): Promise<string> {
      return note('guard')
    }
    async canActivate(_context: ExecutionContext): Promise<boolean> {
      await this.look()
      return true
    }
  }
  @Injectable({ scope: Scope.REQUEST })
  class Interceptor implements NestInterceptor {
    @Cacheable({ cache: 'interceptor' })
    async look(): Promise<string> {
      return note('interceptor')
    }
    async intercept(_context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
      await this.look()
      return next.handle()
    }
  }
  @Injectable()
  class Pipe implements PipeTransform {
    @Cacheable({ cache: 'pipe' })
    async transform(@CacheKey() id: string, _metadata?: unknown): Promise<string> {
      await note('pipe')
      return `piped ${id}`
    }
  }
  @Injectable()
  class Middleware implements NestMiddleware {
    @Cacheable({ cache: 'middleware' })
    async look(): Promise<string> {
      return note('middleware')
    }
    use(_request: unknown, _response: unknown, next: (error?: unknown) => void): void {
      this.look().then(() => next(), next)
    }
  }
  @UseInterceptors(Interceptor)
  @Controller({ path: 'rows', scope: Scope.REQUEST })
  class Rows {
    @UseGuards(Guard)
    @Cacheable({ cache: 'controller' })
    @Get(':id')
    async find(@Param('id', Pipe) id: string): Promise<object> {
      await note('controller')
      return { id }
    }
  }
  @Module({ imports: [CachingModule.forRoot()], controllers: [Rows] })
  class AppModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer.apply(Middleware).forRoutes(Rows)
    }
  }
  const { url } = await apps.listen({ imports: [AppModule] })
  for (let request = 0; request < 2; request++) {
    const response = await fetch(`${url}/rows/1`, { headers: { connection: 'close' } })
    expect([response.status, await response.json()]).toEqual([200, { id: 'piped 1' }])
  }
  expect(calls.toSorted()).toEqual(['controller', 'guard', 'interceptor', 'middleware', 'pipe'])
})
