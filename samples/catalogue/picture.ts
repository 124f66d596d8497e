import type { Report } from './visitors'

/** What one run came to, over all processes. */
export interface Run {
  readonly reports: readonly Report[]
  /** Queries the database answered. */
  readonly queries: number
}

const width = 24
const bounds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, Number.POSITIVE_INFINITY]

/** Both runs side by side, for a terminal of 80 columns. */
export function picture(without: Run, cached: Run): string {
  const [slow, fast] = [latenciesOf(without), latenciesOf(cached)]
  const [hits, misses] = [total(cached, 'hits'), total(cached, 'misses')]
  const sharedHits = total(cached, 'sharedHits')
  const row = (name: string, a: string, b: string, remark = ''): string =>
    ` ${name.padEnd(22)}${a.padStart(14)}${b.padStart(14)}   ${remark}`.trimEnd()
  const percentile = (share: number): string => {
    const [a, b] = [at(slow, share), at(fast, share)]
    return row(`p${share * 100} of a read`, time(a), time(b), `${factor(a / b)}`)
  }
  const [wallA, wallB] = [wall(without), wall(cached)]
  return [
    row('', 'without', 'with caching'),
    row('reads', count(slow.length), count(fast.length)),
    percentile(0.5),
    percentile(0.95),
    percentile(0.99),
    row('the whole load', time(wallA), time(wallB), factor(wallA / wallB)),
    row('queries', count(without.queries), count(cached.queries), `${count(without.queries - cached.queries)} avoided`),
    '',
    ...histogram(slow, fast),
    '',
    ` hit ratio   ${bar(hits / (hits + misses))} ${percent(hits / (hits + misses))}`,
    ` ${count(hits)} hits${sharedHits > 0 ? `, ${count(sharedHits)} of them in Redis` : ''}; ${count(misses)} misses; the hits spared visitors ${time(total(cached, 'savedMs'))} of waiting`,
  ].join('\n')
}

export function total(run: Run, count: Exclude<keyof Report, 'latencies'>): number {
  return run.reports.reduce((sum, report) => sum + report[count], 0)
}

function histogram(slow: Float64Array, fast: Float64Array): string[] {
  const [a, b] = [shares(slow), shares(fast)]
  const used = bounds.map((_, index) => index).filter((index) => a[index]! > 0 || b[index]! > 0)
  const column = (share: number): string => `${bar(share)} ${share > 0 ? percent(share).padStart(6) : '      '}`
  return [
    ` ${'a read takes'.padEnd(12)}  ${'without'.padEnd(width + 7)}  with caching`,
    ...used.map((index) => {
      const bound = bounds[index]!
      const label = Number.isFinite(bound) ? `≤ ${time(bound)}` : `> ${time(bounds.at(-2)!)}`
      return ` ${label.padStart(10)}    ${column(a[index]!)}  ${column(b[index]!)}`.trimEnd()
    }),
  ]
}

/** How much falls between each bound and the one before. */
function shares(latencies: Float64Array): number[] {
  const counts = bounds.map(() => 0)
  for (const latency of latencies) counts[bounds.findIndex((bound) => latency <= bound)]!++
  return counts.map((its) => its / latencies.length)
}

function latenciesOf({ reports }: Run): Float64Array {
  return Float64Array.from(reports.flatMap(({ latencies }) => [...latencies])).sort()
}

function at(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function wall({ reports }: Run): number {
  return Math.max(...reports.map(({ wallMs }) => wallMs))
}

function bar(share: number): string {
  const eighths = Math.round(share * width * 8)
  const part = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]!
  // Something is not nothing.
  return `${'█'.repeat(Math.floor(eighths / 8))}${part || (share > 0 && eighths === 0 ? '▏' : '')}`.padEnd(width)
}

function factor(ratio: number): string {
  if (ratio > 0.95 && ratio < 1.05) return 'as fast'
  if (ratio < 1) return `${(1 / ratio).toFixed(1)} times slower`
  return `${ratio < 10 ? ratio.toFixed(1) : count(Math.round(ratio))} times faster`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

export function count(number: number): string {
  return number.toLocaleString('en-US')
}

export function time(ms: number): string {
  if (ms < 1) return `${Number((ms * 1_000).toPrecision(3))} µs`
  return ms < 1_000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1_000).toPrecision(3))} s`
}
