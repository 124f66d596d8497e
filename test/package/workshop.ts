import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compileTo, root } from '../support/compile'

const execute = promisify(execFile)

/** Runs a program to its end and answers with what it printed. One that fails rejects with all it said. */
export async function run(
  cwd: string,
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { JEST_WORKER_ID: _worker, NODE_PATH: _path, ...inherited } = process.env
  try {
    const { stdout } = await execute(program, args, { cwd, env: { ...inherited, ...env }, maxBuffer: 2 ** 26 })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string }
    throw new Error(stdout + stderr === '' ? message : `${program} ${args.join(' ')}\n${stdout}\n${stderr}`)
  }
}

/** Builds the package and packs it as `npm publish` would; answers with the path of the tarball. Works beside the repository, not in it. */
export async function pack(dir: string): Promise<string> {
  const copy = join(dir, 'package')
  await mkdir(copy, { recursive: true })
  compileTo(join(copy, 'dist'))
  for (const name of [
    'package.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'docs',
    'src/prometheus/dashboard.json',
  ]) {
    await cp(join(root, name), join(copy, name), { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      // What is missing in the repository is for the test of the tarball's contents to say.
      if (error.code !== 'ENOENT') throw error
    })
  }
  const said = await run(copy, 'npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir])
  return join(dir, tarballName(JSON.parse(said)))
}

/** npm answers with an array, from npm 12 on with an object by package name. */
function tarballName(packed: unknown): string {
  const [first] = Object.values(packed as Record<string, { filename: string }>)
  if (first === undefined) throw new Error('npm packed nothing')
  return first.filename
}

/** Makes an empty project with these dependencies and the consumer programs. */
export async function project(dir: string, dependencies: Record<string, string>): Promise<string> {
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'package.json'), JSON.stringify({ name: 'consumer', private: true, dependencies }))
  await cp(join(__dirname, 'consumers'), dir, { recursive: true })
  await run(dir, 'npm', [
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--no-package-lock',
    '--ignore-scripts',
  ])
  return dir
}

/** The binary of another Node, as npm packages it for this platform. */
export function nodePackage(): string {
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
  return `${prefix}-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
}

/** The repository's manifest. */
export async function manifest(): Promise<{ dependencies: Record<string, string>; exports: Record<string, unknown> }> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
}
