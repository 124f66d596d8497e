import type { SharedStoreFactory } from 'cachewright'
import { feedContract, ManualClock, type SharedMemory, sharedMemory, sharedStoreContract } from 'cachewright/testing'
import { type Break, broken, brokenFeeds, brokenStores } from './broken-stores'

// A contract is worth what it refuses: each of these stores has one fault, and each demand refuses one of them.

type Suite = typeof feedContract
type Hears = (key: string) => boolean | 'gap' | 'late'

/** The names of a suite's tests that fail. */
async function failing(suite: Suite, how?: Break, hears?: Hears): Promise<readonly string[]> {
  const failed: string[] = []
  for (const [name, run] of testsOf(suite, how, hears)) await run().catch(() => failed.push(name))
  return failed
}

function testsOf(suite: Suite, how: Break = () => ({}), hears: Hears = () => true): Map<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>()
  const clock = new ManualClock()
  const memory = sharedMemory({ clock })
  const interrupt = (): void => {
    memory.stop()
    memory.start()
  }
  const test = (name: string, run: () => Promise<void>): unknown => tests.set(name, run)
  const its = { test, clock, store: () => brokenFactory(memory, how, hears) }
  if (suite === feedContract) feedContract({ ...its, interrupt })
  else suite(its)
  return tests
}

function brokenFactory(memory: SharedMemory, how: Break, hears: Hears): SharedStoreFactory {
  return {
    ...memory,
    name: 'broken',
    commandTimeoutMs: 250,
    open: (context) => {
      const listener = {
        invalidated: (keys: readonly string[]): void => {
          for (const key of keys) {
            const heard = hears(key)
            if (heard === 'late') context.clock.setTimer(() => context.listener.invalidated([key]), 100)
            else if (heard !== false) context.listener.invalidated([key])
          }
        },
        gap: (): void => {
          if (hears('') !== 'gap') context.listener.gap()
        },
      }
      return broken(memory.open({ ...context, listener }), context, how)
    },
  }
}

const ofStores = Object.entries(brokenStores).map(([name, [how, ...noticed]]) => ({ name, how, noticed }))
const ofFeeds = Object.entries(brokenFeeds).map(([name, [how, hears, ...noticed]]) => ({ name, how, hears, noticed }))

test('a store without a fault passes', async () => {
  expect(await failing(sharedStoreContract)).toEqual([])
  expect(await failing(feedContract)).toEqual([])
})

test.each(ofStores)('a store that $name is refused', async ({ how, noticed }) => {
  expect(await failing(sharedStoreContract, how)).toEqual(expect.arrayContaining(noticed))
})

test.each(ofFeeds)('a feed that $name is refused', async ({ how, hears, noticed }) => {
  expect(await failing(feedContract, how, hears)).toEqual(expect.arrayContaining(noticed))
})

test('each demand refuses one of them', () => {
  const refusing = (them: readonly { readonly noticed: readonly string[] }[]): string[] =>
    [...new Set(them.flatMap(({ noticed }) => noticed))].toSorted()
  expect(refusing(ofStores)).toEqual([...testsOf(sharedStoreContract).keys()].toSorted())
  expect(refusing(ofFeeds)).toEqual([...testsOf(feedContract).keys()].toSorted())
})
