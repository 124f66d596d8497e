import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Installs what is locked in this folder, unless this package of it is there already; false if that cannot be done. */
export function installContenders(name: string): boolean {
  const isThere = (): boolean => existsSync(resolve(__dirname, 'node_modules', name, 'package.json'))
  if (isThere()) return true
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error']
  spawnSync('npm', ['ci', '--prefix', __dirname, ...flags], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 120_000,
  })
  return isThere()
}

/** A package from this folder. */
export async function loadContender(name: string): Promise<unknown> {
  const from = createRequire(`${__dirname}/`)
  return await import(pathToFileURL(from.resolve(name)).href)
}
