import { type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'

/*
 * `npm test`: everything that must hold, in one command that needs nothing but Node and (installed here where we may) a
 * redis-server and a prometheus. Further arguments go to jest. The last line is the count, from what really ran.
 */

const root = join(__dirname, '../..')

interface Outcome {
  passed: number
  failed: number
}

/** The part of jest's report that is read. */
interface JestReport {
  readonly success: boolean
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numRuntimeErrorTestSuites: number
}

async function main(args: readonly string[]): Promise<void> {
  const total: Outcome = { passed: 0, failed: 0 }
  const add = (outcome: Outcome): void => {
    total.passed += outcome.passed
    total.failed += outcome.failed
  }
  // Where this one is missing, the test that needs it says so.
  provide('prometheus')
  if (provide('redis-server')) {
    for (const command of [...checks(), 'npm run --silent build']) add(step(command))
    const tests = { passed: 0, failed: 0 }
    for (const run of jestRuns(args)) {
      const outcome = await jest(run)
      tests.passed += outcome.passed
      tests.failed += outcome.failed
    }
    if (tests.passed + tests.failed === 0) {
      console.error('no test was executed')
      tests.failed = 1
    }
    add(tests)
  } else {
    console.error(
      'redis-server is missing: install Redis 7.0 or newer (apt-get install redis-server, brew install redis) and run again',
    )
    total.failed = 1
  }
  process.exitCode = total.failed === 0 ? 0 : 1
  console.log(`${total.passed} passed, ${total.failed} failed`)
}

/** Whether a server is there, installed now if need be and if we can. */
function provide(server: string): boolean {
  const runs = (command: string): boolean => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0
  if (runs(server)) return true
  if (process.getuid?.() === 0 && runs('apt-get')) {
    // RUNLEVEL keeps the package from starting a service of its own.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
    for (const command of ['apt-get update -qq', `apt-get install -y -qq --no-install-recommends ${server}`]) {
      console.log(`> ${command}`)
      spawnSync(command, { shell: true, stdio: 'inherit', env })
    }
  }
  return runs(server)
}

/** The parts of `npm run check`, so that each is counted and one that fails does not hide the next. */
function checks(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { check: string } }
  return scripts.check.split(' && ')
}

function step(command: string): Outcome {
  console.log(`> ${command}`)
  const bin = join(root, 'node_modules/.bin')
  const separator = process.platform === 'win32' ? ';' : ':'
  const env = { ...process.env, PATH: `${bin}${separator}${process.env.PATH ?? ''}` }
  const options: SpawnSyncOptions = { cwd: root, shell: true, stdio: 'inherit', env }
  const passed = spawnSync(command, options).status === 0
  if (!passed) console.error(`✗ ${command}`)
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1 }
}

/**
 * The package suite compiles and installs with all cores, and the chaos run is a house full of processes: they stand
 * apart from each other and from the tests that watch a clock.
 */
function jestRuns(args: readonly string[]): (readonly string[])[] {
  if (args.length > 0) return [args]
  const apart = ['test/package/', 'test/chaos/', 'test/mutations/']
  return [
    ['--testPathIgnorePatterns', '/node_modules/', ...apart.map((folder) => `/${folder}`)],
    ...apart.map((it) => [it]),
  ]
}

async function jest(args: readonly string[]): Promise<Outcome> {
  console.log(`> jest ${args.join(' ')}`)
  const dir = mkdtempSync(join(tmpdir(), 'cachewright-jest-'))
  const outputFile = join(dir, 'report.json')
  // Most tests wait for a server or a child process, so that even on two cores two workers pay.
  const workers = Math.min(Math.max(availableParallelism(), 2), 8)
  const own = [
    '--ci',
    '--waitForUnhandledRejections',
    `--maxWorkers=${workers}`,
    '--json',
    `--outputFile=${outputFile}`,
  ]
  const noisy = new Set<string>()
  const code = await new Promise<number | null>((resolve) => {
    const env = { ...process.env, ...(process.stderr.isTTY ? { FORCE_COLOR: '1' } : {}) }
    const runner = spawn(process.execPath, [join(root, 'node_modules/jest/bin/jest.js'), ...own, ...args], {
      cwd: root,
      env,
      stdio: ['inherit', 'ignore', 'pipe'],
    })
    runner.stderr.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk)
      for (const warning of nodeWarnings(chunk.toString())) noisy.add(warning)
    })
    runner.once('error', () => resolve(null))
    runner.once('close', resolve)
  })
  const outcome = { passed: 0, failed: 0 }
  try {
    const report = JSON.parse(readFileSync(outputFile, 'utf8')) as JestReport
    outcome.passed = report.numPassedTests
    outcome.failed = report.numFailedTests + report.numRuntimeErrorTestSuites
  } catch {
    console.error('jest ended without a report')
  }
  rmSync(dir, { recursive: true, force: true })
  if (noisy.size > 0) {
    console.error(`Node warned during the tests:\n${[...noisy].join('\n')}`)
    outcome.failed += 1
  }
  // It may be dissatisfied with something that is no test: a missing report, an obsolete snapshot, a pattern without tests.
  if (code !== 0 && outcome.failed === 0) outcome.failed = 1
  return outcome
}

/** Leaks of listeners, overflowing timers and the like, which Node says outside the sandbox where tests can notice. */
function nodeWarnings(output: string): string[] {
  const warnings = [...output.matchAll(/^\(node:\d+\) (?:\[\w+\] )?(\w*Warning: .*)$/gm)].map(
    ([, said]) => said as string,
  )
  return warnings.filter((said) => !/^(?:Experimental|Deprecation)Warning/.test(said))
}

void main(process.argv.slice(2))
