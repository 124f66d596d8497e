import { Cacheable, CacheEvict, configureCaching } from 'cachewright'

/**
 * The decorators of the language itself (TC39): the same imports, compiled without `experimentalDecorators`. They have no
 * parameter decorators, so a key that is not all parameters is a function, which the compiler holds against the method.
 *
 *     npx tsx --tsconfig samples/standard/tsconfig.json samples/standard/15-standard-decorators.ts
 */
class Articles {
  #likes = 0

  @Cacheable({ cache: 'likes', key: (slug: string) => slug })
  async likes(slug: string, _requestId: number): Promise<string> {
    console.log(`  counting ${slug}`)
    return `${slug}: ${this.#likes} likes`
  }

  @CacheEvict({ cache: 'likes' })
  async like(_slug: string): Promise<void> {
    this.#likes++
  }
}

/** Only legacy compilation shows a decorator the prototype; the standard one shows it a context. */
function dialect(_target: unknown, context: unknown): void {
  console.log(typeof context === 'object' ? 'standard decorators' : 'legacy decorators')
}

export async function main(): Promise<void> {
  class Probe {
    @dialect
    method(): void {}
  }
  void Probe
  const caching = configureCaching()
  const articles = new Articles()

  console.log(await articles.likes('tea', 1))
  console.log(await articles.likes('tea', 2))
  await articles.like('tea')
  console.log(await articles.likes('tea', 3))

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

standard decorators
  counting tea
tea: 0 likes
tea: 0 likes
  counting tea
tea: 1 likes
*/
