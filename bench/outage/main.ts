import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { installContenders } from '../contenders/install'
import { boundsOf } from './bounds'
import { chartText } from './chart'
import { type ContenderName, contenderNames } from './contender'
import { figuresOf } from './figures'
import { keepPicture, writePage } from './page'
import { timeline } from './phases'
import { picture } from './picture'
import type { Trial } from './record'
import { boundsMarkdown, boundsText, failuresText, tableMarkdown, tableText } from './table'
import { load, terms } from './terms'
import { runTrial } from './trial'

/*
 * `npm run outage`: a service under constant load while Redis and the source fail, one way after the other, beside the same
 * load without a cache and with bentocache. Ends with 1 if one of the bounds that are promised is broken.
 */

const usage = `npm run outage -- [--seconds 5] [--quick] [--seed 1] [--only 'no cache; cachewright']

  --seconds n   how long each fault lasts
  --quick       2 seconds
  --seed n      which keys are asked for
  --only names  some of: ${contenderNames.join('; ')} (separated by semicolons)

A full run, of all contenders, rewrites docs/outage.svg and the figures in docs/outage.md; another one keeps its picture in
bench/results.`

const fullSeconds = 5
const quickSeconds = 2

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(usage)
  const seconds = Number(values.seconds ?? (values.quick ? quickSeconds : fullSeconds))
  const seed = Number(values.seed)
  if (!(seconds >= 1) || !Number.isSafeInteger(seed)) throw new Error(usage)
  const wanted = chosen(values.only)
  const contenders = wanted.filter((name) => !name.startsWith('bentocache') || hasBentocache())
  if (contenders.length === 0) throw new Error('nobody is left to run')
  const phases = timeline(seconds)
  console.log(
    `${load.perSecond} calls/s over ${load.keys} keys, ttl ${terms.ttl}, ${seconds} s each: ${phases.flatMap(({ name, isMending }) => (isMending ? [] : name)).join(', ')}; seed ${seed}`,
  )
  const trials: Trial[] = []
  for (const name of contenders) {
    console.log(`> ${name}: ${Math.round(phases.at(-1)!.toMs / 1_000)} s`)
    trials.push(await runTrial(name, phases, seed))
  }
  const figures = trials.map(figuresOf)
  const of = (name: ContenderName): Trial | undefined => trials.find(({ contender }) => contender === name)
  const own = of('cachewright')
  const bounds = own === undefined ? [] : boundsOf(own, of('no cache'))
  console.log(`\n${tableText(figures)}\n`)
  if (failuresText(figures) !== '') console.log(`${failuresText(figures)}\n`)
  console.log(`${chartText(trials)}\n`)
  if (bounds.length > 0) console.log(`cachewright, with default options:\n${boundsText(bounds)}\n`)
  const isFull = contenders.length === contenderNames.length && seconds >= fullSeconds
  const report = [conditions(seconds, seed), tableMarkdown(figures), boundsMarkdown(bounds)].join('\n\n')
  const written = isFull ? writePage(picture(trials), report) : keepPicture(picture(trials))
  console.log(`written: ${written.join(', ')}`)
  process.exitCode = bounds.every(({ isHeld }) => isHeld) ? 0 : 1
}

function chosen(only: string | undefined): readonly ContenderName[] {
  if (only === undefined) return contenderNames
  const names = only.split(';').map((name) => name.trim())
  if (names.some((name) => !contenderNames.some((known) => known === name))) throw new Error(usage)
  return contenderNames.filter((name) => names.includes(name))
}

let bentocache: boolean | undefined

/** Asked for once, and said once. */
function hasBentocache(): boolean {
  if (bentocache === undefined) {
    bentocache = installContenders('bentocache')
    if (!bentocache) console.log('bentocache could not be installed (npm ci --prefix bench/contenders): run without it')
  }
  return bentocache
}

function conditions(seconds: number, seed: number): string {
  return `One run: \`npm run outage -- --seconds ${seconds} --seed ${seed}\`, Node ${process.versions.node}, ${cpus().length} cores, Redis on loopback. Times in milliseconds.`
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
})
