import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { CityDatabase } from './database'
import { drawLoad } from './load'
import { count, picture, type Run, time, total } from './picture'
import { withProgress } from './progress'
import { SecondProcess } from './second-process'
import { type CacheSettings, type Report, type Task, Visitors } from './visitors'

/*
 * A catalogue of the world's cities in an embedded PostgreSQL, visited by many and changed by some: once without caching,
 * once with. With REDIS_URL set the visitors are spread over two processes, whose caches share that Redis.
 *
 *     npm run demo -- [--quick] [--seed <number>]
 */

/** @returns whether every change was seen by every read that had to see it */
export async function main(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' } },
  })
  const { minPopulation, steps, visitors } = values.quick
    ? { minPopulation: 100_000, steps: 4_000, visitors: 64 }
    : { minPopulation: 5_000, steps: 24_000, visitors: 64 }
  const redisUrl = process.env.REDIS_URL || undefined
  const seed = Number(values.seed)
  if (!Number.isInteger(seed)) throw new TypeError(`--seed takes a whole number, not '${values.seed}'`)

  const database = new CityDatabase()
  const first = new Visitors(database)
  const second = redisUrl === undefined ? undefined : new SecondProcess(database)
  try {
    const cities = await withProgress(
      'filling the database',
      (show) => database.fill(minPopulation, show),
      ({ length }) => `${count(length)} cities`,
    )

    const crowd = new Crowd(database, first, second)
    const load = [seed, ...(second === undefined ? [] : [seed + 1])].map((its, _, { length }) => ({
      steps: drawLoad(cities, steps / length, its),
      visitors: visitors / length,
    }))
    const caching: CacheSettings = {
      redisUrl,
      // The database begins anew each time, and so must the caches.
      prefix: `catalogue-${process.pid}-${Date.now().toString(36)}`,
      maxStalenessMs: 1_000,
    }
    const without = await crowd.run(
      'without caching',
      load.map((its) => ({ ...its, caching: undefined })),
    )
    const cached = await crowd.run(
      'with caching',
      load.map((its) => ({ ...its, caching })),
    )

    if (second !== undefined) await pause(caching.maxStalenessMs)
    const reviews = [await first.review(), ...(second === undefined ? [] : [await second.review()])]
    const checked = reviews.reduce((sum, review) => sum + review.checked, 0)
    const wrong = reviews.reduce((sum, review) => sum + review.wrong, 0)
    const stale = total(cached, 'stale')
    const late = total(cached, 'late')

    console.log(`\n${picture(without, cached)}\n`)
    console.log(` ${count(total(cached, 'changes'))} changes; reads that missed one they had to show: ${stale}`)
    if (second !== undefined) {
      const latest = Math.max(...cached.reports.map(({ latestMs }) => latestMs))
      const behind = late === 0 ? '' : `, by ${time(latest)} at the most (${time(caching.maxStalenessMs)} allowed)`
      console.log(` reads that were behind the other process: ${count(late)}${behind}`)
    }
    const failures = total(cached, 'sharedFailures')
    if (failures > 0) console.log(` commands that Redis did not answer in time: ${count(failures)}`)
    console.log(` ${count(checked)} changed cities read again at the end; not as in the database: ${wrong}`)
    console.log(stale + wrong === 0 ? ' ✓ every change was seen' : ' ✗ changes were missed')
    return stale + wrong === 0
  } finally {
    await Promise.all([first.close(), second?.close()])
    await database.close()
  }
}

/** Everybody who visits, in one process or two. */
class Crowd {
  constructor(
    private readonly database: CityDatabase,
    private readonly first: Visitors,
    private readonly second: SecondProcess | undefined,
  ) {}

  run(label: string, tasks: readonly Task[]): Promise<Run> {
    const requests = tasks.reduce((sum, { steps }) => sum + steps.length, 0)
    const visitors = tasks.reduce((sum, its) => sum + its.visitors, 0)
    return withProgress(
      label,
      (show) => this.#run(tasks, (done) => show(done / requests)),
      () => `${count(requests)} requests by ${visitors} visitors`,
    )
  }

  async #run([mine, others]: readonly Task[], tell: (done: number) => void): Promise<Run> {
    const { first, second } = this
    const steps = { first: 0, second: 0 }
    const show = (): void => tell(steps.first + steps.second)
    if (second !== undefined) {
      second.onChange = (change) => first.hear(change)
      second.onProgress = (its) => {
        steps.second = its
        show()
      }
    }
    await Promise.all([first.prepare(mine!), second?.prepare(others!)])
    const queriesBefore = this.database.queries
    const reports = await Promise.all([
      first.run(
        mine!,
        (change) => second?.hear(change),
        (its) => {
          steps.first = its
          show()
        },
      ),
      second?.run(others!),
    ])
    return {
      reports: reports.filter((report): report is Report => report !== undefined),
      queries: this.database.queries - queriesBefore,
    }
  }
}

if (require.main === module) {
  main(process.argv.slice(2)).then(
    (allSeen) => {
      process.exitCode = allSeen ? 0 : 1
    },
    (error: unknown) => {
      console.error(error)
      process.exitCode = 1
    },
  )
}
