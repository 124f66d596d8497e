import assert from 'node:assert/strict'
import { systemClock } from '../index'
import { assertStands, type ContractCase, type ContractProcess, type Demand, longMs, put } from './contract'

/** What a store owes to those who write what others write, too. */
export const writes: Readonly<Record<string, Demand>> = {
  'replaces what still begins as said, and nothing else': async (its) => {
    const [one, two] = await its.pair()
    const [old, young, other] = [its.bytes('old'), its.bytes('young'), its.bytes('other')]
    const over = (head: Buffer, bytes: Buffer) =>
      one.store.replace({ key: its.key(), head: head.subarray(0, 32), bytes, lifeMs: longMs, version: undefined })
    assert.equal((await over(old, young)).stands, false, 'something absent was replaced')
    await assertStands(two, its.key(), null, 'a replacement of nothing')
    await put(two, its.key(), old)
    assert.equal((await over(old, young)).stands, true)
    await assertStands(two, its.key(), young, 'a replacement')
    assert.equal((await over(old, other)).stands, false, 'something else was replaced')
    await assertStands(two, its.key(), young, 'a replacement of something else')
  },
  'says of each of many entries whether it stands': async (its) => {
    const [one, two] = await its.pair()
    const beganAt = systemClock.now()
    await two.store.delete([its.key('b')])
    const bytes = new Map(['a', 'b', 'c'].map((name) => [name, its.bytes(name)]))
    const written = await one.store.putMany(
      [...bytes].map(([name, its_]) => ({ key: its.key(name), bytes: its_, lifeMs: longMs, beganAt })),
    )
    assert.deepEqual(
      written.map(({ stands }) => stands),
      [true, false, true],
    )
    for (const [name, its_] of bytes) await assertStands(two, its.key(name), name === 'b' ? null : its_, name)
  },
  ...overlapped('an evict', (its, { store }) => store.delete([its.key()])),
  ...overlapped('a put', async (its, process) => {
    const entry = { key: its.key(), bytes: its.bytes('theirs'), lifeMs: longMs, beganAt: systemClock.now() }
    await process.store.putMany([entry])
  }),
  'leaves a key empty that was put while its own evict of before was sent again': async (its) => {
    const [one, two] = await its.pair()
    const beganAt = systemClock.now()
    await one.store.delete([its.key()], 'journal')
    const [written] = await one.store.putMany([{ key: its.key(), bytes: its.bytes(), lifeMs: longMs, beganAt }])
    assert.equal(written!.stands, false, 'a put stands although an evict came between')
    await assertStands(two, its.key(), null, 'a put that an evict came between')
  },
  'keeps a put that only its own process has overlapped': async (its) => {
    const [one, two] = await its.pair()
    const beganAt = systemClock.now()
    await one.store.delete([its.key()])
    const bytes = its.bytes()
    const [written] = await one.store.putMany([{ key: its.key(), bytes, lifeMs: longMs, beganAt }])
    assert.equal(written!.stands, true, 'writes of one process are told apart by the process itself')
    await assertStands(two, its.key(), bytes, 'a put')
  },
  'keeps a put that began after the writes of others': async (its) => {
    const [one, two] = await its.pair()
    await two.store.delete([its.key()])
    // A store may take its time as too exact to be true.
    await its.eventually('a put stands', async () => {
      const entry = { key: its.key(), bytes: its.bytes(), lifeMs: longMs, beganAt: systemClock.now() }
      return (await one.store.putMany([entry]))[0]!.stands
    })
  },
}

/** The same where values have versions. */
export const versions: Readonly<Record<string, Demand>> = {
  'keeps the newest version, whoever wrote it and when': async (its) => {
    const [one, two] = await its.pair()
    const beganAt = systemClock.now()
    const [old, young] = [its.bytes('old'), its.bytes('young')]
    const put = (version: string, bytes: Buffer, process = one) =>
      process.store.putMany([{ key: its.key(), bytes, lifeMs: longMs, beganAt, version }])
    assert.equal((await put('0002', old))[0]!.stands, true)
    assert.equal((await put('0003', young, two))[0]!.stands, true, 'a newer version was refused')
    assert.equal((await put('0001', old))[0]!.stands, false, 'an older version was let in')
    await assertStands(two, its.key(), young, 'the newest version')
  },
  'lets no older version be filled in, nor take the place of an entry': async (its) => {
    const [one, two] = await its.pair()
    const [lease, young] = [its.bytes(), its.bytes('young')]
    const entry = { key: its.key(), lifeMs: longMs, beganAt: systemClock.now() }
    await one.store.putMany([{ ...entry, bytes: young, version: '0002' }])
    const replacement = { key: its.key(), head: young.subarray(0, 32), lifeMs: longMs }
    const replaced = await two.store.replace({ ...replacement, bytes: its.bytes(), version: '0001' })
    assert.equal(replaced.stands, false, 'an older version took the place of a newer one')
    await assertStands(one, its.key(), young, 'the newer version')
    await two.store.lease(its.key(), lease, longMs, young.subarray(0, 32))
    assert.equal((await two.store.fill(its.key(), lease, its.bytes('old'), longMs, '0001')).stands, false)
    await assertStands(one, its.key(), null, 'a fill with an older version gives the lease back')
  },
  'remembers the version of what was filled in, until the key is evicted': async (its) => {
    const [one, two] = await its.pair()
    const lease = its.bytes()
    await one.store.lease(its.key(), lease, longMs)
    assert.equal((await one.store.fill(its.key(), lease, its.bytes(), longMs, '0002')).stands, true)
    const put = async (): Promise<boolean> => {
      const entry = { key: its.key(), lifeMs: longMs, beganAt: systemClock.now() }
      return (await two.store.putMany([{ ...entry, bytes: its.bytes(), version: '0001' }]))[0]!.stands
    }
    assert.equal(await put(), false, 'a version older than what was filled in was let in')
    await one.store.delete([its.key()])
    await its.eventually('an older version is let in after an evict', put)
  },
}

/** What another process does to a key while this one is at a put of it. */
function overlapped(
  what: string,
  write: (its: ContractCase, process: ContractProcess) => Promise<void>,
): Readonly<Record<string, Demand>> {
  return {
    [`leaves a key empty that was put while ${what} of another process came between`]: async (its) => {
      const [one, two] = await its.pair()
      const beganAt = systemClock.now()
      await write(its, two)
      const entry = { key: its.key(), bytes: its.bytes('mine'), lifeMs: longMs, beganAt }
      const [written] = await one.store.putMany([entry])
      assert.equal(written!.stands, false, 'nobody can tell which of two values is the newer one')
      await assertStands(two, its.key(), null, 'a put that was overlapped')
    },
    [`leaves a key empty that was put while ${what} of another process came between, and then one of its own`]: async (
      its,
    ) => {
      const [one, two] = await its.pair()
      const beganAt = systemClock.now()
      await write(its, two)
      await one.store.delete([its.key()])
      const entry = { key: its.key(), bytes: its.bytes('mine'), lifeMs: longMs, beganAt }
      const [written] = await one.store.putMany([entry])
      assert.equal(written!.stands, false, 'its own write hides that of another process')
      await assertStands(two, its.key(), null, 'a put that was overlapped')
    },
  }
}
