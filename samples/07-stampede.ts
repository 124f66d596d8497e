import { Cacheable, configureCaching } from 'cachewright'

/** A thousand callers that want what is not there yet wait for one load; its error would reach them all. */
class Reports {
  loads = 0

  @Cacheable({ cache: 'reports' })
  async monthly(month: string): Promise<string> {
    this.loads++
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (month === 'never') throw new Error('there is no such month')
    return `report of ${month}`
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const reports = new Reports()

  const answers = await Promise.all(Array.from({ length: 1_000 }, () => reports.monthly('May')))
  console.log(`${answers.length} callers, ${new Set(answers).size} answer, ${reports.loads} load`)

  const failures = await Promise.allSettled(Array.from({ length: 1_000 }, () => reports.monthly('never')))
  const rejected = failures.filter(({ status }) => status === 'rejected')
  console.log(`${rejected.length} callers saw the error of ${reports.loads - 1} load; it is not kept`)

  const { joins, loadSuccesses, loadFailures } = caching.cache('reports').stats()
  console.log({ joins, loadSuccesses, loadFailures })

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

1000 callers, 1 answer, 1 load
1000 callers saw the error of 1 load; it is not kept
{ joins: 1998, loadSuccesses: 1, loadFailures: 1 }
*/
