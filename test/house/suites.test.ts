import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'

const root = resolve(__dirname, '../..')

// Programs of a package's user, run by test/package in projects of their own.
const elsewhere = 'test/package/consumers/'

const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .map((name) => `test/${name.split(sep).join('/')}`)
  .filter((name) => /\.[cm]?[jt]sx?$/.test(name) && !name.startsWith(elsewhere))

const read = (name: string): string => readFileSync(join(root, name), 'utf8')

// Compiled, never run: what the compiler must accept and refuse.
const isTypeTest = (name: string): boolean => /^test\/(?:types|standard)\/.*\.test-d\.ts$/.test(name)

test('jest runs every test file, and nothing else', () => {
  const jest = join(root, 'node_modules/jest/bin/jest.js')
  const listed = execFileSync(process.execPath, [jest, '--listTests', '--json'], { cwd: root, encoding: 'utf8' })
  const found = (JSON.parse(listed) as string[]).map((path) =>
    path
      .slice(root.length + 1)
      .split(sep)
      .join('/'),
  )
  const expected = files.filter((name) => name.endsWith('.test.ts'))
  expect(found.toSorted()).toEqual(expected.toSorted())
})

test('no test stands in a file that no runner looks at', () => {
  const declares = /^\s*(?:describe|it|test)(?:\.\w+)*\(/m
  const lost = files.filter((name) => !name.endsWith('.test.ts') && declares.test(read(name)))
  expect(lost).toEqual([])
})

test('no test file is misnamed', () => {
  const looksLikeOne = /[._-](?:tests?|specs?)\b[^/]*$/i
  const misnamed = files.filter((name) => looksLikeOne.test(name) && !name.endsWith('.test.ts') && !isTypeTest(name))
  expect(misnamed).toEqual([])
})

test('no test is left out, singled out or put off', () => {
  const chained = /\b(?:describe|it|test)(?:\.\w+)*\.(?:only|skip|todo|failing)\b/
  const prefixed = /(?:^|[^\w.])(?:[fx](?:describe|it|test))\s*[(.]/m
  const marked = files.filter(
    (name) => name.endsWith('.test.ts') && (chained.test(read(name)) || prefixed.test(read(name))),
  )
  expect(marked).toEqual([])
})
