import type { Bound } from './bounds'
import type { Figures } from './figures'

const headings = [
  'phase',
  'contender',
  'answered/s',
  'p50 ms',
  'p99 ms',
  'max ms',
  'source loads',
  'stale',
  'failed',
  'unhandled',
  'back after ms',
]

/** The rows of all contenders, phase by phase. */
function rows(all: readonly (readonly Figures[])[]): readonly (readonly string[])[] {
  const phases = all[0]!.map(({ phase }) => phase)
  return phases.flatMap((phase, index) =>
    all.map((figures, contender) => {
      const its = figures[index]!
      return [
        contender === 0 ? phase : '',
        its.contender,
        its.answeredPerSecond.toFixed(0),
        milliseconds(its.p50),
        milliseconds(its.p99),
        milliseconds(its.max),
        String(its.loads),
        String(its.stale),
        String(its.failed),
        String(its.uncaught),
        its.backAfterMs === Number.POSITIVE_INFINITY ? 'not' : milliseconds(its.backAfterMs),
      ]
    }),
  )
}

/** For a terminal. */
export function tableText(all: readonly (readonly Figures[])[]): string {
  const body = rows(all)
  const widths = headings.map((heading, column) =>
    Math.max(...[heading, ...body.map((row) => row[column]!)].map(({ length }) => length)),
  )
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at < 2 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  ')
  return [line(headings), ...body.flatMap((row) => (row[0] === '' ? [line(row)] : ['', line(row)]))].join('\n')
}

/** For a page. */
export function tableMarkdown(all: readonly (readonly Figures[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = headings.map((_, at) => (at < 2 ? '---' : '---:'))
  return [line(headings), line(rule), ...rows(all).map(line)].join('\n')
}

/** What the calls failed with, one line for each contender and phase that had any. */
export function failuresText(all: readonly (readonly Figures[])[]): string {
  return all
    .flat()
    .flatMap(({ contender, phase, failed, why }) =>
      failed === 0 ? [] : `  ${contender}, ${phase}: ${failed} failed, most by ${why}`,
    )
    .join('\n')
}

export function boundsText(bounds: readonly Bound[]): string {
  return bounds
    .map(({ what, measured, isHeld }) => `  ${isHeld ? 'held  ' : 'BROKEN'}  ${what}\n            ${measured}`)
    .join('\n')
}

export function boundsMarkdown(bounds: readonly Bound[]): string {
  const lines = bounds.map(
    ({ what, measured, isHeld }) => `| ${what} | ${measured} | ${isHeld ? 'held' : '**broken**'} |`,
  )
  return ['| bound | measured | |', '|---|---|---|', ...lines].join('\n')
}

function milliseconds(ms: number | undefined): string {
  if (ms === undefined) return '–'
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0)
}
