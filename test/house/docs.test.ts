import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheErrorCodes } from '../../src/kernel/errors'
import { findingKinds } from '../../src/manager/definition-audit'

test('docs/errors.md explains every error code, and no other', () => {
  const page = readFileSync(join(__dirname, '../../docs/errors.md'), 'utf8')
  const headings = [...page.matchAll(/^#+\s+`?(CW_[A-Z_]+)`?\s*$/gm)].map(([, code]) => code)
  expect(headings.toSorted()).toEqual([...cacheErrorCodes].toSorted())
})

test('docs/explain.md explains every kind of finding, and no other', () => {
  const page = readFileSync(join(__dirname, '../../docs/explain.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind]) => kind)
  expect(rows).toEqual([...findingKinds])
})
