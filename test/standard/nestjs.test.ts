import { type INestApplication, Injectable, Module, type Provider, Scope } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Cacheable, CacheManager } from 'cachewright'
import { CachingModule } from 'cachewright/nestjs'

// Nest wants legacy decorators for parameters and routes; a class of another compiler may be a provider all the same.

const open: INestApplication[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()))
})

const start = async (providers: Provider[]): Promise<INestApplication> => {
  class AppModule {}
  Module({ imports: [CachingModule.forRoot()], providers })(AppModule)
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false })
  open.push(app)
  return app.init()
}

test.each<[string, Scope]>([
  ['one for all', Scope.DEFAULT],
  ['one for each request', Scope.REQUEST],
  ['one for each place', Scope.TRANSIENT],
])('a provider under standard decorators uses the manager of its application: %s', async (_, scope) => {
  let calls = 0
  @Injectable({ scope })
  class Rows {
    @Cacheable({ cache: 'rows' })
    async find(id: string): Promise<string> {
      return `row ${id}, load ${++calls}`
    }
  }
  const [one, two] = [await start([Rows]), await start([Rows])]
  expect(await (await one.resolve(Rows)).find('1')).toBe('row 1, load 1')
  expect(await (await one.resolve(Rows)).find('1')).toBe('row 1, load 1')
  expect(await (await two.resolve(Rows)).find('1')).toBe('row 1, load 2')
  expect(one.get(CacheManager).stats().loadSuccesses).toBe(1)
  expect(
    one
      .get(CacheManager)
      .audit()
      .methods.map(({ method }) => method),
  ).toEqual(['Rows.find'])
})
