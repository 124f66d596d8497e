import assert from 'node:assert/strict'
import { isCacheError, literalPattern } from '../index'
import { assertStands, type Demand, longMs, put, shortMs, standing } from './contract'

/** What a store owes to those who keep entries in it. */
export const entries: Readonly<Record<string, Demand>> = {
  'answers as many as were asked for, in their order': async (its) => {
    const process = await its.process()
    const { store } = process
    const bytes = its.bytes('b')
    await put(process, its.key('b'), bytes)
    const found = await store.getMany([its.key('a'), its.key('b'), its.key('c'), its.key('b')])
    assert.deepEqual(
      found.map((one) => one.bytes?.equals(bytes) ?? null),
      [null, true, null, true],
    )
    assert.deepEqual(await store.getMany([]), [])
  },
  'keeps bytes as they are, many and none of them': async (its) => {
    const [one, two] = await its.pair()
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    for (const [name, content] of [
      ['every', every],
      ['large', Buffer.alloc(1_000_000, every)],
    ] as const) {
      const bytes = Buffer.concat([its.bytes(), content])
      await put(one, its.key(name), bytes)
      await assertStands(two, its.key(name), bytes, name)
    }
  },
  'lets entries run out, and keeps those that do not': async (its) => {
    const process = await its.process()
    const [short, long, endless] = [its.bytes(), its.bytes(), its.bytes()]
    await put(process, its.key('short'), short, shortMs)
    await put(process, its.key('long'), long, longMs)
    await put(process, its.key('endless'), endless, Number.POSITIVE_INFINITY)
    await its.pass(shortMs)
    await its.eventually('the entry runs out', async () => (await standing(process, its.key('short'))) === null)
    await assertStands(process, its.key('long'), long, 'an entry with a longer life')
    await assertStands(process, its.key('endless'), endless, 'an entry that does not run out')
  },
  'removes what stands at many keys': async (its) => {
    const [one, two] = await its.pair()
    for (const name of ['a', 'b', 'c']) await put(one, its.key(name), its.bytes(name))
    await two.store.delete([its.key('a'), its.key('b'), its.key('none')])
    assert.deepEqual(
      (await one.store.getMany(['a', 'b', 'c'].map((name) => its.key(name)))).map(({ bytes }) => bytes === null),
      [true, true, false],
    )
  },
  'names the keys that match a pattern, and no others': async (its) => {
    const { store } = await its.process()
    const names = ['user-1', 'user-2', 'group-1', 'us*r']
    for (const name of names) await store.lease(its.key(name), its.bytes(), longMs)
    const scan = async (pattern: string): Promise<string[]> => {
      const found = new Set<string>()
      for await (const batch of store.scan(pattern)) for (const key of batch) found.add(key)
      return [...found].sort()
    }
    const keys = (...its_: string[]): string[] => its_.map((name) => its.key(name)).sort()
    assert.deepEqual(await scan(`${literalPattern(its.root)}:c:1:{user-?}`), keys('user-1', 'user-2'))
    assert.deepEqual(await scan(literalPattern(its.key('us*r'))), keys('us*r'))
    assert.deepEqual(await scan(`${literalPattern(its.root)}:none:*`), [])
  },
  'says by whom keys are answered, each once': async (its) => {
    const { store } = await its.process()
    const keys = Array.from({ length: 20 }, (_, index) => its.key(String(index)))
    assert.deepEqual(store.groups(keys).flat().toSorted(), keys.toSorted())
    assert.equal(store.silenceOf(keys[0]!), undefined, 'a server that answers is not silent')
  },
  'has one time for all processes, and it passes': async (its) => {
    const [one, two] = await its.pair()
    await its.eventually('the clocks agree', () => Math.abs(one.store.serverTime() - two.store.serverTime()) < 100)
    const before = one.store.serverTime()
    await its.pass(50)
    assert.ok(one.store.serverTime() >= before + 40, 'the time of the server stands still')
  },
  'refuses with a cache error when it is closed': async (its) => {
    const { store } = await its.process()
    await store.close()
    const isRefused = async (command: Promise<unknown>): Promise<void> => {
      const error = await command.then(
        () => undefined,
        (its: unknown) => its,
      )
      assert.ok(isCacheError(error), `a command of a closed store must reject with a cache error, got ${String(error)}`)
    }
    await isRefused(store.getMany([its.key()]))
    await isRefused(store.lease(its.key(), its.bytes(), longMs))
    await isRefused(store.delete([its.key()]))
    await isRefused(store.raiseMarkers([its.marker()], longMs))
    await store.close()
  },
}
