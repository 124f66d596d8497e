import assert from 'node:assert/strict'
import { isCacheError, optionRules, systemClock, type Watch } from '../index'
import {
  assertStands,
  type ContractCase,
  type ContractOptions,
  type ContractProcess,
  checkContract,
  type Demand,
  declare,
  longMs,
} from './contract'

/** Options of {@link feedContract}. */
export interface FeedContractOptions extends ContractOptions {
  /**
   * Breaks what the processes are told by, in such a way that it comes back. @default what an interruption does is not
   * tested
   */
  readonly interrupt?: () => unknown
}

/**
 * Declares the tests that a {@link SharedStore} has to pass which tells of changes, so that copies may be kept of what is read
 * from it. A store that never gives a `watch` need not: its entries are asked for again after `maxStaleness`.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 */
export function feedContract(options: FeedContractOptions): void {
  checkContract('feedContract()', options, { interrupt: optionRules.callable })
  const { interrupt, ...contract } = options
  declare(contract, interrupt === undefined ? demands : { ...demands, ...interruptions(interrupt) })
}

const demands: Readonly<Record<string, Demand>> = {
  'watches what is read, also what is absent, and says as of when': async (its) => {
    const process = await its.process()
    const watch = await watched(its, process)
    const now = its.clock.now()
    await its.eventually('the watch is renewed', () => watch.verifiedAt >= now)
    assert.equal(watch.isLive, true)
    assert.ok(watch.verifiedAt <= its.clock.now(), 'nobody can vouch for what is yet to come')
  },
  ...tells('an evict', (its, { store }) => store.delete([its.key()])),
  ...tells('a put', async (its, { store }) => {
    await store.putMany([{ key: its.key(), bytes: its.bytes(), lifeMs: longMs, beganAt: systemClock.now() }])
  }),
  ...tells('a replacement', async (its, { store }, standing) => {
    const replacement = { key: its.key(), head: standing.subarray(0, 32), bytes: its.bytes(), version: undefined }
    assert.equal((await store.replace({ ...replacement, lifeMs: longMs })).stands, true)
  }),
  ...tells('a lease over a dead entry', async (its, { store }, standing) => {
    assert.equal((await store.lease(its.key(), its.bytes(), longMs, standing.subarray(0, 32))).bytes, null)
  }),
  'tells those who wait for a lease of the fill': async (its) => {
    const [one, two] = await its.pair()
    const lease = its.bytes()
    await two.store.lease(its.key(), lease, longMs)
    await watched(its, one, () => one.store.lease(its.key(), its.bytes(), longMs))
    await two.store.fill(its.key(), lease, its.bytes(), longMs)
    await its.eventually('the waiter is told', () => one.told.has(its.key()))
  },
  'tells those who wait for a lease that it was given back': async (its) => {
    const [one, two] = await its.pair()
    const lease = its.bytes()
    await two.store.lease(its.key(), lease, longMs)
    await watched(its, one, () => one.store.lease(its.key(), its.bytes(), longMs))
    await two.store.release(its.key(), lease)
    await its.eventually('the waiter is told', () => one.told.has(its.key()))
  },
  'tells of a change of what a process has written itself': async (its) => {
    const [one, two] = await its.pair()
    const lease = its.bytes()
    await watched(its, one, async () => {
      await one.store.lease(its.key(), lease, longMs)
      const { stands, watch } = await one.store.fill(its.key(), lease, its.bytes(), longMs)
      if (!stands || watch === undefined) await one.store.delete([its.key()])
      return { watch: stands ? watch : undefined }
    })
    await two.store.delete([its.key()])
    await its.eventually('it is told', () => one.told.has(its.key()))
  },
  'tells of tags that were evicted': async (its) => {
    const [one, two] = await its.pair()
    await watched(its, one, async () => {
      const { counter, markers } = await one.store.ensureMarkers([its.marker()], longMs)
      return { watch: markers[0]!.watch && counter.watch }
    })
    await two.store.raiseMarkers([its.marker()], longMs)
    await its.eventually('it is told of the marker', () => one.told.has(its.marker()))
    await its.eventually('it is told of the counter', () => one.told.has(its.counterKey))
  },
  'names each of many keys': async (its) => {
    const [one, two] = await its.pair()
    const keys = Array.from({ length: 100 }, (_, index) => its.key(String(index)))
    for (const key of keys) await two.store.lease(key, its.bytes(), longMs)
    await watched(its, one, async () => {
      const found = await one.store.getMany(keys)
      return { watch: found.every(({ watch }) => watch !== undefined) ? found[0]!.watch : undefined }
    })
    await two.store.delete(keys)
    await its.eventually('every key is named', () => keys.every((key) => one.told.has(key)))
  },
  'vouches for nothing that has yet to be told': async (its) => {
    const [one, two] = await its.pair()
    for (let round = 0; round < 20; round++) {
      const key = its.key(`round-${round}`)
      const standing = { key, bytes: its.bytes(), lifeMs: longMs }
      await two.store.putMany([{ ...standing, beganAt: systemClock.now() }])
      const watch = await watched(its, one, async () => (await one.store.getMany([key]))[0]!)
      await two.store.delete([key])
      const doneAt = its.clock.now()
      await its.eventually('it is told, or vouched for', () => {
        const isTold = one.told.has(key)
        assert.ok(isTold || watch.verifiedAt < doneAt, 'a change was vouched for that had not been told')
        return isTold
      })
    }
  },
  'ends its watch when it is closed': async (its) => {
    const process = await its.process()
    const watch = await watched(its, process)
    await process.store.close()
    assert.equal(watch.isLive, false)
    const { verifiedAt } = watch
    await its.pass(50)
    assert.equal(watch.verifiedAt, verifiedAt, 'a watch that has ended vouches on')
  },
}

function interruptions(interrupt: () => unknown): Readonly<Record<string, Demand>> {
  return {
    'ends a watch that was interrupted, says that changes may be missing, and begins a new one': async (its) => {
      const [one, two] = await its.pair()
      const bytes = its.bytes()
      await two.store.putMany([{ key: its.key(), bytes, lifeMs: longMs, beganAt: systemClock.now() }])
      const before = await watched(its, one)
      const { gaps } = one
      await interrupt()
      await its.eventually('the watch ends', () => !before.isLive)
      await its.eventually('a gap is told', () => one.gaps > gaps)
      const after = await watched(its, one)
      assert.notEqual(after, before, 'what is promised after an interruption is another watch')
      assert.equal(before.isLive, false, 'a watch that has ended is live again')
      const evict = async (): Promise<boolean> => two.store.delete([its.key()]).then(() => true, isRefusal)
      await its.eventually('the other process is back', evict)
      await its.eventually('it is told again', () => one.told.has(its.key()))
      await assertStands(one, its.key(), null, 'what was evicted after the interruption')
    },
  }
}

/** One process has read a key that another one changes. */
function tells(
  what: string,
  change: (its: ContractCase, by: ContractProcess, standing: Buffer) => Promise<unknown>,
): Readonly<Record<string, Demand>> {
  return {
    [`tells of ${what}`]: async (its) => {
      const [one, two] = await its.pair()
      const bytes = its.bytes('standing')
      await two.store.putMany([{ key: its.key(), bytes, lifeMs: longMs, beganAt: systemClock.now() }])
      await watched(its, one)
      await change(its, two, bytes)
      await its.eventually('it is told', () => one.told.has(its.key()))
    },
  }
}

/** Reads, until that is watched: a feed may take its time to begin. What was told before is forgotten. */
async function watched(
  its: ContractCase,
  { store, told }: ContractProcess,
  read: () => Promise<{ readonly watch: Watch | undefined }> = async () => (await store.getMany([its.key()]))[0]!,
): Promise<Watch> {
  let watch: Watch | undefined
  await its.eventually('what is read is watched', async () => {
    watch = (await read().then((found) => found.watch, isRefusal)) || undefined
    return watch !== undefined
  })
  told.clear()
  return watch!
}

/** False for what a store answers that cannot be reached. @throws everything else */
function isRefusal(error: unknown): false {
  if (!isCacheError(error)) throw error
  return false
}
