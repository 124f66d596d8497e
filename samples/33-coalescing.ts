import { Cacheable, CacheableMany, configureCaching } from 'cachewright'

interface Author {
  readonly id: number
  readonly name: string
}
interface Book {
  readonly title: string
  readonly authorId: number
}

const names = ['Ada', 'Alan', 'Grace', 'Edsger', 'Barbara']

class Authors {
  /** Asked for one by one, as resolvers and templates do, and loaded together. */
  @Cacheable({ cache: 'authors', loadMany: 'findByIds' })
  async findById(id: number): Promise<Author | undefined> {
    return (await this.findByIds([id]))[0]
  }

  @CacheableMany({ cache: 'authors', idOf: (author: Author) => author.id, maxBatch: 3 })
  async findByIds(ids: readonly number[]): Promise<Author[]> {
    console.log(`  SELECT … WHERE id IN (${ids.join(', ')})`)
    return ids.flatMap((id) => (names[id] === undefined ? [] : [{ id, name: names[id] }]))
  }
}

/** One author for each book: without `loadMany` the query that is made N + 1 times. */
async function render(books: readonly Book[], authors: Authors): Promise<string> {
  const lines = books.map(async ({ title, authorId }) => `${title} by ${(await authors.findById(authorId))?.name}`)
  return (await Promise.all(lines)).join('; ')
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const authors = new Authors()

  const book = (title: string, authorId: number): Book => ({ title, authorId })

  // The calls of one turn of the event loop are one query, and each author stands in it once.
  console.log(await render([book('Notes', 0), book('Machines', 1), book('More notes', 0)], authors))

  // What is cached is not asked for again.
  console.log(await render([book('Machines', 1), book('Compilers', 2), book('Lost', 9)], authors))

  // No query is longer than `maxBatch`.
  await Promise.all([3, 4, 5, 6].map((id) => authors.findById(id)))

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  SELECT … WHERE id IN (0, 1)
Notes by Ada; Machines by Alan; More notes by Ada
  SELECT … WHERE id IN (2, 9)
Machines by Alan; Compilers by Grace; Lost by undefined
  SELECT … WHERE id IN (3, 4, 5)
  SELECT … WHERE id IN (6)
*/
