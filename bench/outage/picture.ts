import { type Bucket, bucketsOf } from './buckets'
import type { ContenderName } from './contender'
import type { Trial } from './record'

// Middle tones: the picture has no ground of its own, and must be readable on a light page and on a dark one.
const colours: Readonly<Record<ContenderName, string>> = {
  'no cache': '#8a8f98',
  bentocache: '#d9822b',
  'bentocache, tuned': '#a371f7',
  cachewright: '#2f81f7',
}

const width = 960
const left = 72
const right = 24
const bucketMs = 500

// Where each panel begins, and how high it is.
const panels = { legend: 16, names: 40, latency: 52, failed: 322, loads: 440 } as const
const latencyHeight = 240
const stripHeight = 14
const loadsHeight = 110

// From a tenth of a millisecond to ten seconds.
const [lowest, decades] = [0.1, 5]

interface Line {
  readonly contender: ContenderName
  readonly buckets: readonly Bucket[]
}

/** The run as a picture: latency, what failed, what the source had to do; the phases shaded. */
export function picture(trials: readonly Trial[]): string {
  const [{ phases, startedAt }] = trials as [Trial, ...Trial[]]
  const lastsMs = phases.at(-1)!.to - startedAt
  const across = (ms: number): number => round(left + (ms / lastsMs) * (width - left - right))
  const lines: readonly Line[] = trials.map((trial) => ({
    contender: trial.contender,
    buckets: bucketsOf(trial, bucketMs),
  }))
  const height = panels.loads + loadsHeight + 34
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    '<title>Latency, failed calls and source loads through faults of Redis and of the source</title>',
    `<style>
text { font: 11px system-ui, sans-serif; fill: #57606a }
.grid { stroke: #8a8f98; stroke-opacity: .25 }
.fault { fill: #8a8f98; fill-opacity: .13 }
rect { shape-rendering: crispEdges }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round }
@media (prefers-color-scheme: dark) { text { fill: #a8b0ba } }
</style>`,
    ...legend(lines),
    ...shades(trials[0]!, across, height - 34),
    ...latencyPanel(lines, across),
    ...failedPanel(lines, across),
    ...loadsPanel(lines, across),
    ...secondsAxis(lastsMs, across, height - 18),
    '</svg>',
    '',
  ].join('\n')
}

type Across = (ms: number) => number

function legend(lines: readonly Line[]): readonly string[] {
  return lines.flatMap(({ contender }, index) => {
    const at = left + index * 150
    return [
      `<rect x="${at}" y="${panels.legend - 9}" width="18" height="4" fill="${colours[contender]}" transform="translate(0 3)"/>`,
      text(at + 24, panels.legend, contender),
    ]
  })
}

function shades({ phases }: Trial, across: Across, bottom: number): readonly string[] {
  return phases.flatMap(({ name, redis, source, fromMs, toMs, isMending }) => {
    if (isMending) return []
    const [from, to] = [across(fromMs), across(toMs)]
    const isFault = redis !== 'up' || source !== 'up'
    const label = text(round((from + to) / 2), panels.names, name, 'middle')
    if (!isFault) return [label]
    const top = panels.names + 6
    return [`<rect class="fault" x="${from}" y="${top}" width="${round(to - from)}" height="${bottom - top}"/>`, label]
  })
}

function latencyPanel(lines: readonly Line[], across: Across): readonly string[] {
  const y = (ms: number): number => {
    const share = Math.min(1, Math.max(0, Math.log10(ms / lowest) / decades))
    return round(panels.latency + (1 - share) * latencyHeight)
  }
  const marks = [0.1, 1, 10, 100, 1_000, 10_000].flatMap((ms) => [
    grid(y(ms)),
    text(left - 6, y(ms) + 4, ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`, 'end'),
  ])
  return [
    ...marks,
    caption(panels.names, 'p99'),
    ...lines.map((line) => path(line, across, ({ p99 }) => (p99 === undefined ? undefined : y(p99)))),
  ]
}

/** A strip for each contender, the darker the more of its calls failed. */
function failedPanel(lines: readonly Line[], across: Across): readonly string[] {
  return [
    caption(panels.failed + stripHeight - 3, 'failed'),
    ...lines.flatMap(({ contender, buckets }, row) => {
      const top = panels.failed + row * (stripHeight + 8)
      const cells = buckets.flatMap(({ failed }, index) => {
        if (failed === 0) return []
        const from = across(index * bucketMs)
        const opacity = round(0.25 + 0.75 * failed)
        return `<rect x="${from}" y="${top}" width="${round(across((index + 1) * bucketMs) - from)}" height="${stripHeight}" fill="${colours[contender]}" fill-opacity="${opacity}"/>`
      })
      return [grid(top + stripHeight), ...cells]
    }),
  ]
}

function loadsPanel(lines: readonly Line[], across: Across): readonly string[] {
  const most = Math.max(1, ...lines.flatMap(({ buckets }) => buckets.map(({ loadsPerSecond }) => loadsPerSecond)))
  const step = 10 ** Math.floor(Math.log10(most))
  const top = Math.ceil(most / step) * step
  const y = (loads: number): number => round(panels.loads + (1 - loads / top) * loadsHeight)
  const marks = [0, top / 2, top].flatMap((loads) => [grid(y(loads)), text(left - 6, y(loads) + 4, `${loads}`, 'end')])
  return [
    ...marks,
    caption(panels.loads - 12, 'loads per second'),
    ...lines.map((line) => path(line, across, ({ loadsPerSecond }) => y(loadsPerSecond))),
  ]
}

function secondsAxis(lastsMs: number, across: Across, y: number): readonly string[] {
  const stepMs = lastsMs > 20_000 ? 10_000 : 5_000
  return Array.from({ length: Math.floor(lastsMs / stepMs) + 1 }, (_, index) =>
    text(across(index * stepMs), y, `${(index * stepMs) / 1_000} s`, 'middle'),
  )
}

/** Broken where there is nothing to show. */
function path({ contender, buckets }: Line, across: Across, y: (bucket: Bucket) => number | undefined): string {
  let isDrawing = false
  const steps = buckets.flatMap((bucket, index) => {
    const at = y(bucket)
    const verb = isDrawing ? 'L' : 'M'
    isDrawing = at !== undefined
    return at === undefined ? [] : `${verb}${across((index + 0.5) * bucketMs)} ${at}`
  })
  return `<path class="line" stroke="${colours[contender]}" d="${steps.join('')}"/>`
}

function grid(y: number): string {
  return `<line class="grid" x1="${left}" x2="${width - right}" y1="${y}" y2="${y}"/>`
}

function caption(y: number, words: string): string {
  return text(6, y, words)
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end' = 'start'): string {
  return `<text x="${x}" y="${y}"${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}>${words}</text>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
