import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileTo, root } from '../support/compile'

interface Report {
  readonly packages: readonly string[]
  readonly resources: readonly string[]
  readonly anchors: readonly string[]
}

let dist: string

beforeAll(() => {
  dist = mkdtempSync(join(tmpdir(), 'cachewright-dist-'))
  compileTo(dist)
})
afterAll(() => rmSync(dist, { recursive: true, force: true }))

/** Requires an entry in a process of its own, and tells what that loaded and left behind. */
function load(entry: string): Report {
  const script = `
    require(${JSON.stringify(join(dist, entry))})
    const inside = /.*[\\\\/]node_modules[\\\\/]((?:@[^\\\\/]+[\\\\/])?[^\\\\/]+)/
    const packages = Object.keys(require.cache).flatMap((path) => inside.exec(path)?.[1] ?? [])
    const resources = process.getActiveResourcesInfo().filter((name) => !/^(?:Pipe|TTY|File|FSReq)/.test(name))
    const anchors = Object.getOwnPropertySymbols(globalThis).map(String).filter((name) => name.includes('cachewright'))
    process.stdout.write(JSON.stringify({ packages: [...new Set(packages)].sort(), resources, anchors }))
  `
  // The compiled files stand outside the repository, so its packages are pointed out.
  const env = { ...process.env, NODE_PATH: join(root, 'node_modules') }
  // A process that does not end by itself would be one where the import has started something.
  return JSON.parse(
    execFileSync(process.execPath, ['-e', script], { env, encoding: 'utf8', timeout: 20_000 }),
  ) as Report
}

test('the root loads lru-cache and reflect-metadata, and nothing else', () => {
  expect(load('index.js').packages).toEqual(['lru-cache', 'reflect-metadata'])
})

test('the door to Redis loads ioredis', () => {
  const { packages } = load('redis/index.js')
  expect(packages).toContain('ioredis')
  expect(packages.filter((name) => name.startsWith('@nestjs/'))).toEqual([])
})

test('the door to NestJS loads Nest, and no Redis, Terminus or cache-manager', () => {
  const { packages } = load('nestjs/index.js')
  expect(packages).toEqual(expect.arrayContaining(['@nestjs/common', '@nestjs/core']))
  expect(packages.filter((name) => /redis|terminus|cache-manager|keyv|graphql/.test(name))).toEqual([])
})

const bareDoors = ['drizzle', 'express', 'fastify', 'knex', 'prisma', 'testing', 'typeorm'].map(
  (door) => `${door}/index.js`,
)

test.each(bareDoors)('%s loads what the root does, and no ORM, framework or runner', (entry) => {
  expect(load(entry).packages).toEqual(['lru-cache', 'reflect-metadata'])
})

test.each(['index.js', 'redis/index.js', 'nestjs/index.js', ...bareDoors])(
  'nothing happens at import of %s',
  (entry) => {
    const { resources, anchors } = load(entry)
    expect(resources).toEqual([])
    expect(anchors).toEqual([])
  },
)
