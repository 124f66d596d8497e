import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { root } from '../../support/compile'

/** What Jest and Vitest report alike. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly failureMessages: readonly string[] }[]
  }[]
}

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cachewright-runners-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function execute(args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  const { JEST_WORKER_ID: _, NODE_OPTIONS: __, ...env } = process.env
  return new Promise((done) => {
    execFile(process.execPath, args, { cwd: root, env: { ...env, NO_COLOR: '1' } }, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : 1, said: stdout + stderr }),
    )
  })
}

/** Runs the tests of a folder by a runner. */
async function run(runner: string, folder: string): Promise<Report> {
  const outputFile = join(dir, `${runner}.json`)
  rmSync(outputFile, { force: true })
  const args =
    runner === 'jest'
      ? ['node_modules/jest/bin/jest.js', '--config', join(folder, 'jest.config.cjs'), '--json']
      : ['node_modules/vitest/vitest.mjs', 'run', '--root', folder, '--reporter=json']
  const { said } = await execute([...args, `--outputFile=${outputFile}`])
  try {
    return JSON.parse(readFileSync(outputFile, 'utf8')) as Report
  } catch {
    throw new Error(`${runner} ended without a report:\n${said}`)
  }
}

const titlesOf = (report: Report): string[] =>
  report.testResults.flatMap(({ assertionResults }) => assertionResults.map(({ title }) => title))

describe.each(['jest', 'vitest'])('%s', (runner) => {
  test('runs the tests of the sample service', async () => {
    const report = await run(runner, resolve(root, 'samples/testing'))
    const spec = readFileSync(join(root, 'samples/testing/shop.spec.ts'), 'utf8')
    const titles = [...spec.matchAll(/^test\('([^']+)'/gm)].map(([, title]) => title)
    expect(titlesOf(report)).toEqual(titles)
    expect([report.numPassedTests, report.numFailedTests]).toEqual([titles.length, 0])
  }, 60_000)

  test('fails what the matchers refuse, with what they say', async () => {
    writeFileSync(join(dir, 'red.spec.js'), redSpec)
    writeFileSync(join(dir, 'jest.config.cjs'), jestConfig)
    writeFileSync(join(dir, 'vitest.config.mjs'), vitestConfig)
    const report = await run(runner, dir)
    const messages = report.testResults.flatMap(({ assertionResults }) =>
      assertionResults.map(({ title, failureMessages }) => [title, failureMessages[0]?.replace(/\n[\s\S]*/, '')]),
    )
    expect(messages).toEqual([
      ['served', expect.stringMatching('expected the call to be served from a cache; it was: c #1: source, 0 ms old')],
      ['not served', expect.stringMatching('expected the call not to be served from a cache; it was: c #1: local')],
      ['loaded', expect.stringMatching('expected the source to be called 2 times, it was once')],
      ['findings', expect.stringMatching('The audit of caching has 1 finding')],
      ['wrong', expect.stringMatching(/toBeServedFromCache\(\): expect\(\) must be given a function/)],
      ['green', undefined],
    ])
  }, 60_000)
})

const redSpec = `
import { cacheFunction, createCacheManager } from 'cachewright'
import { cacheMatchers, ManualClock } from 'cachewright/testing'

expect.extend(cacheMatchers)
const clock = new ManualClock()
const caching = createCacheManager({ clock })
const find = cacheFunction(async (id) => id, { cache: 'c', manager: caching })
const findings = [{ kind: 'never-evicted', severity: 'warning', subject: 's', message: 'm' }]

test('served', () => expect(() => find(1)).toBeServedFromCache())
test('not served', () => expect(() => find(1)).not.toBeServedFromCache())
test('loaded', () => expect(caching).toHaveLoadedTimes(2))
test('findings', () => expect({ findings }).toHaveNoFindings())
test('wrong', () => expect(find(1)).toBeServedFromCache())
test('green', () => expect({ findings }).toHaveNoFindings(['never-evicted']))
`

const sources = {
  '^cachewright$': join(root, 'src/index.ts'),
  '^cachewright/testing$': join(root, 'src/testing/index.ts'),
}

const jestConfig = `
const swc = ${JSON.stringify(join(root, 'node_modules/@swc/jest'))}
module.exports = {
  testMatch: ['<rootDir>/*.spec.js'],
  rootDir: __dirname,
  transform: { '\\\\.[jt]s$': [swc, { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } }] },
  moduleNameMapper: ${JSON.stringify(sources)},
}
`

const vitestConfig = `
const sources = ${JSON.stringify(sources)}
const alias = Object.entries(sources).map(([find, replacement]) => ({ find: new RegExp(find), replacement }))
export default { test: { globals: true, include: ['*.spec.js'] }, resolve: { alias } }
`

test('the runner of Node runs the contracts', async () => {
  const { code, said } = await execute(['--import', 'tsx', 'test/doors/testing/plain-runner.program.ts'])
  expect(said).toMatch(/^# fail 0$/m)
  expect(Number(/^# pass (\d+)$/m.exec(said)?.[1])).toBeGreaterThan(50)
  expect(code).toBe(0)
}, 60_000)
