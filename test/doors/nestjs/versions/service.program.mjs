import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import 'reflect-metadata'
import { Controller, Get, Inject, Injectable, Module, Param, Scope, UseGuards } from '@nestjs/common'
import { NestFactory, REQUEST } from '@nestjs/core'
import { Args, Field, GraphQLModule, ID, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql'
import { MercuriusDriver } from '@nestjs/mercurius'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus'
import { Cacheable, CacheEvict, CacheKey, CacheManager } from 'cachewright'
import { CachingHealthIndicator, CachingModule, InjectCache } from 'cachewright/nestjs'
import { redis } from 'cachewright/redis'

/*
 * A service that is run on each version of Nest in a process of its own, over Fastify: what it prints must be the same,
 * and it must end by itself.
 */

const calls = []

@ObjectType()
class Product {
  @Field(() => ID)
  id

  @Field(() => String)
  name
}

class Repository {
  @Cacheable({ cache: 'names' })
  async nameOf(id) {
    calls.push(`name of ${id}`)
    return `product ${id}`
  }
}

@Injectable()
class Products extends Repository {
  constructor(@InjectCache('products') cache) {
    super()
    this.cache = cache
  }

  @Cacheable({ cache: 'products' })
  async find(id) {
    calls.push(`find ${id}`)
    return { id }
  }

  @CacheEvict({ cache: 'products' })
  async touch(id) {
    calls.push(`touch ${id}`)
  }
}

@Injectable({ scope: Scope.REQUEST })
class Flavoured extends Repository {
  // Of its own, so that it does not inherit the list of what is injected.
  @Inject('flavour')
  flavour
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  constructor(@Inject(REQUEST) request, @Inject(Flavoured) flavoured) {
    Object.assign(this, { request, flavoured })
  }

  @Cacheable({ cache: 'per-request' })
  async look(id) {
    calls.push(`look ${id}`)
    return `seen ${id} of ${this.flavoured.flavour}, ${await this.flavoured.nameOf(id)}`
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient {
  @Cacheable({ cache: 'transient' })
  async look() {
    calls.push('transient')
    return 'seen'
  }
}

class Made {
  @Cacheable({ cache: 'made' })
  async look() {
    calls.push('made')
    return 'made'
  }
}

class Guard {
  canActivate(context) {
    return context.switchToHttp().getRequest().headers['x-key'] === 'open'
  }
}

@Controller('products')
class ProductsController {
  constructor(
    @Inject(Products) products,
    @Inject(PerRequest) perRequest,
    @Inject(Transient) transient,
    @Inject('made') made,
  ) {
    Object.assign(this, { products, perRequest, transient, made })
  }

  @UseGuards(Guard)
  @Cacheable({ cache: 'answers' })
  @Get(':id')
  async find(@Param('id') @CacheKey() id) {
    const parts = [await this.products.find(id), await this.perRequest.look(id)]
    return [...parts, await this.transient.look(), await this.made.look()]
  }

  @Get(':id/fresh')
  async fresh(@Param('id') id) {
    await this.products.touch(id)
    return [await this.products.find(id), await this.perRequest.look(id), await this.made.look()]
  }
}

@Resolver(() => Product)
class ProductsResolver {
  constructor(@Inject(Products) products) {
    this.products = products
  }

  @Query(() => Product)
  @Cacheable({ cache: 'queries' })
  async product(@Args('id', { type: () => ID }) id) {
    calls.push(`query ${id}`)
    return this.products.find(id)
  }

  @Cacheable({ cache: 'fields', key: ({ id }) => id })
  @ResolveField(() => String)
  async name(@Parent() product) {
    calls.push(`field ${product.id}`)
    return this.products.nameOf(product.id)
  }
}

@Controller('health')
class Health {
  constructor(@Inject(HealthCheckService) health, @Inject(CachingHealthIndicator) indicator) {
    Object.assign(this, { health, indicator })
  }

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.indicator.isHealthy('redis', { requireShared: true })])
  }
}

@Module({ providers: [{ provide: 'redis url', useValue: process.env.REDIS_URL }], exports: ['redis url'] })
class ConfigModule {}

@Module({
  imports: [CachingModule.forFeature({ products: { ttl: '10m' } })],
  providers: [
    Products,
    Flavoured,
    PerRequest,
    Transient,
    ProductsResolver,
    { provide: 'flavour', useValue: 'lamps' },
    { provide: 'made', scope: Scope.REQUEST, useFactory: () => new Made() },
  ],
  controllers: [ProductsController],
})
class ProductsModule {}

const appOf = (prefix) => {
  @Module({
    imports: [
      CachingModule.forRootAsync({
        imports: [ConfigModule],
        inject: ['redis url'],
        useFactory: async (url) => ({ prefix, shared: redis({ url }) }),
      }),
      GraphQLModule.forRoot({ driver: MercuriusDriver, autoSchemaFile: true }),
      TerminusModule.forRoot({ logger: false }),
      ProductsModule,
    ],
    controllers: [Health],
  })
  class AppModule {}
  return NestFactory.create(AppModule, new FastifyAdapter(), { logger: false, abortOnError: false })
}

async function main() {
  const installed = join(process.cwd(), 'node_modules/@nestjs/core/package.json')
  const report = { nest: JSON.parse(readFileSync(installed, 'utf8')).version, calls: {} }
  const [one, two] = [await appOf('one'), await appOf('two')]
  for (const app of [one, two]) await app.listen(0, '127.0.0.1')
  const ask = async (app, path, init = {}) => {
    const headers = { ...init.headers, connection: 'close' }
    const response = await fetch((await app.getUrl()) + path, { ...init, headers })
    return [response.status, await response.json()]
  }
  const step = async (name, work) => {
    calls.length = 0
    report[name] = await work()
    report.calls[name] = [...calls]
  }
  const open = { headers: { 'x-key': 'open' } }
  const query = (app) =>
    ask(app, '/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ product(id: "7") { id name } }' }),
    })
  await step('guarded', async () => (await ask(one, '/products/1'))[0])
  await step('first', () => ask(one, '/products/1', open))
  await step('again', () => ask(one, '/products/1', open))
  await step('guarded still', async () => (await ask(one, '/products/1'))[0])
  await step('evicted', () => ask(one, '/products/1/fresh'))
  await step('the other application', () => ask(two, '/products/1', open))
  await step('graphql', () => query(one))
  await step('graphql again', () => query(one))
  await step('graphql of the other', () => query(two))
  await step('healthy', async () => (await ask(one, '/health'))[0])
  report.injected = one.get(Products).cache === one.get(CacheManager).cache('products')
  await one.close()
  report.closed = [one.get(CacheManager).isClosed, two.get(CacheManager).isClosed]
  await two.close()
  console.log(JSON.stringify(report))
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
