import { Cacheable, CacheIgnore, CacheKey, configureCaching } from 'cachewright'

interface Caller {
  readonly user: string
  readonly requestId: number
}

interface Query {
  readonly text: string
  readonly page: number
}

/** What makes the key: all parameters, or those marked, or all but those ignored, or what a function says. */
class Search {
  @Cacheable()
  async byQuery(query: Query): Promise<string> {
    return this.#ask(`byQuery ${query.text}`)
  }

  @Cacheable()
  async forUser(@CacheKey('user') caller: Caller, @CacheKey() text: string): Promise<string> {
    return this.#ask(`forUser ${caller.user} ${text}`)
  }

  @Cacheable()
  async traced(text: string, @CacheIgnore() _caller: Caller): Promise<string> {
    return this.#ask(`traced ${text}`)
  }

  @Cacheable({ key: (text: string) => text.toLowerCase() })
  async ignoringCase(text: string): Promise<string> {
    return this.#ask(`ignoringCase ${text}`)
  }

  #ask(what: string): string {
    console.log(`asked: ${what}`)
    return what
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const search = new Search()

  await search.byQuery({ text: 'tea', page: 1 })
  await search.byQuery({ page: 1, text: 'tea' }) // the same key: order does not count

  await search.forUser({ user: 'ada', requestId: 1 }, 'tea')
  await search.forUser({ user: 'ada', requestId: 2 }, 'tea') // requestId is not marked

  await search.traced('tea', { user: 'ada', requestId: 3 })
  await search.traced('tea', { user: 'alan', requestId: 4 }) // the caller is ignored

  await search.ignoringCase('Tea')
  await search.ignoringCase('TEA')

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

asked: byQuery tea
asked: forUser ada tea
asked: traced tea
asked: ignoringCase Tea
*/
