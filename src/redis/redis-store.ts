import type { MarkerNumbers, SharedPut, SharedStore } from '../index'
import type { Connection } from './connection'
import { ensureMarkers, fillLease, raiseMarkers, releaseLease, renewLease, takeLease } from './scripts'

/** The shared tier on one Redis server. The protocol is told in docs/protocol.md. */
export class RedisStore implements SharedStore {
  readonly #connection: Connection
  readonly #counterKey: string
  // SET with NX and GET together needs Redis 7; a server that does not know it is asked by script.
  #leaseBySet = true

  constructor(connection: Connection, counterKey: string) {
    this.#connection = connection
    this.#counterKey = counterKey
  }

  connect(): Promise<void> {
    return this.#connection.connect()
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  serverTime(): number {
    return this.#connection.serverTime()
  }

  getMany(keys: readonly string[]): Promise<(Buffer | null)[]> {
    if (keys.length === 0) return Promise.resolve([])
    return this.#connection.run((client) => client.mgetBuffer(...keys))
  }

  lease(key: string, lease: Buffer, leaseMs: number, over?: Buffer): Promise<Buffer | null> {
    return this.#connection.run(async (client) => {
      if (over !== undefined || !this.#leaseBySet) return this.#leaseByScript(key, lease, leaseMs, over)
      try {
        return await client.setBuffer(key, lease, 'PX', leaseMs, 'NX', 'GET')
      } catch (error) {
        if (startsWith(error, 'ERR syntax error')) {
          this.#leaseBySet = false
          return this.#leaseByScript(key, lease, leaseMs)
        }
        // A server that takes no writes may still have the value.
        const found = isWriteRefusal(error) ? await client.getBuffer(key) : null
        if (found === null) throw error
        return found
      }
    })
  }

  renew(key: string, lease: Buffer, leaseMs: number): Promise<boolean> {
    return this.#script(renewLease, [key], [lease, String(leaseMs)]).then(isOne)
  }

  async release(key: string, lease: Buffer): Promise<void> {
    await this.#script(releaseLease, [key], [lease])
  }

  fill(key: string, lease: Buffer, bytes: Buffer, lifeMs: number): Promise<boolean> {
    return this.#script(fillLease, [key], [lease, bytes, lifeText(lifeMs)]).then(isOne)
  }

  async putMany(entries: readonly SharedPut[]): Promise<void> {
    // Commands of one turn leave in one flush.
    await this.#connection.run((client) =>
      Promise.all(
        entries.map(({ key, bytes, lifeMs }) =>
          lifeMs === Number.POSITIVE_INFINITY ? client.set(key, bytes) : client.set(key, bytes, 'PX', whole(lifeMs)),
        ),
      ),
    )
  }

  async delete(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#connection.run((client) => client.unlink(...keys))
  }

  async readMarkers(keys: readonly string[]): Promise<MarkerNumbers> {
    return toNumbers(await this.#connection.run((client) => client.mget(this.#counterKey, ...keys)))
  }

  async ensureMarkers(keys: readonly string[], lifeMs: number): Promise<MarkerNumbers> {
    const found = await this.#script(ensureMarkers, [this.#counterKey, ...keys], [lifeText(lifeMs)])
    return toNumbers(found as Buffer[])
  }

  async raiseMarkers(keys: readonly string[], lifeMs: number): Promise<number> {
    return Number(await this.#script(raiseMarkers, [this.#counterKey, ...keys], [String(whole(lifeMs))]))
  }

  #script(
    script: Parameters<Connection['evaluate']>[0],
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown> {
    return this.#connection.run(() => this.#connection.evaluate(script, keys, args))
  }

  async #leaseByScript(key: string, lease: Buffer, leaseMs: number, over?: Buffer): Promise<Buffer | null> {
    const args = [lease, String(leaseMs), over ?? '']
    return (await this.#connection.evaluate(takeLease, [key], args)) as Buffer | null
  }
}

function toNumbers(found: readonly (Buffer | string | null)[]): MarkerNumbers {
  const [counter, ...markers] = found.map((number) => (number === null ? undefined : Number(number)))
  return { counter, markers }
}

function isOne(answer: unknown): boolean {
  return Number(answer) === 1
}

function lifeText(lifeMs: number): string {
  return lifeMs === Number.POSITIVE_INFINITY ? '' : String(whole(lifeMs))
}

function whole(ms: number): number {
  return Math.max(1, Math.floor(ms))
}

function isWriteRefusal(error: unknown): boolean {
  return startsWith(error, 'OOM') || startsWith(error, 'READONLY') || startsWith(error, 'NOREPLICAS')
}

function startsWith(error: unknown, text: string): boolean {
  return error instanceof Error && error.message.startsWith(text)
}
