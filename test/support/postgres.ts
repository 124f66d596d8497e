import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { startProxy, type TcpProxy } from './tcp-proxy'

/**
 * A real Postgres, embedded, that drivers reach by the network. It has one session: a connection in a transaction has it to
 * itself, and others wait for its end.
 */
export interface Postgres {
  /** What stands between a driver that uses {@link url} and the database. */
  readonly proxy: TcpProxy
  readonly url: string
  stop(): Promise<void>
}

/** Starts a {@link Postgres}; takes a few seconds. */
export async function startPostgres(): Promise<Postgres> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['-r', 'esbuild-register', join(__dirname, 'postgres.program.ts')],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const [said] = (await once(child.stdout!, 'data')) as [Buffer]
  const proxy = await startProxy(Number(said.toString()))
  return {
    proxy,
    url: `postgres://postgres@127.0.0.1:${proxy.port}/postgres?sslmode=disable`,
    async stop() {
      await proxy.close()
      const ended = once(child, 'exit')
      child.stdin!.end()
      await ended
    },
  }
}
