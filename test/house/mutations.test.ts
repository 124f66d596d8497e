import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { apply, mutations } from '../mutations/mutations'

// `npm run mutants` breaks the source on purpose; here is held that each mutation still finds what it breaks.

const read = (name: string): string => readFileSync(join(__dirname, '../..', name), 'utf8')

test.each(mutations)('mutation $name stands on code that is there, and compiles', (mutation) => {
  const source = read(mutation.file)
  const mutated = apply(mutation, source)
  expect(mutated).not.toBe(source)
  expect(() => transformSync(mutated, { loader: 'ts' })).not.toThrow()
})

test.each(mutations)('the tests that mutation $name names are there', ({ noticedBy }) => {
  expect(Object.keys(noticedBy)).not.toEqual([])
  for (const [file, titles] of Object.entries(noticedBy))
    for (const title of titles) expect(read(file)).toContain(title)
})

test('no two mutations have one name', () => {
  const names = mutations.map(({ name }) => name)
  expect(names).toEqual([...new Set(names)])
})
