import { AsyncLocalStorage } from 'node:async_hooks'
import { Cacheable, configureCaching } from 'cachewright'

const tenant = new AsyncLocalStorage<string>()

/** The tenant is in no signature, yet it is part of every key: nobody can forget it. */
class Invoices {
  @Cacheable({ cache: 'invoices' })
  async total(year: number): Promise<string> {
    console.log(`  adding up ${year} for ${tenant.getStore()}`)
    return `${tenant.getStore()} ${year}`
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching({ defaults: { partition: () => tenant.getStore() } })
  const invoices = new Invoices()

  for (const name of ['acme', 'umbrella', 'acme']) {
    console.log(await tenant.run(name, () => invoices.total(2024)))
  }
  console.log(caching.cache('invoices').stats().local.size, 'entries: one for each tenant')

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  adding up 2024 for acme
acme 2024
  adding up 2024 for umbrella
umbrella 2024
acme 2024
2 entries: one for each tenant
*/
