import { type CacheManager, createCacheManager } from 'cachewright'
import { Client } from 'pg'
import { type Postgres, startPostgres } from '../../support/postgres'
import { content, schema } from './orms'

/** A database and a cache of its accounts: the same content before each test, and a manager that is fresh. */
export interface OrmHouse {
  readonly postgres: Postgres
  readonly caching: CacheManager
  readonly manager: () => CacheManager
}

/** Makes a house by the hooks of the runner. */
export function ormHouse(): OrmHouse {
  let postgres: Postgres
  let caching: CacheManager

  /** Past the ORM, and past what a test has done to the network. */
  const run = async (sql: string): Promise<void> => {
    const client = new Client({ connectionString: postgres.url })
    await client.connect()
    await client.query(sql)
    await client.end()
  }
  beforeAll(async () => {
    postgres = await startPostgres()
    await run(schema)
  }, 60_000)
  afterAll(() => postgres?.stop())
  beforeEach(async () => {
    await run(content)
    caching = createCacheManager({ local: { ttl: '1h' }, defaults: { ttl: '1h' } })
  })
  afterEach(() => caching.close())
  return {
    get postgres() {
      return postgres
    },
    get caching() {
      return caching
    },
    manager: () => caching,
  }
}
