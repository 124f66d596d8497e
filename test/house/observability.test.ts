import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const read = (name: string): string => readFileSync(join(__dirname, '../..', name), 'utf8')
const all = (text: string, pattern: RegExp): string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, its]) => its!))].toSorted()

test('docs/observability.md lists every metric of both doors, and no other', () => {
  const rows = [
    ...read('docs/observability.md').matchAll(/^\| `(cachewright\.[\w.]+)`(?: \(\w+\))? \| `(cachewright_\w+)` \|/gm),
  ]
  const otel = all(read('src/otel/metrics.ts'), /'(cachewright\.[\w.]+)'/g)
  const prometheus = all(
    read('src/prometheus/samples.ts') + read('src/prometheus/collector.ts'),
    /'(cachewright_\w+)'/g,
  )
  expect(rows.map(([, name]) => name).toSorted()).toEqual(otel)
  expect(rows.map(([, , name]) => name).toSorted()).toEqual(prometheus)
})

test('the dashboard asks for metrics of the door alone, and for all of them', () => {
  const asked = all(read('src/prometheus/dashboard.json'), /(cachewright_\w+?)(?:_bucket|_sum|_count)?\b(?=\{)/g)
  expect(asked).toEqual(
    all(read('src/prometheus/samples.ts') + read('src/prometheus/collector.ts'), /'(cachewright_\w+)'/g),
  )
})
