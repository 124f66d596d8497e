import { readFileSync } from 'node:fs'
import { join } from 'node:path'

// docs/behaviours.md says what becomes of each behaviour; this holds it to what the tests show.

const read = (name: string): string => readFileSync(join(__dirname, '../..', name), 'utf8')
const numbers = (letter: string, last: number): string[] => Array.from({ length: last }, (_, n) => `${letter}${n + 1}`)

const rows = [...read('docs/behaviours.md').matchAll(/^\| ([CK]\d+) \| (.+?) \| (.+) \|$/gm)].map(
  ([, number, , here]) => ({ number: number!, here: here! }),
)

/** The numbers with which titles of tests begin. */
function numbersNamed(file: string): Set<string> {
  const titles = [...read(file).matchAll(/(?<=[(,]\s*)(['"`])((?:[CK]\d+ )+)/g)]
  return new Set(titles.flatMap(([, , all]) => all!.trim().split(' ')))
}

test('every behaviour has one row, in order', () => {
  expect(rows.map(({ number }) => number)).toEqual([...numbers('C', 133), ...numbers('K', 13)])
})

test('every row says what becomes of its behaviour', () => {
  const topics = 'leases and feed across processes|resilience policies|batches and transactions'
  const forms = new RegExp(
    `^(?:answered by \`|shown by \`[^\`]+\`: “.+”$|decided otherwise: .|not yet: (?:${topics})$)`,
    'u',
  )
  expect(rows.filter(({ here }) => !forms.test(here))).toEqual([])
})

test.each(rows.filter(({ here }) => here.startsWith('answered by')))(
  'the tests that $number claims name it',
  ({ number, here }) => {
    const [claim] = here.split(';')
    const files = [...claim!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!)
    expect(files).not.toEqual([])
    for (const file of files) expect(numbersNamed(file)).toContain(number)
  },
)

test.each(rows.filter(({ here }) => here.startsWith('shown by')))(
  'the test that $number quotes is there',
  ({ here }) => {
    const [, file, title] = /`([^`]+)`: “(.+)”/.exec(here)!
    expect(read(file!)).toContain(title)
  },
)

test('every number that a behaviour test names is claimed by its row', () => {
  const files = ['reading', 'writing', 'loading', 'keys', 'processes'].map(
    (its) => `test/flow/behaviours/${its}.test.ts`,
  )
  const unclaimed = files.flatMap((file) =>
    [...numbersNamed(file)]
      .filter((number) => !rows.some((row) => row.number === number && row.here.includes(`\`${file}\``)))
      .map((number) => `${number} of ${file}`),
  )
  expect(unclaimed).toEqual([])
})

test('nothing of Spring’s annotations, and of keys and values, is left for later', () => {
  const due = [...numbers('C', 52), ...numbers('K', 11), 'K13']
  expect(rows.filter(({ number, here }) => due.includes(number) && here.startsWith('not yet'))).toEqual([])
})
