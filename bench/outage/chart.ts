import { bucketsOf } from './buckets'
import type { Trial } from './record'

const columns = 100
const bars = '▁▂▃▄▅▆▇█'
const shades = ' ░▒▓█'

// From a tenth of a millisecond to ten seconds.
const [lowest, decades] = [0.1, 5]

/** The 99th percentile over time as rows of a terminal, and below each what failed. */
export function chartText(trials: readonly Trial[]): string {
  const [{ phases, startedAt }] = trials as [Trial, ...Trial[]]
  const bucketMs = Math.max(250, (phases.at(-1)!.to - startedAt) / columns)
  const width = Math.max(...trials.map(({ contender }) => contender.length)) + 2
  const named = phases.filter(({ isMending }) => !isMending)
  const ruler = [...Array(Math.ceil((phases.at(-1)!.to - startedAt) / bucketMs)).fill(' ')] as string[]
  for (const { fromMs, isMending, name } of phases) {
    const number = named.findIndex((phase) => phase.name === name)
    ruler[Math.floor(fromMs / bucketMs)] = isMending ? '·' : `${number + 1}`
  }
  const rows = trials.flatMap((trial) => {
    const buckets = bucketsOf(trial, bucketMs)
    const line = buckets.map(({ p99 }) => (p99 === undefined ? ' ' : bar(p99))).join('')
    const failed = buckets.map(({ failed }) => shades[Math.ceil(failed * (shades.length - 1))]).join('')
    return [
      `${trial.contender.padEnd(width)}${line}`,
      ...(failed.trim() === '' ? [] : [`${'  failed'.padEnd(width)}${failed}`]),
    ]
  })
  return [
    `p99 over time, logarithmic from ${bars[0]} 0.1 ms to ${bars.at(-1)} 10 s; below it the share of calls that failed`,
    `${''.padEnd(width)}${ruler.join('')}`,
    ...rows,
    `${''.padEnd(width)}${named.map(({ name }, index) => `${index + 1} ${name}`).join('   ')}   · health between`,
  ].join('\n')
}

function bar(ms: number): string {
  const share = Math.log10(ms / lowest) / decades
  return bars[Math.min(bars.length - 1, Math.max(0, Math.floor(share * bars.length)))]!
}
