import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { apply, type Mutation, mutations, type Noticers } from './mutations'

/*
 * `npm run mutants [-- name …]`: breaks the source on purpose, one mutation at a time, and demands that a test named for
 * it turns red. Works on copies of the repository, never on the repository itself.
 */

const root = join(__dirname, '../..')
const left = /^(?:node_modules|dist|\.git|\.DS_Store|bench\/results)$/

/** What jest says of one test. */
interface TestReport {
  readonly status: string
  readonly fullName: string
  readonly title: string
  readonly failureMessages: readonly string[]
}

/** What jest says of one file. */
interface FileReport {
  readonly name: string
  readonly message: string
  readonly assertionResults: readonly TestReport[]
}

interface Outcome {
  readonly mutation: Mutation
  readonly red: readonly string[]
  /** Why it does not count, although something may have gone wrong. */
  readonly objection: string | undefined
  readonly seconds: number
}

/** A copy of the repository, with the installed packages of the original. */
class Workshop {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), 'cachewright-mutants-')))

  constructor() {
    cpSync(root, this.dir, { recursive: true, filter: (path) => !left.test(relative(root, path)) })
    symlinkSync(realpathSync(join(root, 'node_modules')), join(this.dir, 'node_modules'), 'dir')
  }

  /** Runs the named tests, with the mutation if one is given. */
  async run(noticers: Noticers, mutation?: Mutation): Promise<readonly FileReport[]> {
    const file = mutation === undefined ? undefined : join(this.dir, mutation.file)
    const before = file === undefined ? '' : readFileSync(file, 'utf8')
    if (file !== undefined) writeFileSync(file, apply(mutation!, before))
    try {
      return await this.#jest(Object.keys(noticers), Object.values(noticers).flat())
    } finally {
      if (file !== undefined) writeFileSync(file, before)
    }
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true })
  }

  async #jest(files: readonly string[], titles: readonly string[]): Promise<readonly FileReport[]> {
    const outputFile = join(this.dir, 'report.json')
    rmSync(outputFile, { force: true })
    const pattern = titles.map((title) => title.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')).join('|')
    const args = [
      '--ci',
      '--runInBand',
      '--silent',
      '--forceExit',
      '--json',
      `--outputFile=${outputFile}`,
      `--cacheDirectory=${join(this.dir, '.jest-cache')}`,
      `--testNamePattern=${pattern}`,
      '--runTestsByPath',
      ...files,
    ]
    let said = ''
    await new Promise<void>((resolve) => {
      const jest = spawn(process.execPath, [join(this.dir, 'node_modules/jest/bin/jest.js'), ...args], {
        cwd: this.dir,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      jest.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString()
      })
      jest.once('close', () => resolve())
    })
    try {
      return (JSON.parse(readFileSync(outputFile, 'utf8')) as { testResults: FileReport[] }).testResults
    } catch {
      throw new Error(`jest ended without a report: ${said.trim().split('\n').slice(-5).join(' | ')}`)
    }
  }
}

/** An assertion that did not hold, or a condition that was waited for in vain; not a program that broke down. */
function isAssertion(message: string): boolean {
  return /expect\(|: not so within \d+ ms|Exceeded timeout of \d+ ms for a test/.test(message)
}

async function attempt(workshop: Workshop, mutation: Mutation): Promise<Outcome> {
  const began = performance.now()
  const red: string[] = []
  const others: string[] = []
  try {
    for (const { assertionResults, message } of await workshop.run(mutation.noticedBy, mutation)) {
      if (assertionResults.length === 0) others.push(`did not run: ${firstLine(message)}`)
      for (const { status, fullName, failureMessages } of assertionResults) {
        if (status !== 'failed') continue
        if (failureMessages.some(isAssertion)) red.push(fullName)
        else others.push(`${fullName}: ${firstLine(failureMessages[0] ?? '')}`)
      }
    }
  } catch (error) {
    others.push(String(error))
  }
  const objection = red.length > 0 ? undefined : (others[0] ?? 'every test stayed green')
  return { mutation, red, objection, seconds: (performance.now() - began) / 1_000 }
}

/** What is wrong with the tests themselves: red without any mutation, or not there. */
async function problemsOf(workshop: Workshop, chosen: readonly Mutation[]): Promise<string[]> {
  const every: Record<string, string[]> = {}
  for (const { noticedBy } of chosen) {
    for (const [file, titles] of Object.entries(noticedBy)) every[file] = [...(every[file] ?? []), ...titles]
  }
  const reports = await workshop.run(every)
  const problems: string[] = []
  for (const [file, titles] of Object.entries(every)) {
    const report = reports.find(({ name }) => name.endsWith(file))
    for (const title of new Set(titles)) {
      const its = report?.assertionResults.filter(({ fullName }) => fullName.includes(title)) ?? []
      if (its.length === 0) problems.push(`${file}: no test '${title}'${report ? ` ${firstLine(report.message)}` : ''}`)
      for (const { status, fullName, failureMessages } of its) {
        if (status !== 'passed')
          problems.push(`${file}: '${fullName}' is ${status}: ${firstLine(failureMessages[0] ?? '')}`)
      }
    }
  }
  return problems
}

function firstLine(message: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of jest
  const plain = message.replace(/\u001b\[\d+m/g, '')
  return (
    plain
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? ''
  )
}

function show({ mutation, red, objection, seconds }: Outcome): void {
  const mark = objection === undefined ? 'noticed ' : 'SURVIVED'
  console.log(`${mark} ${mutation.name.padEnd(34)} ${seconds.toFixed(1).padStart(5)} s  ${mutation.breaks}`)
  for (const name of red.slice(0, 3)) console.log(`           ✗ ${name}`)
  if (red.length > 3) console.log(`           … and ${red.length - 3} more`)
  if (objection !== undefined) console.log(`           ${objection}`)
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !mutations.some((mutation) => mutation.name === name))
  if (unknown.length > 0) {
    console.error(`no such mutation: ${unknown.join(', ')}; there are ${mutations.map(({ name }) => name).join(', ')}`)
    process.exitCode = 1
    return
  }
  const chosen = mutations.filter(({ name }) => names.length === 0 || names.includes(name))
  const lanes = Math.min(chosen.length, Math.max(1, Math.min(4, availableParallelism())))
  const workshops = Array.from({ length: lanes }, () => new Workshop())
  try {
    const problems = await problemsOf(workshops[0]!, chosen)
    if (problems.length > 0) {
      console.error(`without any mutation:\n${problems.join('\n')}`)
      process.exitCode = 1
      return
    }
    const waiting = [...chosen]
    const outcomes: Outcome[] = []
    await Promise.all(
      workshops.map(async (workshop) => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const outcome = await attempt(workshop, next)
          outcomes.push(outcome)
          show(outcome)
        }
      }),
    )
    const survived = outcomes.filter(({ objection }) => objection !== undefined).length
    if (survived > 0) process.exitCode = 1
    console.log(`${outcomes.length - survived} noticed, ${survived} survived`)
  } finally {
    for (const workshop of workshops) workshop.remove()
  }
}

void main(process.argv.slice(2))
