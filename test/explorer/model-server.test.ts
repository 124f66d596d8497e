import { Redis } from 'ioredis'
import type { Script } from '../../src/redis/script'
import { scriptsOf } from '../../src/redis/scripts'
import { type RedisServer, startRedis } from '../support/redis-server'
import { generator } from './explorer'
import { type Answer, type Command, type Flaw, ModelServer, type Moment, type NodeName } from './model-server'

/*
 * The explorer is worth as much as its model of Redis. So the same commands, drawn at random, are run by the scripts on a
 * real server and by the model, and must be answered and told alike.
 */

const key = 'x:c:1:{k}'
const markers = ['x:counter', 'x:tag:{a}', 'x:tag:{b}']
const lifeMs = 1e9
const noteMs = 30_000

// What scripts.ts does and must not do, while that is so; see explorer.test.ts.
const flaws: ReadonlySet<Flaw> = new Set()

const scripts = scriptsOf('tracking')

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

/** Two connections of one process, as the feed sets them up. */
class RealNode {
  readonly data = new Redis(server.url, { replyMapping: 'legacy' })
  readonly #listening = new Redis(server.url, { protocol: 2 })
  readonly #told: string[] = []

  async open(): Promise<this> {
    const id = await this.#listening.client('ID')
    await this.#listening.subscribe('__redis__:invalidate')
    this.#listening.on('messageBuffer', (_channel: Buffer, names: readonly Buffer[]) => {
      this.#told.push(...names.map(String))
    })
    await this.data.client('TRACKING', 'ON', 'REDIRECT', id)
    return this
  }

  async told(): Promise<readonly string[]> {
    await this.#listening.ping()
    return this.#told.splice(0).sort()
  }

  close(): void {
    this.data.disconnect()
    this.#listening.disconnect()
  }
}

async function run({ data }: RealNode, name: NodeName, command: Command, beganAt: number): Promise<Answer> {
  const evaluate = (script: Script, keys: readonly string[], ...args: readonly (string | number)[]): Promise<Answer> =>
    data.eval(script.lua, keys.length, ...keys, ...args) as Promise<Answer>
  const note = `${key}:written`
  switch (command.name) {
    case 'takeLease':
      return evaluate(
        scripts.takeLease,
        [key],
        command.lease,
        command.ms,
        ...(command.over === undefined ? [] : [command.over]),
      )
    case 'renewLease':
      return evaluate(scripts.renewLease, [key], command.lease, command.ms)
    case 'releaseLease':
      return evaluate(scripts.releaseLease, [key], command.lease)
    case 'fillLease':
      return evaluate(scripts.fillLease, [key], command.lease, command.frame, command.ms)
    case 'replaceEntry':
      return evaluate(scripts.replaceEntry, [key, note], command.over, command.frame, command.ms, '', noteMs)
    case 'dropEntry':
      return evaluate(scripts.dropEntry, [key, note], command.isRetry ? 'journal' : name, noteMs)
    case 'putEntry': {
      const { frame, ms, version = '' } = command
      return evaluate(scripts.putEntry, [key, note], name, noteMs, beganAt, frame, ms, version, noteMs)
    }
    case 'get':
      return data.mget(...command.keys)
    case 'ensureMarkers':
      return evaluate(scripts.ensureMarkers, command.keys, command.ms)
    case 'raiseMarkers':
      return evaluate(scripts.raiseMarkers, command.keys, command.ms)
  }
}

test.each([1, 2, 3])('answers and tells as Redis does (%i)', async (seed) => {
  await server.command('FLUSHALL')
  const real = { A: await new RealNode().open(), B: await new RealNode().open() }
  const model = new ModelServer(1_000_000, flaws)
  const random = generator(seed)
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!
  const serverMs = async (): Promise<number> => {
    const [seconds, micros] = (await server.command('TIME')) as [string, string]
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
  }
  const began: Record<NodeName, { real: number; model: Moment }> = {
    A: { real: await serverMs(), model: model.moment },
    B: { real: await serverMs(), model: model.moment },
  }
  const held = ['AL1', 'BL1']
  const frames = ['AF1', 'BF1']
  const draw = (): Command =>
    pick<() => Command>([
      () => ({
        name: 'takeLease',
        key,
        lease: pick(held),
        ms: lifeMs,
        ...(random() < 0.3 ? { over: pick(held) } : {}),
      }),
      () => ({ name: 'renewLease', key, lease: pick(held), ms: lifeMs }),
      () => ({ name: 'releaseLease', key, lease: pick(held) }),
      () => ({ name: 'fillLease', key, lease: pick(held), frame: pick(frames), ms: lifeMs }),
      () => ({ name: 'replaceEntry', key, over: pick(frames), frame: pick(frames), ms: lifeMs }),
      () => ({ name: 'dropEntry', key, isRetry: random() < 0.2 }),
      () => ({ name: 'putEntry', key, frame: pick(frames), ms: lifeMs, began: 0 }),
      () => ({ name: 'putEntry', key, frame: pick(frames), ms: lifeMs, began: 0 }),
      () => ({ name: 'get', keys: [key] }),
      () => ({ name: 'get', keys: markers }),
      () => ({ name: 'ensureMarkers', keys: markers, ms: lifeMs }),
      () => ({
        name: 'raiseMarkers',
        keys: markers.filter((name) => name !== pick(markers.slice(1))),
        ms: lifeMs / 10,
      }),
    ])()
  const [said, modelled]: [unknown[], unknown[]] = [[], []]
  for (let step = 0; step < 300; step++) {
    const name = pick<NodeName>(['A', 'B'])
    // The note of a write is as fine as a millisecond.
    await new Promise((resolve) => setTimeout(resolve, 2))
    if (random() < 0.2) began[name] = { real: await serverMs(), model: model.moment }
    const command = draw()
    const told: Record<NodeName, string[]> = { A: [], B: [] }
    const answer = model.execute(command, name, began[name].model, ({ to, key: changed }) => told[to].push(changed))
    modelled.push([name, command, answer, told.A.sort(), told.B.sort()])
    const its = await run(real[name], name, command, began[name].real)
    said.push([name, command, its, await real.A.told(), await real.B.told()])
  }
  real.A.close()
  real.B.close()
  expect(ranked(modelled)).toEqual(ranked(said))
})

/** Numbers of the counter stand for their order only. */
function ranked(steps: readonly unknown[]): unknown {
  const text = JSON.stringify(steps)
  const numbers = [...new Set(text.match(/"\d{10,}"/g) ?? [])].sort(
    (one, two) => Number(one.slice(1, -1)) - Number(two.slice(1, -1)),
  )
  return JSON.parse(text.replace(/"\d{10,}"/g, (number) => String(numbers.indexOf(number))))
}
