import { Cacheable, configureCaching } from 'cachewright'

/** One annotation: the method answers from the cache, and runs only for what the cache does not have. */
class Greeter {
  @Cacheable({ ttl: '1m' })
  async greet(name: string): Promise<string> {
    console.log(`  composing a greeting for ${name}`)
    return `Hello, ${name}!`
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const greeter = new Greeter()

  console.log(await greeter.greet('Ada'))
  console.log(await greeter.greet('Ada'))
  console.log(await greeter.greet('Alan'))

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  composing a greeting for Ada
Hello, Ada!
Hello, Ada!
  composing a greeting for Alan
Hello, Alan!
*/
