import { createCacheManager } from 'cachewright'

interface Country {
  readonly code: string
  readonly currency: string
}

/** The same caches by hand, where there is no class to annotate. */
export async function main(): Promise<void> {
  const caching = createCacheManager({ caches: { countries: { ttl: '1d' } } })
  const countries = caching.cache<Country | null>('countries')
  const load = async (code: string): Promise<Country | null> => {
    console.log(`  loading ${code}`)
    return code === 'FR' ? { code, currency: 'EUR' } : null
  }
  const find = (code: string): Promise<Country | null> =>
    countries.getOrLoad(code, () => load(code), { tags: (it) => (it ? [`currency:${it.currency}`] : []) })

  console.log(await find('FR'), await find('FR'))
  console.log(await find('XX'), await find('XX'))

  // null is a value; `lookup` tells it from nothing.
  console.log(await countries.lookup('XX'), await countries.lookup('YY'))

  await countries.putMany([
    ['CH', { code: 'CH', currency: 'CHF' }],
    ['LI', { code: 'LI', currency: 'CHF' }],
  ])
  await countries.evictMany(['XX', 'LI'])
  await countries.evictTags(['currency:EUR'])
  console.log(await countries.getMany(['FR', 'CH', 'LI', 'XX']))

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  loading FR
{ code: 'FR', currency: 'EUR' } { code: 'FR', currency: 'EUR' }
  loading XX
null null
{ found: true, value: null } { found: false }
[ undefined, { code: 'CH', currency: 'CHF' }, undefined, undefined ]
*/
