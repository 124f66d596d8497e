import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../support/compile'
import { type RedisServer, startRedis } from '../support/redis-server'
import { manifest, nodePackage, pack, project, run } from './workshop'

// The whole of it is a download, several compilers and two more runners of tests.
jest.setTimeout(180_000)

const nodes = { '20.19': '20.19.0', '22': '22', '24': '24' } as const
const compilers = { '5': 'typescript-5', '6': 'typescript', '7': 'typescript-7' } as const

let dir: string
let tarball: string
/** Has this package and nothing else: what is not declared is not there. */
let bare: string
/** Has everything the other consumers need, and a second copy of this package. */
let tools: string
let redis: RedisServer

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cachewright-package-'))
  tarball = await pack(dir)
  const binaries = Object.entries(nodes).map(([name, version]) => [`node-${name}`, `npm:${nodePackage()}@${version}`])
  const everything = {
    cachewright: `file:${tarball}`,
    'cachewright-second': `file:${tarball}`,
    '@swc/core': '1',
    '@swc/jest': '0.2',
    '@types/jest': '30',
    '@types/node': '20',
    jest: '30',
    'ts-jest': '29',
    typescript: '6',
    'typescript-5': 'npm:typescript@5',
    'typescript-7': 'npm:typescript@7',
    ...Object.fromEntries(binaries),
  }
  const started = [
    project(join(dir, 'bare'), { cachewright: `file:${tarball}` }),
    project(join(dir, 'tools'), everything),
    startRedis(),
  ] as const
  ;[bare, tools, redis] = await Promise.all(started)
})

afterAll(async () => {
  await redis?.stop()
  if (dir !== undefined) await rm(dir, { recursive: true, force: true })
})

const lastLine = (output: string): unknown => JSON.parse(output.trim().split('\n').at(-1) as string)

describe('the tarball', () => {
  test('holds what users need and nothing of the workshop', async () => {
    const installed = join(bare, 'node_modules/cachewright')
    expect((await readdir(installed)).toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist',
      'docs',
      'package.json',
      'src',
    ])
    expect(await readdir(join(installed, 'src'), { recursive: true })).toEqual([
      'prometheus',
      'prometheus/dashboard.json',
    ])
    const built = await readdir(join(installed, 'dist'), { recursive: true, withFileTypes: true })
    const names = built.filter((entry) => entry.isFile()).map(({ name }) => name)
    expect(names).toContain('index.js')
    expect(names.filter((name) => !/\.(?:js|d\.ts)$/.test(name))).toEqual([])
  })

  test('brings its dependencies, and only what those bring', async () => {
    const { dependencies } = await manifest()
    const found = await readdir(join(bare, 'node_modules'))
    expect(found).toEqual(expect.arrayContaining(Object.keys(dependencies)))
    const listed = JSON.parse(await run(bare, 'npm', ['ls', '--json'])) as { problems?: string[] }
    expect(listed.problems ?? []).toEqual([])
  })

  test('opens every door, by import and by require, without what is optional', async () => {
    const { exports } = await manifest()
    // The door to Nest is made of Nest's decorators.
    const doors = Object.keys(exports).filter((name) => !name.endsWith('.json') && name !== './nestjs')
    expect(doors.length).toBeGreaterThan(5)
    const names = doors.map((name) => name.replace('.', 'cachewright'))
    const program = `Promise.all(${JSON.stringify(names)}.map(async (name) => {
      const [imported, required] = [await import(name), require(name)]
      if (Object.keys(required).some((key) => imported[key] !== required[key])) throw new Error(name)
    })).then(() => console.log('opened'))`
    expect(await run(bare, process.execPath, ['-e', program])).toBe('opened\n')
  })

  test('pleases publint, strictly', async () => {
    await run(root, 'npx', ['--no-install', 'publint', tarball, '--strict'])
  })

  test('has types that are right for every way to import it from Node 16 on and from bundlers', async () => {
    await run(root, 'npx', ['--no-install', 'attw', tarball, '--profile', 'node16'])
  })
})

describe.each(Object.keys(nodes))('on Node %s', (version) => {
  const node = (program: string): Promise<string> =>
    run(bare, join(tools, `node_modules/node-${version}/bin/node`), [program], { REDIS_URL: redis.url })

  test('it is that Node', async () => {
    const binary = join(tools, `node_modules/node-${version}/bin/node`)
    expect(await run(bare, binary, ['--version'])).toMatch(new RegExp(`^v${version.replace('.', '\\.')}\\.`))
  })

  test.each(['esm.mjs', 'commonjs.cjs'])('%s works, in memory and with Redis', async (program) => {
    const story = { unconfigured: 'CW_NOT_CONFIGURED', loads: [1, 1, 2] }
    expect(lastLine(await node(program))).toEqual({ sameCopy: true, memory: story, redis: { loads: [1, 1, 2] } })
  })
})

describe('under Jest in CommonJS, with legacy decorators', () => {
  test.each(['ts-jest', 'swc'])('compiled by %s', async (compiler) => {
    const config = `jest.${compiler}.config.cjs`
    const output = join(tools, `${compiler}.json`)
    const args = ['node_modules/jest/bin/jest.js', '--config', config, '--json', '--outputFile', output]
    await run(tools, process.execPath, args)
    const report = JSON.parse(
      await run(tools, process.execPath, ['-p', `fs.readFileSync(${JSON.stringify(output)}, 'utf8')`]),
    )
    expect(report).toMatchObject({ numPassedTests: 2, numTotalTests: 2, success: true })
  })
})

describe.each(Object.entries(compilers))('TypeScript %s', (version, name) => {
  const tsc = (args: readonly string[]): Promise<string> =>
    run(tools, process.execPath, [join('node_modules', name, 'bin/tsc'), ...args])

  test('it is that TypeScript', async () => {
    expect(await tsc(['--version'])).toMatch(new RegExp(`^Version ${version}\\.`))
  })

  test.each(['legacy', 'standard'])('accepts and refuses the right %s decorators', async (dialect) => {
    await tsc(['-p', `tsconfig.${dialect}.json`])
  })
})

describe('two copies in one process', () => {
  test('share what was configured, and know each other’s errors', async () => {
    const told = lastLine(await run(tools, process.execPath, ['two-copies.cjs']))
    expect(told).toEqual({ different: true, known: true, loads: [1, 1, 2, 3] })
  })

  test('that do not understand each other say so', async () => {
    const told = lastLine(await run(tools, process.execPath, ['version-mismatch.cjs']))
    expect(told).toEqual({ code: 'CW_VERSION_MISMATCH', known: true })
  })
})
