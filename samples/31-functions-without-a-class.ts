import { cacheFunction, configureCaching } from 'cachewright'

const table = new Map([
  ['EUR', 1.1],
  ['CHF', 1.2],
])

async function queryRate(currency: string, _trace?: string): Promise<number | undefined> {
  console.log(`  querying ${currency}`)
  return table.get(currency)
}

/** What `@Cacheable` is for a method: the same options, checked by the compiler against the function. */
const rateOf = cacheFunction(queryRate, {
  cache: 'rates',
  key: (currency) => currency,
  ttl: '1m',
  tags: (rate) => (rate === undefined ? ['unknown'] : []),
})

export async function main(): Promise<void> {
  const caching = configureCaching()

  console.log(await rateOf('EUR', 'request 1'), await rateOf('EUR', 'request 2'))
  console.log(await rateOf('ZZZ'), await rateOf('ZZZ'))

  // The cache of that name is the same one, by hand.
  const rates = caching.cache<number | undefined>('rates')
  await rates.put('EUR', 1.3)
  await rates.evictTags(['unknown'])
  console.log(await rateOf('EUR'), await rateOf('ZZZ'))

  // And where a function is not worth a name: the cached value, or what the loader makes of it, once for all who ask.
  const total = (items: readonly string[]): Promise<number> =>
    caching.cache<number>('totals').getOrLoad([...items], async () => {
      console.log(`  adding up ${items.join(', ')}`)
      const all = await Promise.all(items.map((item) => rateOf(item)))
      return all.reduce<number>((sum, rate) => sum + (rate ?? 0), 0)
    })
  console.log(await Promise.all([total(['EUR', 'CHF']), total(['EUR', 'CHF']), total(['CHF', 'EUR'])]))

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  querying EUR
1.1 1.1
  querying ZZZ
undefined undefined
  querying ZZZ
1.3 undefined
  adding up EUR, CHF
  querying CHF
  adding up CHF, EUR
[ 2.5, 2.5, 2.5 ]
*/
