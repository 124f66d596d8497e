import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transform } from '@swc/core'
import { pack, project, run } from '../../../package/workshop'
import { type RedisServer, startRedis } from '../../../support/redis-server'

// Three versions of Nest from the registry, each with the GraphQL, Terminus and Fastify that belong to it.
jest.setTimeout(180_000)

const majors = {
  10: { graphql: '12', mercurius: '14', terminus: '11' },
  11: { graphql: '13', mercurius: '16', terminus: '11' },
  12: { graphql: '14', mercurius: '16', terminus: '12' },
} as const

type Major = keyof typeof majors

let dir: string
let server: RedisServer

const homeOf = (nest: Major): string => join(dir, `nest-${nest}`)

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cachewright-nest-'))
  server = await startRedis()
  const tarball = await pack(dir)
  const install = (nest: Major): Promise<string> => {
    const { graphql, mercurius, terminus } = majors[nest]
    return project(homeOf(nest), {
      cachewright: `file:${tarball}`,
      '@nestjs/common': `${nest}`,
      '@nestjs/core': `${nest}`,
      '@nestjs/platform-fastify': `${nest}`,
      '@nestjs/graphql': graphql,
      '@nestjs/mercurius': graphql,
      '@nestjs/terminus': terminus,
      mercurius,
      graphql: '16',
      'reflect-metadata': '0.2',
      rxjs: '7',
    })
  }
  await Promise.all([install(10), install(11), install(12)])
})
afterAll(async () => {
  await server?.stop()
  if (dir !== undefined) await rm(dir, { recursive: true, force: true })
})

const seen = 'seen 1 of lamps, product 1'
const row = [{ id: '1' }, seen, 'seen', 'made']
const product = { data: { product: { id: '7', name: 'product 7' } } }
const loadsOfRow = ['find 1', 'look 1', 'name of 1', 'transient', 'made']
const loadsOfProduct = ['query 7', 'find 7', 'field 7', 'name of 7']

// From 12 on Nest is made of ES modules, and both kinds of programs can load it.
test.each<[Major, 'commonjs' | 'es6']>([
  [10, 'commonjs'],
  [11, 'commonjs'],
  [12, 'es6'],
  [12, 'commonjs'],
])('a service on Nest %i, in %s, is cached, guarded and healthy, and ends by itself', async (nest, type) => {
  const home = homeOf(nest)
  const source = await readFile(join(__dirname, 'service.program.mjs'), 'utf8')
  const { code } = await transform(source, {
    jsc: {
      target: 'es2022',
      // No types in it; but a decorator before a parameter is TypeScript.
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
    module: { type },
  })
  const program = join(home, type === 'es6' ? 'service.mjs' : 'service.cjs')
  await writeFile(program, code)
  await server.command('FLUSHALL')
  const said = await run(home, process.execPath, [program], { REDIS_URL: server.url })
  const { calls, nest: version, ...answers } = JSON.parse(said.trim().split('\n').at(-1)!)
  expect(version).toMatch(new RegExp(`^${nest}\\.`))
  expect(answers).toEqual({
    guarded: 403,
    first: [200, row],
    again: [200, row],
    'guarded still': 403,
    evicted: [200, [{ id: '1' }, seen, 'made']],
    'the other application': [200, row],
    graphql: [200, product],
    'graphql again': [200, product],
    'graphql of the other': [200, product],
    healthy: 200,
    injected: true,
    closed: [true, false],
  })
  expect(calls).toEqual({
    guarded: [],
    first: loadsOfRow,
    again: [],
    'guarded still': [],
    evicted: ['touch 1', 'find 1'],
    'the other application': loadsOfRow,
    graphql: loadsOfProduct,
    'graphql again': [],
    'graphql of the other': loadsOfProduct,
    healthy: [],
  })
})
