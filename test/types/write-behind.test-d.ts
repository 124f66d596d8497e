import { drainWrites, WriteBehind } from 'cachewright'

/*
 * What the compiler must accept and refuse of @WriteBehind in either dialect: this file belongs to the project of
 * test/standard too. Compiled, never run.
 */

interface Row {
  readonly id: string
  readonly version: number
}

export class Accepted {
  @WriteBehind({ cache: 'rows', key: (row: Row) => row.id })
  async save(_rows: readonly Row[]): Promise<void> {}

  @WriteBehind({
    cache: 'rows',
    key: (row: Row) => [row.id, row.version],
    ttl: '5m',
    tags: (row: Row) => [row.id],
    version: (row: Row) => row.version,
    batch: 5,
    maxDelay: '1s',
    maxPending: 10,
    maxWait: 0,
    maxTries: 3,
    writeTimeout: '5s',
    upgrade: (row: { readonly name: string }, version) => ({ id: row.name, version: Number(version) }),
  })
  async saveAll(_rows: readonly Row[], _signal?: AbortSignal): Promise<void> {}

  @WriteBehind({ cache: 'rows', key: (row: { readonly id: string }) => row.id, tags: ['fixed'] })
  async widerKey(_rows: Row[]): Promise<void> {}

  @WriteBehind({ cache: 'rows', key: (row: Row) => row.id })
  static async save(_rows: readonly Row[]): Promise<void> {}
}

export class Refused {
  // @ts-expect-error a value is read by its key
  @WriteBehind({ cache: 'rows' })
  async noKey(_rows: readonly Row[]): Promise<void> {}

  // @ts-expect-error the values are rows
  @WriteBehind({ cache: 'rows', key: (row: { readonly name: string }) => row.name })
  async otherKey(_rows: readonly Row[]): Promise<void> {}

  // @ts-expect-error there is no list
  @WriteBehind({ cache: 'rows', key: (row: Row) => row.id })
  async noList(_row: Row): Promise<void> {}

  // @ts-expect-error nobody is answered with what it returns
  @WriteBehind({ cache: 'rows', key: (row: Row) => row.id })
  async result(rows: readonly Row[]): Promise<number> {
    return rows.length
  }

  // @ts-expect-error it writes later
  @WriteBehind({ cache: 'rows', key: (row: Row) => row.id })
  synchronous(_rows: readonly Row[]): void {}

  // @ts-expect-error nobody gives a second argument
  @WriteBehind({ cache: 'rows', key: (row: Row) => row.id })
  async second(_rows: readonly Row[], _table: string): Promise<void> {}

  // @ts-expect-error an upgrade makes rows
  @WriteBehind({ cache: 'rows', key: (row: Row) => row.id, upgrade: (row: { readonly name: string }) => row.name })
  async badUpgrade(_rows: readonly Row[]): Promise<void> {}

  // @ts-expect-error there is no such option
  @WriteBehind({ cache: 'rows', key: (row: Row) => row.id, size: 3 })
  async unknown(_rows: readonly Row[]): Promise<void> {}
}

drainWrites(new Accepted())
// @ts-expect-error not an object
drainWrites('rows')
