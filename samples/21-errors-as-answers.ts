import { Cacheable, CacheEvict, configureCaching } from 'cachewright'

class NotFound extends Error {}

/** That there is no such thing is an answer too, and as dear to find out as any other. */
class Articles {
  readonly #texts = new Map<string, string>()
  loads = 0

  @Cacheable({ cache: 'articles', cacheErrors: { ttl: '10s', include: [NotFound] } })
  async find(id: string): Promise<string> {
    this.loads++
    const text = this.#texts.get(id)
    if (text === undefined) throw new NotFound(`no article ${id}`)
    return text
  }

  @CacheEvict({ cache: 'articles', key: (id: string) => id, afterError: true })
  async write(id: string, text: string): Promise<void> {
    this.#texts.set(id, text)
    if (text === '') throw new Error('written, but not indexed')
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching({ types: [NotFound] })
  const articles = new Articles()

  for (let time = 0; time < 3; time++) {
    await articles.find('a').catch((error: Error) => console.log(error instanceof NotFound, error.message))
  }
  console.log(`${articles.loads} load`)

  await articles.write('a', 'Caches')
  console.log(await articles.find('a'))

  await articles.write('a', '').catch((error: Error) => console.log(error.message))
  console.log(`evicted all the same: '${await articles.find('a')}', ${articles.loads} loads`)

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

true no article a
true no article a
true no article a
1 load
Caches
written, but not indexed
evicted all the same: '', 3 loads
*/
