import { parseArgs } from 'node:util'
import { type Beginning, beginnings, explore, play, sample } from './explorer'
import { NodeMemory, patient } from './node'
import { everyKind, type Kind, Violation } from './world'

/*
 * npm run explore -- [--operations 3] [--times 1] [--spans 1001,5001] [--kinds load,put] [--from warm] [--whole] [--one]
 *                    [--timeout 250] [--minutes 10] [--states 5000000]     every schedule within that
 *                    --sample [--seed 1]                    schedules drawn at random, until the time is up
 *                    --play '<schedule>'                    one schedule, as it was printed
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      operations: { type: 'string', default: '3' },
      times: { type: 'string', default: '0' },
      spans: { type: 'string', default: '1001' },
      kinds: { type: 'string', default: everyKind.join(',') },
      from: { type: 'string', default: Object.keys(beginnings).join(',') },
      whole: { type: 'boolean', default: false },
      one: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '10' },
      states: { type: 'string', default: '5000000' },
      sample: { type: 'boolean', default: false },
      timeout: { type: 'string', default: String(patient) },
      seed: { type: 'string', default: '1' },
      play: { type: 'string' },
    },
  })
  const remember = (): NodeMemory => new NodeMemory(Number(values.timeout))
  if (values.play !== undefined) {
    await play(values.play, { memory: remember() })
    return console.log('nothing is violated')
  }
  const budget = {
    operations: Number(values.operations),
    kinds: values.kinds.split(',') as Kind[],
    times: Number(values.times),
    spans: values.spans.split(',').map(Number),
    areFlushesWhole: values.whole,
    ...(values.one ? { nodes: ['A'] as const } : {}),
  }
  for (const beginning of values.from.split(',') as Beginning[]) {
    const began = performance.now()
    const untilMs = began + Number(values.minutes) * 60_000
    const seconds = (): string => `${((performance.now() - began) / 1_000).toFixed(1)} s`
    if (values.sample) {
      let [schedules, seed] = [0, Number(values.seed)]
      // What nodes did is forgotten now and then: random schedules have little in common.
      for (; performance.now() < untilMs; seed++) {
        const outcome = await sample(beginning, budget, { memory: remember() }, seed, 500, untilMs)
        schedules += outcome.schedules
        report(outcome.found)
      }
      console.log(`${beginning}: ${schedules} schedules at random, ${seconds()}`)
      continue
    }
    const memory = remember()
    const outcome = await explore(beginning, budget, { memory }, { states: Number(values.states), untilMs })
    const { states, transitions, ends, isComplete } = outcome
    console.log(
      `${beginning}: ${states} states, ${transitions} steps between them, ${ends} ends, ${memory.histories} histories of ` +
        `nodes, ${isComplete ? 'complete' : 'NOT complete'}, ${seconds()}`,
    )
    report(outcome.found)
  }
}

function report(found: { readonly message: string; readonly schedule: string } | undefined): void {
  if (found === undefined) return
  console.log(`${found.message}\n  --play '${found.schedule}'`)
  process.exitCode = 1
}

process.on('unhandledRejection', (error) => {
  console.error('G4: an unhandled rejection:', error)
  process.exitCode = 1
})

main().catch((error: unknown) => {
  console.error(error instanceof Violation ? error.message : error)
  process.exitCode = 1
})
