import { CacheableMany, type CacheManager } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import fc from 'fast-check'
import { play, story, terms } from '../../property/batch-story'
import { eventually } from '../../support/eventually'
import { type Gate, gate } from '../../support/gate'
import { redisHouse } from './processes'

// Lists over two tiers and two processes: K8, C104, C111, C112.

const house = redisHouse()

test.each([
  ['with a local tier', {}],
  ['without a local tier', { local: false }],
] as const)(
  'lists of two processes %s answer as a plain map does, and ask the source for exactly what is missing in both',
  async (_, options) => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(story, async (steps) => {
        const clock = new ManualClock()
        // Keys of its own, for each story begins with an empty cache.
        const prefix = `t${runs++}`
        // What a busy machine answers late would be asked for again.
        const open = () => house.open({ clock, prefix, ...terms, ...options }, { commandTimeout: '20s' })
        const processes = [open(), open()]
        try {
          await Promise.all(processes.map((manager) => manager.ready()))
          await play(steps, clock, processes)
        } finally {
          await Promise.all(processes.map((manager) => manager.close()))
        }
      }),
      { numRuns: 40 },
    )
  },
  60_000,
)

function rowsOf(manager: CacheManager) {
  class Rows {
    readonly asked: number[][] = []
    slow: Gate<void> | undefined

    @CacheableMany({ manager, cache: 'rows' })
    async many(ids: readonly number[]): Promise<string[]> {
      this.asked.push([...ids])
      await this.slow?.pass()
      return ids.map((id) => `row ${id}`)
    }
  }
  return new Rows()
}

test('G3 C112 what another process begins to load after the list was looked for is waited for, the rest loaded at once', async () => {
  const { proxy, one, two } = await house.pairWithProxy()
  const [near, far] = [rowsOf(one), rowsOf(two)]
  far.slow = gate()
  const looked = gate()
  let isAsked = false
  proxy.onData(async (chunk, { direction }) => {
    if (direction === 'toServer' && chunk.includes('mget')) isAsked = true
    else if (isAsked && direction === 'toClient') await looked.pass()
  })
  const list = near.many([1, 2, 3])
  await looked.entered
  const other = far.many([1, 7])
  await far.slow.entered
  near.slow = gate()
  looked.open()
  await near.slow.entered
  expect(near.asked).toEqual([[2, 3]])
  near.slow.open()
  far.slow.open()
  expect(await list).toEqual(['row 1', 'row 2', 'row 3'])
  expect(await other).toEqual(['row 1', 'row 7'])
  expect([near.asked, far.asked]).toEqual([[[2, 3]], [[1, 7]]])
})

test('G1 what another process evicts while a list is loaded is not filled, the others are', async () => {
  const { one, two } = await house.pairWithProxy()
  const [near, far] = [rowsOf(one), rowsOf(two)]
  near.slow = gate()
  const list = near.many([1, 2, 3])
  await near.slow.entered
  await two.cache('rows').evict(2)
  near.slow.open()
  await list
  expect(await two.cache('rows').getMany([1, 2, 3])).toEqual(['row 1', undefined, 'row 3'])
  await far.many([1, 2, 3])
  expect(far.asked).toEqual([[2]])
})

test('G2 what a list has filled is watched: another process that evicts it is heard', async () => {
  const { one, two } = await house.pairWithProxy({ maxStaleness: '1h' })
  const near = rowsOf(one)
  const local = (): number => one.cache('rows').stats().local.size
  await two.cache('rows').put('other', 'value')
  await one.cache('rows').get('other')
  near.slow = gate()
  const list = near.many([1, 2, 3])
  await near.slow.entered
  // Told in order: with this, the echo of its own leases has come.
  await two.cache('rows').evict('other')
  await eventually(() => local() === 0)
  near.slow.open()
  await list
  expect(local()).toBe(3)
  await two.cache('rows').evict(2)
  await eventually(() => local() === 2)
  await near.many([1, 2, 3])
  expect(near.asked).toEqual([[1, 2, 3], [2]])
})
