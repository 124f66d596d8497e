import { Cacheable, type CacheManager, CachePut, configureCaching } from 'cachewright'

/** As small as a database with transactions can be. */
class Database {
  rows = new Map([['anna', 10]])

  async transaction<Result>(work: (rows: Map<string, number>) => Promise<Result>): Promise<Result> {
    const rows = new Map(this.rows)
    const result = await work(rows)
    this.rows = rows
    return result
  }
}

/** What the doors to TypeORM, Prisma, Drizzle and Knex do for all transactions at start-up. */
function cachingTransactions(database: Database, caching: CacheManager): Database {
  const transaction = database.transaction.bind(database)
  database.transaction = (work) =>
    caching.databaseTransaction((attempt) => transaction((rows) => attempt(() => work(rows))))
  return database
}

class Accounts {
  constructor(private readonly database: Database) {}

  @Cacheable({ cache: 'balances' })
  async balance(owner: string): Promise<number | undefined> {
    console.log(`  asking for ${owner}`)
    return this.database.rows.get(owner)
  }

  @CachePut({ cache: 'balances', key: (owner: string) => owner })
  async deposit(owner: string, amount: number, rows: Map<string, number>): Promise<number> {
    rows.set(owner, (rows.get(owner) ?? 0) + amount)
    return rows.get(owner)!
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const database = cachingTransactions(new Database(), caching)
  const accounts = new Accounts(database)
  const show = async (): Promise<void> => console.log(`anna has ${await accounts.balance('anna')}`)
  await show()
  const undone = database.transaction(async (rows) => {
    await accounts.deposit('anna', 90, rows)
    throw new Error('rolled back')
  })
  await undone.catch((error: Error) => console.log(error.message))
  await show()
  await database.transaction((rows) => accounts.deposit('anna', 5, rows))
  await show()
  // While the put of 16 waits, another request changes the row and evicts. Which is newer nobody can tell: none is kept.
  let deposited = (): void => {}
  const another = new Promise<void>((resolve) => (deposited = resolve)).then(() =>
    caching.cache('balances').evict('anna'),
  )
  await database.transaction(async (rows) => {
    await accounts.deposit('anna', 1, rows)
    deposited()
    await another
    rows.set('anna', 20)
  })
  await show()
  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  asking for anna
anna has 10
rolled back
anna has 10
anna has 15
  asking for anna
anna has 20
*/
