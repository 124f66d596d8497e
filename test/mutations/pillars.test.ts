import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { inEveryRun } from './mutations'

// Those without which the guarantees would not hold at all; the others by `npm run mutants`.

test('each pillar of the guarantees, taken away, turns a test red', () => {
  const root = join(__dirname, '../..')
  const run = spawnSync(process.execPath, ['--import', 'tsx', join(__dirname, 'run.ts'), ...inEveryRun], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(`${run.stdout}${run.stderr}`).toContain(`${inEveryRun.length} noticed, 0 survived`)
  expect(run.status).toBe(0)
}, 240_000)
