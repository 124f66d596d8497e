import 'reflect-metadata'
import type { AddressInfo } from 'node:net'
import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  Injectable,
  Module,
  Param,
  Post,
  Query,
  SetMetadata,
  UseGuards,
} from '@nestjs/common'
import { NestFactory, Reflector } from '@nestjs/core'
import { Cacheable, CacheEvict, CacheKey, type CacheManager, createCacheManager } from 'cachewright'

/*
 * Nest keeps what its decorators say as Reflect metadata: on the method's function (routes, guards, roles) and on its
 * place (parameters). A wrapper that loses it makes a route disappear, or, worse, a guard wave everybody through.
 */

let own: CacheManager
const manager = (): CacheManager => own
let address: string
let stop: () => Promise<void>

const Roles = (...roles: string[]) => SetMetadata('roles', roles)

@Injectable()
class RolesGuard implements CanActivate {
  // Named by hand: the compiler of the tests elides types it takes for types only.
  private readonly reflector = new Reflector()

  canActivate(context: ExecutionContext): boolean {
    const roles = this.reflector.get<string[] | undefined>('roles', context.getHandler())
    if (roles === undefined) return true
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>()
    return roles.includes(headers['x-role'] ?? '')
  }
}

const calls: string[] = []

@UseGuards(RolesGuard)
@Controller('rows')
class RowsController {
  @Get('above/:id')
  @Roles('admin')
  @Cacheable({ manager, cache: 'above' })
  async above(@Param('id') id: string): Promise<object> {
    calls.push(`above ${id}`)
    return { id, number: calls.length }
  }

  @Cacheable({ manager, cache: 'below' })
  @Roles('admin')
  @Get('below/:id')
  async below(@Param('id') id: string): Promise<object> {
    calls.push(`below ${id}`)
    return { id, number: calls.length }
  }

  @CacheEvict({ manager, cache: 'lists', allEntries: true })
  @Get('between/:id')
  @Cacheable({ manager, cache: 'between' })
  @Roles('admin')
  async between(@Param('id') @CacheKey() id: string, @Query('trace') trace?: string): Promise<object> {
    calls.push(`between ${id} ${trace}`)
    return { id, number: calls.length }
  }

  @CacheEvict({ manager, cache: 'above', key: (id: string) => id })
  @Roles('admin')
  @HttpCode(202)
  @Post('touch/:id')
  async touch(@Param('id') id: string, @Body() body: { word: string }): Promise<object> {
    calls.push(`touch ${id} ${body.word}`)
    return { id }
  }

  @Get('open/:id')
  @Cacheable({ manager, cache: 'open' })
  async open(@Param('id') id: string): Promise<object> {
    calls.push(`open ${id}`)
    return { id }
  }
}

@Module({ controllers: [RowsController], providers: [RolesGuard] })
class AppModule {}

beforeAll(async () => {
  own = createCacheManager()
  const app = await NestFactory.create(AppModule, { logger: false })
  await app.listen(0, '127.0.0.1')
  const { port } = app.getHttpServer().address() as AddressInfo
  address = `http://127.0.0.1:${port}/rows`
  stop = async () => {
    await app.close()
    await own.close()
  }
})
afterAll(() => stop())
beforeEach(async () => {
  calls.length = 0
  await own.clear()
})

const request = (path: string, role?: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${address}/${path}`, {
    ...init,
    headers: {
      connection: 'close',
      'content-type': 'application/json',
      ...(role === undefined ? {} : { 'x-role': role }),
    },
  })

describe.each(['above', 'below', 'between'])('a guarded route, cached, with its decorators %s', (path) => {
  test('is still guarded, before and after its answer is cached', async () => {
    expect((await request(`${path}/1`)).status).toBe(403)
    expect(calls).toEqual([])
    expect((await request(`${path}/1`, 'admin')).status).toBe(200)
    expect((await request(`${path}/1`)).status).toBe(403)
    expect((await request(`${path}/1`, 'guest')).status).toBe(403)
  })

  test('is called once for one parameter, and again for another', async () => {
    const first = await (await request(`${path}/1`, 'admin')).json()
    expect(first).toEqual({ id: '1', number: 1 })
    expect(await (await request(`${path}/1`, 'admin')).json()).toEqual(first)
    expect(await (await request(`${path}/2`, 'admin')).json()).toEqual({ id: '2', number: 2 })
    expect(calls).toHaveLength(2)
  })
})

test('@CacheKey beside @Param makes the key of that parameter alone', async () => {
  await request('between/1?trace=a', 'admin')
  await request('between/1?trace=b', 'admin')
  expect(calls).toEqual(['between 1 a'])
})

test('an evicting route keeps its guard, its status code and its body, and evicts', async () => {
  const body = JSON.stringify({ word: 'hello' })
  await request('above/1', 'admin')
  expect((await request('touch/1', undefined, { method: 'POST', body })).status).toBe(403)
  await request('above/1', 'admin')
  expect(calls).toEqual(['above 1'])
  expect((await request('touch/1', 'admin', { method: 'POST', body })).status).toBe(202)
  await request('above/1', 'admin')
  expect(calls).toEqual(['above 1', 'touch 1 hello', 'above 1'])
})

test('a route without roles is open, and cached', async () => {
  expect((await request('open/1')).status).toBe(200)
  expect((await request('open/1')).status).toBe(200)
  expect(calls).toEqual(['open 1'])
})
