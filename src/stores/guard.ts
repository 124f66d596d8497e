import type { CompleteClock } from '../kernel/clock'
import { cacheError } from '../kernel/errors'
import type { SharedStore } from './shared-store'
import type { WriteQueue } from './write-queue'

/** Runs a command on one key or several, within whatever wants to stand around it. */
export type AroundCommand = <Answer>(
  command: string,
  keys: string | readonly string[],
  act: () => Promise<Answer>,
) => Promise<Answer>

/**
 * Gives every command of a shared store an end: a promise that is not settled within the timeout is rejected with
 * CW_SHARED_TIMEOUT, whatever the store's client does.
 */
export function guardSharedStore(
  store: SharedStore,
  clock: CompleteClock,
  timeoutMs: number,
  name: string,
  around: AroundCommand,
): SharedStore {
  const inTime = <Answer>(operation: string, work: Promise<Answer>, withinMs = timeoutMs): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const cancel = clock.setTimer(() => {
        // A process that was busy finds its timers due before it has read its sockets: let it read them first.
        setImmediate(() => {
          const message = `${name} did not answer '${operation}' within ${withinMs} ms.`
          reject(cacheError('CW_SHARED_TIMEOUT', `${message} The call goes on without it; see \`commandTimeout\`.`))
        })
      }, withinMs)
      work.then(
        (answer) => {
          cancel()
          resolve(answer)
        },
        (error: unknown) => {
          cancel()
          reject(error)
        },
      )
    })
  const command: AroundCommand = (name, keys, act) => around(name, keys, () => inTime(name, act()))
  async function* batchesInTime<Batch>(batches: AsyncIterable<Batch>): AsyncIterable<Batch> {
    const iterator = batches[Symbol.asyncIterator]()
    for (;;) {
      const next = await inTime('scan', iterator.next())
      if (next.done) return
      yield next.value
    }
  }
  return {
    // Longer than a command: a connection takes several round trips, and nobody's call waits for this.
    connect: () => inTime('connect', store.connect(), Math.max(timeoutMs, 2_000)),
    probe: () => inTime('probe', store.probe(), Math.max(timeoutMs, 2_000)),
    close: () => store.close(),
    serverTime: () => store.serverTime(),
    silenceOf: (key) => store.silenceOf(key),
    ...(store.toldAt === undefined ? {} : { toldAt: () => store.toldAt!() }),
    groups: (keys) => store.groups(keys),
    getMany: (keys) => command('getMany', keys, () => store.getMany(keys)),
    lease: (key, lease, leaseMs, over) => command('lease', key, () => store.lease(key, lease, leaseMs, over)),
    leaseMany: (keys, leases, leaseMs) => command('leaseMany', keys, () => store.leaseMany(keys, leases, leaseMs)),
    renewMany: (keys, leases, leaseMs) => command('renewMany', keys, () => store.renewMany(keys, leases, leaseMs)),
    fillMany: (fills) => command('fillMany', fills.map(keyOf), () => store.fillMany(fills)),
    renew: (key, lease, leaseMs) => command('renew', key, () => store.renew(key, lease, leaseMs)),
    release: (key, lease) => command('release', key, () => store.release(key, lease)),
    fill: (key, lease, bytes, lifeMs, version) =>
      command('fill', key, () => store.fill(key, lease, bytes, lifeMs, version)),
    replace: (replacement) => command('replace', replacement.key, () => store.replace(replacement)),
    putMany: (entries) => command('putMany', entries.map(keyOf), () => store.putMany(entries)),
    delete: (keys, as) => command('delete', keys, () => store.delete(keys, as)),
    ...(store.writeQueue === undefined
      ? {}
      : { writeQueue: (keys) => guardWriteQueue(store.writeQueue!(keys), inTime, command) }),
    scan: (pattern) => batchesInTime(store.scan(pattern)),
    readMarkers: (keys) => command('readMarkers', keys, () => store.readMarkers(keys)),
    ensureMarkers: (keys, lifeMs) => command('ensureMarkers', keys, () => store.ensureMarkers(keys, lifeMs)),
    raiseMarkers: (keys, lifeMs) => command('raiseMarkers', keys, () => store.raiseMarkers(keys, lifeMs)),
  }
}

function keyOf({ key }: { readonly key: string }): string {
  return key
}

type InTime = <Answer>(operation: string, work: Promise<Answer>) => Promise<Answer>

/** Only what calls wait for is a command that something stands around; the rest is the worker's own. */
function guardWriteQueue(queue: WriteQueue, inTime: InTime, command: AroundCommand): WriteQueue {
  return {
    isDurable: queue.isDurable,
    offer: (writes, maxPending) => command('offer', writes.map(keyOf), () => queue.offer(writes, maxPending)),
    find: (keys) => command('find', keys, () => queue.find(keys)),
    take: (worker, most, holdMs, behind) => inTime('take', queue.take(worker, most, holdMs, behind)),
    hold: (worker, holdMs) => inTime('hold', queue.hold(worker, holdMs)),
    leave: (worker) => inTime('leave', queue.leave(worker)),
    settle: (writes) => inTime('settle', queue.settle(writes)),
    blame: (writes) => inTime('blame', queue.blame(writes)),
    bury: (write, reason) => inTime('bury', queue.bury(write, reason)),
    mark: () => inTime('mark', queue.mark()),
    isPast: (mark) => inTime('isPast', queue.isPast(mark)),
    counts: () => inTime('counts', queue.counts()),
    buried: (most) => inTime('buried', queue.buried(most)),
    revive: () => inTime('revive', queue.revive()),
    discard: () => inTime('discard', queue.discard()),
  }
}
