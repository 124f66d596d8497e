import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Headers,
  HttpCode,
  Inject,
  Injectable,
  type NestInterceptor,
  Param,
  ParseIntPipe,
  Post,
  Scope,
  SetMetadata,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common'
import { REQUEST, Reflector } from '@nestjs/core'
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus'
import { Cacheable, CacheEvict, CacheKey, type CacheManager, detect } from 'cachewright'
import { CachingHealthIndicator, CachingModule, InjectCaching } from 'cachewright/nestjs'
import { redis } from 'cachewright/redis'
import { map, type Observable } from 'rxjs'
import { eventually } from '../../support/eventually'
import { type RedisServer, startRedis } from '../../support/redis-server'
import { startProxy } from '../../support/tcp-proxy'
import { nestApps } from './apps'

const apps = nestApps()

const ask = async (url: string, init: RequestInit = {}): Promise<[number, unknown]> => {
  const response = await fetch(url, { ...init, headers: { ...init.headers, connection: 'close' } })
  return [response.status, await response.json()]
}

describe('a controller whose handlers are cached', () => {
  let calls: string[]
  beforeEach(() => {
    calls = []
  })

  @Injectable()
  class RolesGuard implements CanActivate {
    constructor(@Inject(Reflector) readonly reflector: Reflector) {}

    canActivate(context: ExecutionContext): boolean {
      const role = this.reflector.get<string | undefined>('role', context.getHandler())
      const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>()
      return role === undefined || headers['x-role'] === role
    }
  }

  @Injectable()
  class Wrapped implements NestInterceptor {
    intercept(_context: ExecutionContext, next: CallHandler<object>): Observable<object> {
      return next.handle().pipe(map((row) => ({ row, at: calls.length })))
    }
  }

  /** Who asks, for each request. */
  @Injectable({ scope: Scope.REQUEST })
  class Who {
    constructor(@Inject(REQUEST) readonly request: { headers: Record<string, string | undefined> }) {}

    get user(): string {
      return this.request.headers['x-user'] ?? 'nobody'
    }
  }

  @UseGuards(RolesGuard)
  @UseInterceptors(Wrapped)
  @Controller('rows')
  class Rows {
    @Get(':id')
    @SetMetadata('role', 'reader')
    @Cacheable({ cache: 'rows' })
    async find(@Param('id', ParseIntPipe) @CacheKey() id: number): Promise<object> {
      calls.push(`find ${id}`)
      return { id }
    }

    @CacheEvict({ cache: 'rows', key: (id: number) => id })
    @SetMetadata('role', 'writer')
    @HttpCode(202)
    @Post(':id')
    async save(@Param('id', ParseIntPipe) id: number): Promise<object> {
      calls.push(`save ${id}`)
      return { id }
    }
  }

  @Controller('mine')
  class Mine {
    constructor(@Inject(Who) readonly who: Who) {}

    @Get()
    @Cacheable({ cache: 'mine' })
    async find(@Headers('x-user') user: string): Promise<object> {
      calls.push(`mine of ${this.who.user}`)
      return { user }
    }
  }

  const start = () => apps.listen({ imports: [CachingModule.forRoot()], controllers: [Rows, Mine], providers: [Who] })
  const as = (role: string, init: RequestInit = {}): RequestInit => ({ ...init, headers: { 'x-role': role } })

  test('keeps guards, pipes, interceptors, route metadata and status codes', async () => {
    const { url } = await start()
    expect((await ask(`${url}/rows/1`))[0]).toBe(403)
    expect(await ask(`${url}/rows/1`, as('reader'))).toEqual([200, { row: { id: 1 }, at: 1 }])
    expect(await ask(`${url}/rows/1`, as('reader'))).toEqual([200, { row: { id: 1 }, at: 1 }])
    expect((await ask(`${url}/rows/1`))[0]).toBe(403)
    expect((await ask(`${url}/rows/one`, as('reader')))[0]).toBe(400)
    expect((await ask(`${url}/rows/1`, as('reader', { method: 'POST' })))[0]).toBe(403)
    expect(await ask(`${url}/rows/1`, as('writer', { method: 'POST' }))).toEqual([202, { row: { id: 1 }, at: 2 }])
    await ask(`${url}/rows/1`, as('reader'))
    expect(calls).toEqual(['find 1', 'save 1', 'find 1'])
  })

  test('is made for each request where it needs the request, and cached all the same', async () => {
    const { url } = await start()
    const of = (user: string) => ask(`${url}/mine`, { headers: { 'x-user': user } })
    expect(await of('ada')).toEqual([200, { user: 'ada' }])
    expect(await of('bob')).toEqual([200, { user: 'bob' }])
    expect(await of('ada')).toEqual([200, { user: 'ada' }])
    expect(calls).toEqual(['mine of ada', 'mine of bob'])
  })

  test('is served by the caches of its own application, where two listen in one process', async () => {
    const [one, two] = [await start(), await start()]
    for (const { url } of [one, two, one, two]) await ask(`${url}/rows/1`, as('reader'))
    expect(calls).toEqual(['find 1', 'find 1'])
    await ask(`${one.url}/rows/1`, as('writer', { method: 'POST' }))
    calls.length = 0
    for (const { url } of [one, two]) await ask(`${url}/rows/1`, as('reader'))
    expect(calls).toEqual(['find 1'])
  })

  test('can be asked what served a request', async () => {
    const { app } = await start()
    const rows = app.get(Rows)
    await rows.find(1)
    expect((await detect(() => rows.find(1))).reads).toMatchObject([{ cache: 'rows', from: 'local' }])
  })
})

describe('the health check', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  @Controller('health')
  class Health {
    constructor(
      @Inject(HealthCheckService) readonly health: HealthCheckService,
      @Inject(CachingHealthIndicator) readonly indicator: CachingHealthIndicator,
      @InjectCaching() readonly caching: CacheManager,
    ) {}

    @Get()
    @HealthCheck()
    check(): Promise<unknown> {
      return this.health.check([() => this.indicator.isHealthy()])
    }

    @Get('strict')
    @HealthCheck()
    strict(): Promise<unknown> {
      return this.health.check([() => this.indicator.isHealthy('redis', { requireShared: true })])
    }
  }

  const start = (url?: string) =>
    apps.listen({
      imports: [
        CachingModule.forRoot(url === undefined ? {} : { shared: redis({ url, commandTimeout: '100ms' }) }),
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [Health],
    })

  test('is up without a shared tier', async () => {
    const { url } = await start()
    const up = { status: 'up', shared: 'none', deferredEvictions: 0 }
    expect(await ask(`${url}/health`)).toMatchObject([200, { status: 'ok', details: { cache: up } }])
    expect(await ask(`${url}/health/strict`)).toMatchObject([200, { status: 'ok', details: { redis: up } }])
  })

  test('says whether Redis answers; the service is down without it only where that was asked for', async () => {
    const proxy = await startProxy(server.port)
    const { url, app } = await start(proxy.url)
    const up = { status: 'up', shared: 'connected', latencyMs: expect.any(Number), deferredEvictions: 0 }
    expect(await ask(`${url}/health`)).toMatchObject([200, { info: { cache: up }, error: {} }])
    expect(await ask(`${url}/health/strict`)).toMatchObject([200, { info: { redis: up }, error: {} }])
    await proxy.close()
    await app.get(Health).caching.cache('rows').evict('1')
    const away = { shared: 'away', deferredEvictions: 1, message: expect.stringMatching(/\S/) }
    expect(await ask(`${url}/health`)).toMatchObject([200, { info: { cache: { status: 'up', ...away } } }])
    expect(await ask(`${url}/health/strict`)).toMatchObject([503, { error: { redis: { status: 'down', ...away } } }])
  })

  test('notices a server that has fallen silent, and that it answers again', async () => {
    const proxy = await startProxy(server.port)
    const { url } = await start(proxy.url)
    const statusOf = async () => (await ask(`${url}/health/strict`))[0]
    expect(await statusOf()).toBe(200)
    proxy.hold()
    await eventually(async () => (await statusOf()) === 503, { what: 'the check is down' })
    proxy.release()
    await eventually(async () => (await statusOf()) === 200, { what: 'the check is up again' })
    await proxy.close()
  })

  test('is down when the manager is closed', async () => {
    const { url, app } = await start()
    await app.get(Health).caching.close()
    expect(await ask(`${url}/health`)).toMatchObject([503, { error: { cache: { status: 'down' } } }])
  })
})
