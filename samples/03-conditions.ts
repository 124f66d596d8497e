import { Cacheable, configureCaching } from 'cachewright'

interface Quote {
  readonly symbol: string
  readonly price: number | null
}

/** `condition` decides by the arguments whether the cache takes part; `unless` by the result whether it is kept. */
class Quotes {
  @Cacheable({
    condition: (_symbol: string, live: boolean) => !live,
    unless: (quote: Quote) => quote.price === null,
    key: (symbol: string) => symbol,
  })
  async quote(symbol: string, _live: boolean): Promise<Quote> {
    console.log(`  asking the exchange for ${symbol}`)
    return { symbol, price: symbol === 'NEW' ? null : 42 }
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const quotes = new Quotes()

  console.log('twice, cached:')
  await quotes.quote('ACME', false)
  await quotes.quote('ACME', false)

  console.log('live, so straight to the exchange:')
  await quotes.quote('ACME', true)

  console.log('twice without a price, so never kept:')
  await quotes.quote('NEW', false)
  await quotes.quote('NEW', false)

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

twice, cached:
  asking the exchange for ACME
live, so straight to the exchange:
  asking the exchange for ACME
twice without a price, so never kept:
  asking the exchange for NEW
  asking the exchange for NEW
*/
