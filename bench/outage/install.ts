import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

/** Where the packages stand that this one is shown beside; their peers differ from ours. */
export const contendersDir = resolve(__dirname, '../contenders')

/** Installs what is locked there, unless it is there already; false if that cannot be done. */
export function installContenders(): boolean {
  const isThere = (): boolean => existsSync(resolve(contendersDir, 'node_modules/bentocache/package.json'))
  if (isThere()) return true
  const flags = ['--no-audit', '--no-fund', '--loglevel', 'error']
  spawnSync('npm', ['ci', '--prefix', contendersDir, ...flags], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 120_000,
  })
  return isThere()
}
