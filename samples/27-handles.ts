import { Cacheable, cached, configureCaching } from 'cachewright'

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

  const { done, loaded } = await of.warm([['Rome'], ['Oslo'], ['Rome']])
  console.log('warmed:', done, 'loaded:', loaded)
  console.log(await of.peek('Rome'), await of.peek('Paris'))
  console.log(await of.refresh('Rome'))
  await of.evict('Oslo')
  await of.put(['Paris'], 'Paris: as forecast')
  console.log(await weather.of('Rome'), '|', await weather.of('Oslo'), '|', await weather.of('Paris'))
  console.log(of.keyOf('Rome'), of.info())

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

warmed: 3 loaded: 2
{ found: true, value: 'Rome: sunny, report 1' } { found: false }
Rome: sunny, report 3
Rome: sunny, report 3 | Oslo: sunny, report 4 | Paris: as forecast
Rome { hits: 3, misses: 3, ratio: 0.5, size: 3, max: 10000 }
*/
