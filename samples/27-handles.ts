import { Cacheable, cached, cacheFunction, configureCaching } from 'cachewright'

class Weather {
  asked = 0

  @Cacheable({ cache: 'weather' })
  async of(city: string): Promise<string> {
    this.asked++
    return `${city}: sunny, report ${this.asked}`
  }
}

/** The cached methods of an object as something to look at and to steer, by the arguments of the method itself. */
export async function main(): Promise<void> {
  const caching = configureCaching()
  const weather = new Weather()
  const { of } = cached(weather)

  console.log(await of.warm([['Rome'], ['Oslo'], ['Rome']]))
  console.log(await of.peek('Rome'), await of.peek('Paris'))
  console.log(await of.refresh('Rome'))
  await of.evict('Oslo')
  await of.put(['Paris'], 'Paris: as forecast')
  console.log(await weather.of('Rome'), '|', await weather.of('Oslo'), '|', await weather.of('Paris'))
  console.log(of.keyOf('Rome'), of.info())

  const dice = cacheFunction(async (sides: number) => `a die with ${sides} sides`, { cache: 'dice' })
  console.log(await dice(6))

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

{ done: 3, failed: 0, total: 3 }
{ found: true, value: 'Rome: sunny, report 1' } { found: false }
Rome: sunny, report 3
Rome: sunny, report 3 | Oslo: sunny, report 4 | Paris: as forecast
Rome { hits: 2, misses: 3, ratio: 0.4, size: 3, max: 10000 }
a die with 6 sides
*/
