import { Cacheable, configureCaching } from 'cachewright'

interface Basket {
  readonly owner: string
  readonly items: string[]
}

/** What one caller does to a value, no other caller sees: values are frozen, or copied where the cache says so. */
class Baskets {
  @Cacheable({ cache: 'frozen' })
  async frozen(owner: string): Promise<Basket> {
    return { owner, items: ['tea'] }
  }

  @Cacheable({ cache: 'copied' })
  async copied(owner: string): Promise<Basket> {
    return { owner, items: ['tea'] }
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching({ caches: { copied: { local: { isolation: 'copy' } } } })
  const baskets = new Baskets()

  const frozen = await baskets.frozen('ada')
  try {
    frozen.items.push('milk')
  } catch (error) {
    console.log('frozen:', (error as Error).message)
  }
  console.log('frozen: everybody gets the same object:', frozen === (await baskets.frozen('ada')))

  const mine = await baskets.copied('ada')
  mine.items.push('milk')
  console.log('copied: mine', mine.items, 'next', (await baskets.copied('ada')).items)

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

frozen: Cannot add property 1, object is not extensible
frozen: everybody gets the same object: true
copied: mine [ 'tea', 'milk' ] next [ 'tea' ]
*/
