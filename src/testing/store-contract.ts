import assert from 'node:assert/strict'
import { isCacheError, literalPattern, systemClock } from '../index'
import { assertStands, type ContractOptions, checkContract, type Demand, declare, standing } from './contract'

const longMs = 60_000
const shortMs = 150

/**
 * Declares the tests that every {@link SharedStore} has to pass: entries, leases, writes that overlap, versions, markers. What
 * a store that also tells of changes owes is {@link feedContract}.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 *
 * @example
 * ```ts
 * describe('my store', () => sharedStoreContract({ test, store: () => myStore({ url }) }))
 * ```
 */
export function sharedStoreContract(options: ContractOptions): void {
  checkContract('sharedStoreContract()', options)
  declare(options, { ...entries, ...leases, ...writes, ...versions, ...markers })
}

const entries: Readonly<Record<string, Demand>> = {
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

const leases: Readonly<Record<string, Demand>> = {
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

const writes: Readonly<Record<string, Demand>> = {
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

const versions: Readonly<Record<string, Demand>> = {
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

const markers: Readonly<Record<string, Demand>> = {
  'has no number for what was never there': async (its) => {
    const { store } = await its.process()
    const { counter, markers } = await store.readMarkers([its.marker('a'), its.marker('b')])
    assert.deepEqual([counter.number, ...markers.map(({ number }) => number)], [undefined, undefined, undefined])
  },
  'creates what is missing with the number of the counter, and leaves the rest': async (its) => {
    const [one, two] = await its.pair()
    const first = await one.store.ensureMarkers([its.marker('a')], longMs)
    assert.ok(Number.isFinite(first.counter.number), 'the counter was not created')
    assert.equal(first.markers[0]!.number, first.counter.number)
    const raised = await two.store.raiseMarkers([its.marker('other')], longMs)
    const second = await two.store.ensureMarkers([its.marker('a'), its.marker('b')], longMs)
    assert.deepEqual(
      [second.counter.number, ...second.markers.map(({ number }) => number)],
      [raised, first.markers[0]!.number, raised],
    )
  },
  'raises the counter above all that was, and the markers to it': async (its) => {
    const [one, two] = await its.pair()
    await one.store.ensureMarkers([its.marker('a'), its.marker('b')], longMs)
    const numbers: number[] = []
    for (const { store } of [one, two, one]) numbers.push(await store.raiseMarkers([its.marker('a')], longMs))
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((first, second) => first - second),
      'numbers must rise',
    )
    const { counter, markers } = await two.store.readMarkers([its.marker('a'), its.marker('b')])
    assert.equal(counter.number, numbers[2])
    assert.equal(markers[0]!.number, numbers[2])
    assert.ok(markers[1]!.number! < numbers[0]!, 'a marker was raised that was not named')
  },
  'raises the counter although no marker is named': async (its) => {
    const { store } = await its.process()
    const first = await store.raiseMarkers([], longMs)
    assert.ok((await store.raiseMarkers([], longMs)) > first)
  },
  'never lowers a number, whoever raises it at the same time': async (its) => {
    const processes = [...(await its.pair()), ...(await its.pair())]
    const raised = await Promise.all(processes.map(({ store }) => store.raiseMarkers([its.marker()], longMs)))
    const { counter, markers } = await processes[0]!.store.readMarkers([its.marker()])
    assert.equal(counter.number, Math.max(...raised))
    assert.equal(markers[0]!.number, Math.max(...raised))
  },
  'lets markers live as long as they were asked for, and not less for being asked for again': async (its) => {
    const { store } = await its.process()
    await store.ensureMarkers([its.marker('long')], longMs)
    const { markers } = await store.ensureMarkers([its.marker('long'), its.marker('endless')], shortMs)
    await store.ensureMarkers([its.marker('endless')], Number.POSITIVE_INFINITY)
    await its.pass(3 * shortMs)
    const after = await store.readMarkers([its.marker('long'), its.marker('endless')])
    assert.deepEqual(
      after.markers.map(({ number }) => number),
      markers.map(({ number }) => number),
    )
  },
}

/** What another process does to a key while this one is at a put of it. */
function overlapped(
  what: string,
  write: (its: Parameters<Demand>[0], process: Parameters<typeof standing>[0]) => Promise<void>,
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

async function put(
  { store }: Parameters<typeof standing>[0],
  key: string,
  bytes: Buffer,
  lifeMs = longMs,
): Promise<void> {
  const [written] = await store.putMany([{ key, bytes, lifeMs, beganAt: systemClock.now() }])
  assert.equal(written!.stands, true, 'a put that nobody overlaps must stand')
}
