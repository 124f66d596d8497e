import { Cacheable, CacheableMany, CacheEvict, CachePut, configureCaching } from 'cachewright'

interface Book {
  readonly isbn: string
  readonly title: string
}

class Library {
  readonly #shelf = new Map([1, 2, 3, 4].map((n) => [`${n}`, { isbn: `${n}`, title: `Volume ${n}` }]))

  /** One entry for each book, shared with the method below; as a database answers, without order and without what there is not. */
  @CacheableMany({ cache: 'books', idOf: (book: Book) => book.isbn })
  async findByIsbns(isbns: readonly string[]): Promise<Book[]> {
    console.log(`  asking for ${isbns.join(', ')}`)
    return isbns.flatMap((isbn) => this.#shelf.get(isbn) ?? []).reverse()
  }

  /** What the calls of one turn are missing is loaded by one call of the method above. */
  @Cacheable({ cache: 'books', loadMany: 'findByIsbns' })
  async findByIsbn(isbn: string): Promise<Book | undefined> {
    return (await this.findByIsbns([isbn]))[0]
  }

  /** Puts each of the books that it returns. */
  @CachePut({ cache: 'books', keys: (books: readonly Book[]) => books.map(({ isbn }) => isbn) })
  async save(books: readonly Book[]): Promise<readonly Book[]> {
    for (const book of books) this.#shelf.set(book.isbn, book)
    return books
  }

  @CacheEvict({ cache: 'books', keys: (isbns: readonly string[]) => isbns })
  async remove(isbns: readonly string[]): Promise<void> {
    for (const isbn of isbns) this.#shelf.delete(isbn)
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const library = new Library()
  const titles = (books: readonly (Book | undefined)[]): string => books.map((book) => book?.title ?? 'none').join(', ')

  console.log(titles(await library.findByIsbns(['2', '1'])))
  console.log(titles(await library.findByIsbns(['3', '2', '9', '3'])))
  console.log(titles([await library.findByIsbn('3')]))
  console.log(titles(await Promise.all(['1', '4', '8', '4'].map((isbn) => library.findByIsbn(isbn)))))

  await library.save(['5', '6'].map((isbn) => ({ isbn, title: `Appendix ${isbn}` })))
  await library.remove(['1', '2'])
  console.log(titles(await library.findByIsbns(['5', '1', '6', '2', '3'])))

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  asking for 2, 1
Volume 2, Volume 1
  asking for 3, 9
Volume 3, Volume 2, Volume 3
Volume 3
  asking for 4, 8
Volume 1, Volume 4, none, Volume 4
  asking for 1, 2
Appendix 5, Appendix 6, Volume 3
*/
