import { Cacheable, createCacheManager } from 'cachewright'

class Geocoder {
  constructor(readonly region: string) {}

  @Cacheable({ cache: 'places' })
  async locate(place: string): Promise<string> {
    console.log(`  ${this.region} looks up ${place}`)
    return `${place} in ${this.region}`
  }
}

/** Managers without anything global: each instance is bound to its own, as a container or a test would do it. */
export async function main(): Promise<void> {
  const [small, none] = [createCacheManager({ local: { maxEntries: 1 } }), createCacheManager({ defaults: { ttl: 0 } })]
  const texas = small.bind(new Geocoder('Texas'))
  const france = none.bind(new Geocoder('France'))

  console.log(await texas.locate('Paris'), '/', await texas.locate('Paris'))
  console.log(await france.locate('Paris'), '/', await france.locate('Paris'))

  console.log('a second place pushes out the first:')
  await texas.locate('Dublin')
  await texas.locate('Paris')

  await small.close()
  await none.close()
}

if (require.main === module) void main()

/*
Expected output:

  Texas looks up Paris
Paris in Texas / Paris in Texas
  France looks up Paris
  France looks up Paris
Paris in France / Paris in France
a second place pushes out the first:
  Texas looks up Dublin
  Texas looks up Paris
*/
