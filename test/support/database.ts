import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** A real SQL database for a test: Postgres, embedded. */
export interface Database {
  query<Row>(sql: string, params?: readonly unknown[]): Promise<Row[]>
  /** Commits when the work has succeeded, and rolls back when it has failed. There is one connection, so one at a time. */
  transaction<Result>(work: () => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

// The runner's sandbox has no dynamic import, which the database needs to start; a thread of its own has.
const program = `
const { parentPort } = require('node:worker_threads')
const { PGlite } = require('@electric-sql/pglite')
const database = new PGlite()
parentPort.on('message', async ({ id, sql, params }) => {
  try {
    const { rows } = await database.query(sql, params)
    parentPort.postMessage({ id, rows })
  } catch (error) {
    parentPort.postMessage({ id, message: String(error) })
  }
})
database.waitReady.then(() => parentPort.postMessage({ id: 0, rows: [] }))
`

interface Answer {
  readonly id: number
  readonly rows?: unknown[]
  readonly message?: string
}

/** Starts a {@link Database}; takes a second or two. */
export async function startDatabase(): Promise<Database> {
  const worker = new Worker(program, { eval: true })
  const waiting = new Map<number, (answer: Answer) => void>()
  await once(worker, 'message')
  worker.on('message', (answer: Answer) => waiting.get(answer.id)?.(answer))
  let last = 0
  const database: Database = {
    async query<Row>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
      const id = ++last
      const answer = await new Promise<Answer>((resolve) => {
        waiting.set(id, resolve)
        worker.postMessage({ id, sql, params: [...params] })
      })
      waiting.delete(id)
      if (answer.message !== undefined) throw new Error(answer.message)
      return answer.rows as Row[]
    },
    async transaction(work) {
      await database.query('begin')
      try {
        const result = await work()
        await database.query('commit')
        return result
      } catch (error) {
        await database.query('rollback')
        throw error
      }
    },
    async close() {
      await worker.terminate()
    },
  }
  return database
}
