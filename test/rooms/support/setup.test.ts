import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(__dirname, '../../..')

/** Runs one noisy test in a jest of its own, under our set-up. */
function verdict(body: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'cachewright-setup-'))
  try {
    writeFileSync(join(dir, 'noisy.test.js'), `test('noisy', () => { ${body} }); test('next', () => {})`)
    const config = JSON.stringify({
      rootDir: dir,
      testEnvironment: 'node',
      setupFiles: [require.resolve('../../support/setup')],
      transform: { '\\.ts$': [require.resolve('@swc/jest'), { jsc: { parser: { syntax: 'typescript' } } }] },
    })
    const jest = join(root, 'node_modules/jest/bin/jest.js')
    const options = ['--config', config, '--rootDir', dir, '--waitForUnhandledRejections', '--verbose']
    const { stderr } = spawnSync(process.execPath, [jest, ...options], { encoding: 'utf8', cwd: root })
    return stderr
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

test.each([
  ['console.error', "try { console.error('oh', 'no') } catch {}", 'unexpected console.error: oh no'],
  ['console.warn', "console.warn('hm')", 'unexpected console.warn: hm'],
  ['a process warning', "process.emitWarning('careful', { code: 'X' })", 'unexpected process warning: careful'],
  ['an unhandled rejection', "void Promise.reject(new Error('unseen'))", 'unseen'],
])('%s fails the test that made it, and only that', (_noise, body, complaint) => {
  const report = verdict(body)
  expect(report).toContain('✕ noisy')
  expect(report).toContain('✓ next')
  expect(report).toContain(complaint)
})

test('expected noise fails nothing', () => {
  expect(verdict("jest.spyOn(console, 'error').mockImplementation(); console.error('asked for')")).toContain('✓ noisy')
})
