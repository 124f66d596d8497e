import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

test('instances go with their results, and results with their functions', () => {
  const program = join(__dirname, 'collection.program.ts')
  const args = ['--expose-gc', '-r', 'esbuild-register', program]
  const printed = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
  const { plain, selfish, shared, sharedSelfish, functions } = JSON.parse(printed) as Record<string, number>
  // The engine may hold on to the one that was looked at last.
  expect(plain).toBeGreaterThanOrEqual(999)
  expect(selfish).toBeGreaterThanOrEqual(999)
  expect(shared).toBeGreaterThanOrEqual(999)
  // One of a thousand and one results had to go.
  expect(sharedSelfish).toBeLessThanOrEqual(1)
  expect(functions).toBeGreaterThanOrEqual(9)
})
