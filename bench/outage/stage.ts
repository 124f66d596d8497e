import { eventually } from '../../test/support/eventually'
import { type RedisServer, startRedis } from '../../test/support/redis-server'
import { send } from '../../test/support/resp'
import { startProxy, type TcpProxy } from '../../test/support/tcp-proxy'
import { now } from './clock'
import { type RedisState, slowRedisMs } from './phases'

/** A Redis of one contender's own, with a network between the two. */
export class Stage {
  #state: RedisState = 'up'

  private constructor(
    readonly server: RedisServer,
    private readonly proxy: TcpProxy,
  ) {}

  static async open(): Promise<Stage> {
    const server = await startRedis()
    return new Stage(server, await startProxy(server.port))
  }

  /** Where the contender finds it. */
  get port(): number {
    return this.proxy.port
  }

  /** Makes it so; answers with the moment from which it is. */
  async set(state: RedisState): Promise<number> {
    if (this.#state !== 'up') await this.#mend()
    this.#state = state
    if (state === 'frozen') this.server.freeze()
    if (state === 'slow') this.proxy.delay(slowRedisMs, 'toClient')
    if (state === 'refused') {
      this.proxy.refuse()
      this.proxy.cut()
      await this.server.kill()
    }
    return now()
  }

  async close(): Promise<void> {
    await this.proxy.close()
    await this.server.stop()
  }

  async #mend(): Promise<void> {
    if (this.#state === 'frozen') this.server.resume()
    if (this.#state === 'slow') this.proxy.delay(0, 'toClient')
    if (this.#state === 'refused') {
      await this.server.start()
      await this.proxy.accept()
    }
    await eventually(async () => (await send(this.port, ['PING'], 1_000)) === 'PONG', { what: 'Redis answers again' })
  }
}
