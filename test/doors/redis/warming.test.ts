import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Cacheable, CacheableMany, type CacheManager, cached } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { redisHouse } from './processes'

// A fleet that warms what it shares.

const house = redisHouse()

const one = (id: string): [string] => [id]
const ids = Array.from({ length: 10 }, (_, index) => `${index}`)

class Service {
  readonly calls: string[] = []
  at = async (_id: string): Promise<void> => {}

  constructor(manager: CacheManager) {
    manager.bind(this)
  }

  @Cacheable({ cache: 'c' })
  async find(id: string): Promise<string> {
    this.calls.push(id)
    await this.at(id)
    return id
  }

  @CacheableMany({ cache: 'gathered' })
  async many(ids: readonly string[]): Promise<string[]> {
    this.calls.push(ids.join())
    await this.at('')
    return [...ids]
  }

  @Cacheable({ cache: 'gathered', loadMany: 'many' })
  async gathered(id: string): Promise<string> {
    return id
  }
}

async function pair(): Promise<[Service, Service]> {
  const [one, two] = [house.open(), house.open()]
  await Promise.all([one.ready(), two.ready()])
  return [new Service(one), new Service(two)]
}

test('two processes that warm together load each key once: who comes second waits for the first', async () => {
  const [first, second] = await pair()
  const loading = gate()
  first.at = () => loading.pass()
  const warmings = [cached(first).find.warm(ids.map(one), { concurrency: 3 })]
  await eventually(() => loading.entries === 3)
  await house.server.resetStats()
  warmings.push(cached(second).find.warm(ids.map(one), { concurrency: 3 }))
  // It has asked for the three, and there are the leases of the first.
  await eventually(async () => (await house.server.commandStats()).get === 3)
  expect(second.calls).toEqual([])
  loading.open()
  const reports = await Promise.all(warmings)
  expect(reports.map(({ done, failed, isComplete }) => [done, failed, isComplete])).toEqual([
    [10, 0, true],
    [10, 0, true],
  ])
  expect([...first.calls, ...second.calls].toSorted()).toEqual(ids)
  expect(reports[0]!.loaded + reports[1]!.loaded).toBe(10)
})

test('so they do where they load many at once', async () => {
  const [first, second] = await pair()
  const loading = gate()
  first.at = () => loading.pass()
  const warming = cached(first).gathered.warm(ids.slice(0, 6).map(one), { concurrency: 6 })
  await loading.entered
  const other = cached(second).gathered.warm(ids.slice(4).map(one), { concurrency: 6 })
  await eventually(() => second.calls.length === 1)
  loading.open()
  expect(await Promise.all([warming, other])).toMatchObject([{ loaded: 6 }, { loaded: 4 }])
  expect([first.calls, second.calls]).toEqual([['0,1,2,3,4,5'], ['6,7,8,9']])
})

test('what a process that was killed had warmed costs the next one a look each', async () => {
  const program = join(__dirname, 'warms.program.ts')
  const child = spawn(process.execPath, ['-r', 'esbuild-register', program, house.server.url], { stdio: 'inherit' })
  await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  const manager = house.open()
  await manager.ready()
  const service = new Service(manager)
  await house.server.resetStats()
  expect(await cached(service).find.warm(ids.slice(0, 5).map(one))).toMatchObject({ done: 5, loaded: 0 })
  // Each look is one script, which gets the key.
  expect(await house.server.commandStats()).toMatchObject({ get: 5 })
  expect(await cached(service).find.warm(ids.map(one))).toMatchObject({ done: 10, loaded: 5, isComplete: true })
  expect(service.calls).toEqual(ids.slice(5))
  // Here they are in memory now.
  await house.server.resetStats()
  expect(await cached(service).find.warm(ids.map(one))).toMatchObject({ done: 10, loaded: 0 })
  expect(await house.server.commandStats()).not.toHaveProperty('get')
})
