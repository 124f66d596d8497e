import { Cacheable, CacheEvict, Caching, configureCaching } from 'cachewright'

interface Book {
  readonly isbn: string
  readonly author: string
}

class Library {
  readonly #books = new Map<string, Book>()

  @Cacheable({ key: (isbn: string) => isbn.replaceAll('-', '') })
  async find(isbn: string): Promise<Book | undefined> {
    console.log(`  looking for ${isbn}`)
    return this.#books.get(isbn)
  }

  @Cacheable({ ttl: '1h' })
  async countOf(author: string): Promise<number> {
    console.log(`  counting ${author}`)
    return [...this.#books.values()].filter((book) => book.author === author).length
  }

  /** Names the methods whose entries it removes, and makes their arguments; what keys those have is their business. */
  @Caching({
    evict: [
      { of: () => [Library, 'find'], args: (book: Book) => [book.isbn] },
      { of: () => [Library, 'countOf'], args: (book: Book) => [book.author] },
    ],
  })
  async save(book: Book): Promise<void> {
    this.#books.set(book.isbn, book)
  }
}

class Archive extends Library {}

class Desk {
  /** From another class; the argument is that of the method, so that it is passed on. */
  @CacheEvict({ of: () => [Archive, 'find'] })
  async returned(isbn: string): Promise<string> {
    return `${isbn} is back`
  }
}

/** Evicts that the compiler holds against the reads they are for: rename one, or change its key, and nothing is left behind. */
export async function main(): Promise<void> {
  const caching = configureCaching()
  const [library, archive, desk] = [new Library(), new Archive(), new Desk()]

  console.log(await library.find('0-14'), await library.countOf('Ovid'))
  await library.save({ isbn: '0-14', author: 'Ovid' })
  console.log(await library.find('0-14'), await library.countOf('Ovid'))

  console.log(await archive.find('0-15'), await desk.returned('0-15'), await archive.find('0-15'))
  console.log(caching.explain(Library, 'save'))

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  looking for 0-14
  counting Ovid
undefined 0
  looking for 0-14
  counting Ovid
{ isbn: '0-14', author: 'Ovid' } 1
  looking for 0-15
  looking for 0-15
undefined 0-15 is back undefined
Library.save
  1. call the method
  2. evict what Library.find keeps for `args` from Library.find
  3. evict what Library.countOf keeps for `args` from Library.countOf
*/
