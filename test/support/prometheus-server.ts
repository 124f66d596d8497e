import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually'
import { freePort } from './redis-server'

/** One series of an instant query. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

/** Starts a real Prometheus that scrapes one address, as often as it can, and waits until it is ready. */
export async function startPrometheus(target: string): Promise<PrometheusServer> {
  const dir = await mkdtemp(join(tmpdir(), 'cachewright-prometheus-'))
  const config = join(dir, 'prometheus.yml')
  const job = `{ job_name: service, scrape_interval: 100ms, scrape_timeout: 100ms, static_configs: [{ targets: ['${target}'] }] }`
  await writeFile(config, `scrape_configs: [${job}]\n`)
  const port = await freePort()
  const child = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  if (child.pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error]
    await rm(dir, { recursive: true, force: true })
    throw new Error(`prometheus is missing (apt-get install prometheus, brew install prometheus): ${error.message}`)
  }
  const server = new PrometheusServer(child, port, dir)
  try {
    await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(said)
        return (await fetch(`${server.url}/-/ready`)).ok
      },
      { within: 30_000, what: 'prometheus is ready' },
    )
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/** A running Prometheus on 127.0.0.1. */
export class PrometheusServer {
  /** @internal use {@link startPrometheus} */
  constructor(
    private readonly process: ChildProcess,
    private readonly port: number,
    private readonly dir: string,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** What an expression is now. */
  async query(expression: string): Promise<readonly Series[]> {
    const found = await this.#ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>('query', {
      query: expression,
    })
    return found.result.map(({ metric, value: [, text] }) => ({ metric, value: Number(text) }))
  }

  /** The values that a label has in the series that match. */
  labelValues(label: string, match: string): Promise<readonly string[]> {
    return this.#ask(`label/${label}/values`, { 'match[]': match })
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const exited = once(this.process, 'exit')
      this.process.kill('SIGKILL')
      await exited
    }
    await rm(this.dir, { recursive: true, force: true })
  }

  async #ask<Answer>(path: string, parameters: Record<string, string>): Promise<Answer> {
    const response = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    const answer = (await response.json()) as { status: string; data: Answer; error?: string }
    if (answer.status !== 'success') throw new Error(`${JSON.stringify(parameters)}: ${answer.error}`)
    return answer.data
  }
}
