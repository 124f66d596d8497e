import { Cacheable, type CachedMethod, cached, createCacheManager, Memoize, type WarmList } from 'cachewright'

/* What the compiler must accept and refuse of `caching.warm`. Compiled, never run. */

interface Product {
  readonly id: string
}

declare const product: Product

class Shop {
  @Cacheable({ cache: 'products' })
  async product(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({ cache: 'prices' })
  async price(_id: number, _currency = 'EUR'): Promise<number> {
    return 1
  }

  @Memoize()
  square(number: number): number {
    return number * number
  }
}

declare const ids: readonly string[]
declare const numbers: Iterable<[number]>
declare function priced(): AsyncGenerator<[id: number, currency: string]>
const shop = cached(new Shop())
const caching = createCacheManager()

export async function accepted(): Promise<void> {
  const { loaded, isComplete, failures } = await caching.warm(
    [
      { method: shop.product, with: ids.map((id) => [id]) },
      { method: shop.price, with: numbers },
      { method: shop.price, with: priced() },
      { method: shop.price, with: [[1], [2, 'CHF']] },
    ],
    { concurrency: 5, onProgress: ({ done, total }) => void [done + loaded, total ?? 0], signal: AbortSignal.abort() },
  )
  void [isComplete, failures[0]?.args, await caching.warm([])]
  const several: CachedMethod<[string], Product>[] = [shop.product]
  await caching.warm(several.map((method) => ({ method, with: [['1'] as const] })))
  const list: WarmList<[string]> = { method: shop.product, with: new Set([['1'] as const]) }
  await caching.warm([list])
  await shop.product.warm(ids.map((id) => [id]))
  caching.on('warm', ({ done, position }) => done - position)
}

export async function refused(): Promise<void> {
  // @ts-expect-error the method takes a text
  await caching.warm([{ method: shop.product, with: [[1]] }])
  // @ts-expect-error a list of calls, not of arguments
  await caching.warm([{ method: shop.product, with: ids }])
  // @ts-expect-error one argument is missing
  await caching.warm([{ method: shop.product, with: [[]] }])
  // @ts-expect-error one is too many
  await caching.warm([{ method: shop.product, with: [['1', '2']] }])
  // @ts-expect-error what the generator yields is for the other method
  await caching.warm([{ method: shop.product, with: priced() }])
  await caching.warm([
    { method: shop.product, with: ids.map((id) => [id]) },
    // @ts-expect-error also in the second list
    { method: shop.price, with: ids.map((id) => [id]) },
  ])
  // @ts-expect-error not the method itself
  await caching.warm([{ method: new Shop().product, with: [['1']] }])
  // @ts-expect-error a memo is not loaded
  await caching.warm([{ method: shop.square, with: [[1]] }])
  // @ts-expect-error no such field
  await caching.warm([{ method: shop.product, whit: [['1']] }])
  // @ts-expect-error no such option
  await caching.warm([], { parallel: 5 })
  // @ts-expect-error of one method too
  await shop.product.warm([[1]])
}
