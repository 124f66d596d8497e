import { type Finding, historyOf, line, timeOf } from './checker'
import type { Happening } from './history'
import type { ChaosOptions, ChaosRun } from './run'

const mostLines = 60
const mostFindings = 8

/** How the same can be done again. */
export function commandFor({ seed, seconds, processes, topology, faults }: ChaosOptions): string {
  const chosen = faults === undefined ? '' : ` --faults '${faults}'`
  return `npm run chaos -- --seed ${seed} --seconds ${seconds} --processes ${processes} --topology ${topology}${chosen}`
}

/** What a run did, in a line or two. */
export function summary({ tally }: ChaosRun): string {
  const { reads, localHits, loads, writes, evictions, deferred, faults, lives, losses, failures } = tally
  return [
    `${reads} reads (${localHits} from memory, ${loads} loads), ${writes} writes, ${evictions} evictions (${deferred} deferred), ${faults} faults (${losses} losses), ${lives} lives, ${failures} operations failed`,
    `let pass: ${tally.excused} evictions that died with their process, ${tally.waitedForLostLease} reads that waited for a lost lease; longest wait beside the source ${Math.round(tally.longestCallMs)} ms`,
  ].join('\n')
}

/** Every finding with the history that led to it. */
export function describeFindings(run: ChaosRun): string {
  const { findings, history, startedAt } = run
  const shown = findings.slice(0, mostFindings).map((finding) => describe(finding, history, startedAt))
  const left = findings.length - shown.length
  return [...shown, ...(left > 0 ? [`… and ${left} more`] : [])].join('\n\n')
}

function describe(finding: Finding, history: readonly Happening[], startedAt: number): string {
  const { kind, text, key, since, at, count } = finding
  const title = `${kind.toUpperCase()}${count > 1 ? ` (${count} times)` : ''} at ${seconds(at, startedAt)}: ${text}`
  if (key === undefined || since === undefined) return title
  const lines = condensed(historyOf(history, key, since - 300, at + 50)).map(
    ({ happening, times }) =>
      `  ${seconds(timeOf(happening), startedAt)} ${span(happening, startedAt)}  ${line(happening)}${times > 1 ? ` (${times} times)` : ''}`,
  )
  const half = mostLines / 2
  const cut =
    lines.length <= mostLines
      ? lines
      : [...lines.slice(0, half), `  … ${lines.length - mostLines} lines …`, ...lines.slice(-half)]
  return [title, ...cut].join('\n')
}

/** Equal reads that follow each other are one line. */
function condensed(history: readonly Happening[]): { happening: Happening; times: number }[] {
  const found: { happening: Happening; times: number }[] = []
  for (const happening of history) {
    const last = found.at(-1)
    const isLike =
      last !== undefined && last.happening.type === happening.type && line(last.happening) === line(happening)
    if (isLike && (happening.type === 'read' || happening.type === 'failure' || happening.type === 'lag'))
      last.times += 1
    else found.push({ happening, times: 1 })
  }
  return found
}

function span(happening: Happening, startedAt: number): string {
  return 'until' in happening && 'from' in happening ? `– ${seconds(happening.until, startedAt)}` : ' '.repeat(10)
}

function seconds(at: number, startedAt: number): string {
  return ((at - startedAt) / 1_000).toFixed(4).padStart(8)
}
