import { Cacheable, CacheEvict, configureCaching } from 'cachewright'

interface Page {
  readonly title: string
  readonly authors: readonly string[]
}

/** A tag, read off the result, evicts what cannot be named by key: here every page an author had a hand in. */
class Pages {
  readonly #names = new Map([
    ['ada', 'Ada'],
    ['alan', 'Alan'],
  ])

  @Cacheable({ cache: 'pages', tags: (page: Page) => page.authors.map((author) => `author:${author}`) })
  async render(title: string): Promise<Page> {
    console.log(`  rendering ${title}`)
    const authors = title === 'Engines' ? ['ada'] : title === 'Machines' ? ['alan'] : ['ada', 'alan']
    return { title: `${title} by ${authors.map((author) => this.#names.get(author)).join(' and ')}`, authors }
  }

  // No cache is named: carriers of the tag go, whichever cache they are in.
  @CacheEvict({ tags: (author: string) => [`author:${author}`] })
  async renameAuthor(author: string, name: string): Promise<void> {
    this.#names.set(author, name)
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const pages = new Pages()
  const titles = ['Engines', 'Machines', 'Computing']

  for (const title of titles) await pages.render(title)
  await pages.renameAuthor('ada', 'Countess Ada')
  console.log('Ada has a new name')
  for (const title of titles) console.log((await pages.render(title)).title)

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  rendering Engines
  rendering Machines
  rendering Computing
Ada has a new name
  rendering Engines
Engines by Countess Ada
Machines by Alan
  rendering Computing
Computing by Countess Ada and Alan
*/
