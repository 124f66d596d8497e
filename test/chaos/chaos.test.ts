import { failoverFaults, networkFaults, processFaults, serverFaults } from './plan'
import { commandFor, describeFindings, summary } from './report'
import { type ChaosOptions, type ChaosRun, runChaos } from './run'

/*
 * The short form of `npm run chaos`: a bit over a minute in all. The seeds fix what is done and when; how the processes meet is
 * theirs. What is found here once can be run again with the seed that is printed.
 */

const processes = 4

const failovers = failoverFaults.filter((name) => name !== 'move slots')

async function run(
  options: Pick<ChaosOptions, 'seed' | 'seconds' | 'faults'> & Partial<ChaosOptions>,
): Promise<ChaosRun> {
  const whole = { processes, topology: 'single', ...options } as const
  const done = await runChaos(whole)
  expect(done.output).toBe('')
  if (done.findings.length > 0) {
    throw new Error(`again with: ${commandFor(whole)}\n${summary(done)}\n\n${describeFindings(done)}`)
  }
  return done
}

/** A run that found nothing because it did nothing would be worth nothing. */
function expectWork({ tally, history }: ChaosRun, leastFaults: number): void {
  expect(tally.reads).toBeGreaterThan(1_500)
  expect(tally.localHits).toBeGreaterThan(400)
  expect(tally.loads).toBeGreaterThan(300)
  expect(tally.evictions).toBeGreaterThan(150)
  expect(tally.faults).toBeGreaterThanOrEqual(leastFaults)
  const failed = history.filter((happening) => happening.type === 'fault' && happening.note?.startsWith('failed'))
  expect(failed).toEqual([])
}

test('processes agree whatever is done to their connections', async () => {
  const done = await run({ seed: 6, seconds: 14, faults: networkFaults })
  expectWork(done, 8)
  expect(done.tally.failures).toBeGreaterThan(10)
}, 60_000)

test('processes agree whatever is done to the server', async () => {
  const done = await run({ seed: 19, seconds: 16, faults: serverFaults })
  expectWork(done, 8)
}, 60_000)

test('processes agree when some of them stop or die, and the server comes back with an older state', async () => {
  const done = await run({ seed: 6, seconds: 14, faults: [...processFaults, 'restart from disk', 'freeze'] })
  expectWork(done, 8)
  expect(done.tally.lives).toBeGreaterThan(processes)
  expect(done.tally.losses).toBeGreaterThan(0)
}, 60_000)

test('processes agree when sentinels replace the primary', async () => {
  const done = await run({ seed: 26, seconds: 13, topology: 'sentinel', faults: [...networkFaults, ...failovers] })
  expectWork(done, 6)
  expect(done.tally.losses).toBeGreaterThan(0)
}, 90_000)

test('processes agree when slots of a cluster move and masters are replaced', async () => {
  const faults = [...networkFaults, ...failoverFaults]
  expectWork(await run({ seed: 8, seconds: 13, topology: 'cluster', faults }), 6)
}, 90_000)
