import { Cacheable, CacheEvict, configureCaching } from 'cachewright'

/** The race most caches lose: a slow read begins, the row changes and is evicted, the slow read ends. */
class Prices {
  #price = 10
  /** Called when a read has seen the row but has not answered yet. */
  duringRead: (() => Promise<void>) | undefined

  @Cacheable({ cache: 'prices' })
  async of(_product: string): Promise<number> {
    const seen = this.#price
    await this.duringRead?.()
    return seen
  }

  @CacheEvict({ cache: 'prices', key: (product: string) => product })
  async change(_product: string, price: number): Promise<void> {
    this.#price = price
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const prices = new Prices()
  caching.on('superseded', ({ cache, key }) => console.log(`not kept: ${cache} ${key}`))

  prices.duringRead = async () => {
    prices.duringRead = undefined
    await prices.change('lamp', 12)
  }
  console.log('the slow read may still answer', await prices.of('lamp'))
  console.log('every read after the change answers', await prices.of('lamp'))

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

not kept: prices lamp
the slow read may still answer 10
every read after the change answers 12
*/
