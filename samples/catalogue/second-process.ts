import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Database } from './database'
import type { Change } from './ledger'
import type { Report, Task, Visitors } from './visitors'

/*
 * The second process has no database of its own: PGlite lives in one process, so the first one answers its queries. It
 * has its own visitors and its own memory tier; all the two caches share is Redis.
 */

type Request =
  | { readonly kind: 'prepare'; readonly task: Task }
  | { readonly kind: 'run'; readonly task: Task }
  | { readonly kind: 'review' }
  | { readonly kind: 'close' }
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'rows'; readonly id: number; readonly rows?: unknown[]; readonly error?: string }

type Message =
  | { readonly kind: 'done'; readonly result?: unknown; readonly error?: string }
  | { readonly kind: 'progress'; readonly steps: number }
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'query'; readonly id: number; readonly sql: string; readonly parameters: readonly unknown[] }

/** The second process, as the first one sees it. */
export class SecondProcess {
  readonly #child: ChildProcess
  onChange: (change: Change) => void = () => {}
  onProgress: (steps: number) => void = () => {}
  #settle: ((message: Message & { kind: 'done' }) => void) | undefined

  constructor(private readonly database: Database) {
    this.#child = fork(join(__dirname, 'worker.ts'), { serialization: 'advanced' })
    this.#child.on('message', (message: Message) => this.#receive(message))
    this.#child.on('exit', (code) => this.#settle?.({ kind: 'done', error: `the second process ended (${code})` }))
  }

  async prepare(task: Task): Promise<void> {
    await this.#ask({ kind: 'prepare', task })
  }

  async run(task: Task): Promise<Report> {
    return (await this.#ask({ kind: 'run', task })) as Report
  }

  async review(): Promise<Awaited<ReturnType<Visitors['review']>>> {
    return (await this.#ask({ kind: 'review' })) as Awaited<ReturnType<Visitors['review']>>
  }

  hear(change: Change): void {
    this.#send({ kind: 'change', change })
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#send({ kind: 'close' })
    await exited
  }

  #ask(request: Request): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#settle = ({ result, error }) => {
        this.#settle = undefined
        if (error === undefined) resolve(result)
        else reject(new Error(error))
      }
      this.#send(request)
    })
  }

  #receive(message: Message): void {
    if (message.kind === 'done') this.#settle?.(message)
    else if (message.kind === 'progress') this.onProgress(message.steps)
    else if (message.kind === 'change') this.onChange(message.change)
    else {
      this.database.query(message.sql, message.parameters).then(
        (rows) => this.#send({ kind: 'rows', id: message.id, rows }),
        (error: unknown) => this.#send({ kind: 'rows', id: message.id, error: String(error) }),
      )
    }
  }

  #send(request: Request): void {
    // A process that is gone has no use for it; its end is noticed by itself.
    this.#child.send(request, () => {})
  }
}

/** The first process's database, as the second one sees it. */
class RemoteDatabase implements Database {
  readonly #waiting = new Map<number, (answer: Request & { kind: 'rows' }) => void>()
  #last = 0

  query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ rows, error }) => {
        if (error === undefined) resolve(rows as Row[])
        else reject(new Error(error))
      })
      tell({ kind: 'query', id, sql, parameters })
    })
  }

  receive(answer: Request & { kind: 'rows' }): void {
    this.#waiting.get(answer.id)?.(answer)
    this.#waiting.delete(answer.id)
  }
}

/** The life of the second process. */
export function work(createVisitors: (database: Database) => Visitors): void {
  const database = new RemoteDatabase()
  const visitors = createVisitors(database)
  // Also when the first process is gone.
  process.once('disconnect', () => void visitors.close())

  async function answer(request: Exclude<Request, { kind: 'rows' | 'change' }>): Promise<unknown> {
    if (request.kind === 'prepare') return visitors.prepare(request.task)
    if (request.kind === 'review') return visitors.review()
    if (request.kind === 'close') return process.disconnect()
    return visitors.run(
      request.task,
      (change) => tell({ kind: 'change', change }),
      (steps) => {
        if (steps % 100 === 0) tell({ kind: 'progress', steps })
      },
    )
  }

  process.on('message', (request: Request) => {
    if (request.kind === 'rows') database.receive(request)
    else if (request.kind === 'change') visitors.hear(request.change)
    else {
      answer(request).then(
        (result) => tell({ kind: 'done', result }),
        (error: unknown) => tell({ kind: 'done', error: String(error) }),
      )
    }
  })
}

function tell(message: Message): void {
  if (process.connected) process.send?.(message)
}
