import assert from 'node:assert/strict'
import { assertStands, type Demand, longMs, put, shortMs } from './contract'

/** What a store owes to those who load, and to those who wait for them. */
export const leases: Readonly<Record<string, Demand>> = {
  'gives a lease to one of many, who finds nothing; the others find the lease': async (its) => {
    const processes = [...(await its.pair()), ...(await its.pair())]
    const mine = processes.map(() => its.bytes('lease'))
    const found = await Promise.all(processes.map(({ store }, index) => store.lease(its.key(), mine[index]!, longMs)))
    const granted = found.flatMap(({ bytes }, index) => (bytes === null ? [mine[index]!] : []))
    assert.equal(granted.length, 1, `${granted.length} of four processes were given the lease`)
    for (const { bytes } of found) assert.ok(bytes === null || bytes.equals(granted[0]!), 'another lease was found')
    await assertStands(processes[0]!, its.key(), granted[0]!, 'a lease stands at the key itself')
  },
  'finds the value instead of a lease': async (its) => {
    const [one, two] = await its.pair()
    const bytes = its.bytes('value')
    await put(one, its.key(), bytes)
    const found = await two.store.lease(its.key(), its.bytes(), longMs)
    assert.ok(found.bytes?.equals(bytes), 'the value was not found')
    await assertStands(one, its.key(), bytes, 'a lease over a value')
  },
  'fills under a lease that is held': async (its) => {
    const [one, two] = await its.pair()
    const [lease, bytes] = [its.bytes(), its.bytes('value')]
    await one.store.lease(its.key(), lease, longMs)
    assert.equal((await one.store.fill(its.key(), lease, bytes, longMs)).stands, true)
    await assertStands(two, its.key(), bytes, 'what was filled')
    const again = await one.store.fill(its.key(), lease, its.bytes('again'), longMs)
    assert.equal(again.stands, false, 'a lease was used twice')
    await assertStands(two, its.key(), bytes, 'a second fill under one lease')
  },
  'refuses a fill without a lease, and under another one': async (its) => {
    const [one, two] = await its.pair()
    const [mine, lost] = [its.bytes(), its.bytes()]
    assert.equal((await one.store.fill(its.key(), lost, its.bytes(), longMs)).stands, false)
    await assertStands(two, its.key(), null, 'a fill without a lease')
    await one.store.lease(its.key(), mine, longMs)
    assert.equal((await two.store.fill(its.key(), lost, its.bytes(), longMs)).stands, false)
    await assertStands(two, its.key(), mine, 'a fill under another lease')
  },
  'refuses the fill of a load that began before an evict': async (its) => {
    const [one, two] = await its.pair()
    const lease = its.bytes()
    await one.store.lease(its.key(), lease, longMs)
    await two.store.delete([its.key()])
    assert.equal((await one.store.fill(its.key(), lease, its.bytes('old'), longMs)).stands, false)
    await assertStands(two, its.key(), null, 'a fill after an evict')
  },
  'refuses the fill of a load that began before a put': async (its) => {
    const [one, two] = await its.pair()
    const [lease, bytes] = [its.bytes(), its.bytes('put')]
    await one.store.lease(its.key(), lease, longMs)
    await put(two, its.key(), bytes)
    assert.equal((await one.store.fill(its.key(), lease, its.bytes('old'), longMs)).stands, false)
    await assertStands(one, its.key(), bytes, 'a fill after a put')
  },
  'lets the lease of a dead holder run out': async (its) => {
    const [one, two] = await its.pair()
    const [dead, next] = [its.bytes(), its.bytes()]
    await one.store.lease(its.key(), dead, shortMs)
    await its.pass(shortMs)
    await its.eventually('another process is given the lease', async () => {
      return (await two.store.lease(its.key(), next, longMs)).bytes === null
    })
    assert.equal((await one.store.fill(its.key(), dead, its.bytes('late'), longMs)).stands, false)
    await assertStands(two, its.key(), next, 'a fill under a lease that ran out')
  },
  'prolongs a lease that is held, and says of one that is not': async (its) => {
    const [one, two] = await its.pair()
    const lease = its.bytes()
    await one.store.lease(its.key(), lease, 2 * shortMs)
    assert.equal(await one.store.renew(its.key(), lease, longMs), true)
    await its.pass(3 * shortMs)
    await assertStands(two, its.key(), lease, 'a lease that was prolonged')
    assert.equal(await two.store.renew(its.key(), its.bytes(), longMs), false, 'another lease was prolonged')
    await two.store.delete([its.key()])
    assert.equal(await one.store.renew(its.key(), lease, longMs), false, 'a lease was prolonged that is gone')
    await assertStands(two, its.key(), null, 'a lease that was prolonged too late')
  },
  'gives leases on those of many keys where nothing stands, prolongs and fills those that are held': async (its) => {
    const [one, two] = await its.pair()
    const keys = ['free', 'leased', 'there', 'evicted'].map((name) => its.key(name))
    const [free, leased, there, evicted] = keys as [string, string, string, string]
    const [other, value] = [its.bytes('lease'), its.bytes('value')]
    await two.store.lease(leased, other, longMs)
    await put(two, there, value)
    const mine = keys.map(() => its.bytes('mine'))
    assert.deepEqual(await one.store.leaseMany(keys, mine, longMs), [true, false, false, true])
    await assertStands(two, leased, other, 'a lease over a lease')
    await assertStands(two, there, value, 'a lease over a value')
    await two.store.delete([evicted])
    assert.deepEqual(await one.store.renewMany(keys, mine, longMs), [true, false, false, false])
    const filling = keys.map((key, index) => ({
      key,
      lease: mine[index]!,
      bytes: its.bytes('filled'),
      lifeMs: longMs,
      version: undefined,
    }))
    const written = await one.store.fillMany(filling)
    assert.deepEqual(
      written.map(({ stands }) => stands),
      [true, false, false, false],
    )
    await assertStands(two, free, filling[0]!.bytes, 'what was filled with others')
    await assertStands(two, leased, other, 'a fill over the lease of another')
    await assertStands(two, evicted, null, 'a fill after an evict')
  },
  'takes back a lease of its holder, and nothing else': async (its) => {
    const [one, two] = await its.pair()
    const [lease, bytes] = [its.bytes(), its.bytes('value')]
    await one.store.lease(its.key(), lease, longMs)
    await two.store.release(its.key(), its.bytes())
    await assertStands(two, its.key(), lease, 'the release of another lease')
    await one.store.release(its.key(), lease)
    await assertStands(two, its.key(), null, 'the release of a lease')
    await put(two, its.key(), bytes)
    await one.store.release(its.key(), lease)
    await assertStands(two, its.key(), bytes, 'the release of a lease that is gone')
  },
  'gives a lease over a dead entry that begins as said, and over no other': async (its) => {
    const [one, two] = await its.pair()
    const [dead, lease] = [its.bytes('a dead entry'), its.bytes()]
    await put(one, its.key(), dead)
    const other = await two.store.lease(its.key(), lease, longMs, its.bytes('a dead entry').subarray(0, 32))
    assert.ok(other.bytes?.equals(dead), 'a lease was given over another entry than was said')
    const found = await two.store.lease(its.key(), lease, longMs, dead.subarray(0, 32))
    assert.equal(found.bytes, null, 'no lease was given over the dead entry')
    await assertStands(one, its.key(), lease, 'a lease over a dead entry')
  },
}
