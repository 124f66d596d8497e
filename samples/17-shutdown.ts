import { Cacheable, configureCaching } from 'cachewright'

class Orders {
  @Cacheable({ cache: 'orders' })
  async find(id: number): Promise<string> {
    console.log(`  querying order ${id}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
    return `order ${id}`
  }
}

/** `ready()` looks everything over before the first request, `close()` finishes what is under way after the last. */
export async function main(): Promise<void> {
  const caching = configureCaching()
  const { shared, warnings } = await caching.ready()
  console.log('shared tier:', shared)
  for (const { message } of warnings) console.log('look at this:', message) // a misspelt cache name, for one

  const orders = new Orders()
  const last = orders.find(7)
  await caching.close() // waits for the load in progress
  console.log('closed:', caching.isClosed, '- the last call:', await last)

  // From now on methods run as if they were not decorated: a late request is answered, not refused.
  console.log(await orders.find(7))
  await caching.close() // safe to call again
}

if (require.main === module) void main()

/*
Expected output:

shared tier: none
  querying order 7
closed: true - the last call: order 7
  querying order 7
order 7
*/
