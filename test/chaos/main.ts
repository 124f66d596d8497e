import { parseArgs } from 'node:util'
import { describePlan, type FaultName } from './plan'
import { commandFor, describeFindings, summary } from './report'
import { runChaos } from './run'
import { type TopologyName, topologyNames } from './topology'

/*
 * `npm run chaos -- --seconds 60 --processes 4 --seed 1 --topology single`: real processes, real Redis, everything that
 * can go wrong, and a judge. Long runs are rounds of a minute, each with a seed of its own, so that the history of one
 * can be printed and run again. Ends with 1 if anything was found.
 */

const roundSeconds = 60

const usage = `npm run chaos -- [--seconds 60] [--processes 4] [--seed n] [--topology single|sentinel|cluster]
                [--faults 'freeze,flush all'] [--keep folder] [--plan]`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      processes: { type: 'string', default: '4' },
      seed: { type: 'string', default: String(process.pid) },
      topology: { type: 'string', default: 'single' },
      faults: { type: 'string' },
      keep: { type: 'string' },
      plan: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(usage)
  const faults = values.faults?.split(',').map((name) => name.trim()) as FaultName[] | undefined
  const topology = values.topology as TopologyName
  if (!topologyNames.includes(topology)) throw new Error(usage)
  let left = Number(values.seconds)
  let found = 0
  for (let seed = Number(values.seed); left > 0; seed += 1) {
    const seconds = Math.min(left, roundSeconds)
    left -= seconds
    const processes = Number(values.processes)
    const options = { seed, seconds, processes, topology, faults, keep: values.keep }
    console.log(`> ${commandFor(options)}`)
    const run = await runChaos(options)
    found += run.findings.length
    if (values.plan || run.findings.length > 0) console.log(describePlan(run.plan).join('\n'))
    console.log(summary(run))
    if (run.output !== '') console.log(`printed by the processes:\n${run.output}`)
    if (run.findings.length > 0) console.log(`\n${describeFindings(run)}\n\nagain with: ${commandFor(options)}`)
  }
  console.log(found === 0 ? 'nothing found' : `${found} found`)
  process.exitCode = found === 0 ? 0 : 1
}

main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 2
})
