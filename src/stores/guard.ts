import type { CompleteClock } from '../kernel/clock'
import { cacheError } from '../kernel/errors'
import type { SharedStore } from './shared-store'
import type { WriteQueue } from './write-queue'

/**
 * Gives every command of a shared store an end: a promise that is not settled within the timeout is rejected with
 * CW_SHARED_TIMEOUT, whatever the store's client does.
 */
export function guardSharedStore(
  store: SharedStore,
  clock: CompleteClock,
  timeoutMs: number,
  name: string,
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
    groups: (keys) => store.groups(keys),
    getMany: (keys) => inTime('getMany', store.getMany(keys)),
    lease: (key, lease, leaseMs, over) => inTime('lease', store.lease(key, lease, leaseMs, over)),
    leaseMany: (keys, leases, leaseMs) => inTime('leaseMany', store.leaseMany(keys, leases, leaseMs)),
    renew: (key, lease, leaseMs) => inTime('renew', store.renew(key, lease, leaseMs)),
    renewMany: (keys, leases, leaseMs) => inTime('renewMany', store.renewMany(keys, leases, leaseMs)),
    release: (key, lease) => inTime('release', store.release(key, lease)),
    fill: (key, lease, bytes, lifeMs, version) => inTime('fill', store.fill(key, lease, bytes, lifeMs, version)),
    fillMany: (fills) => inTime('fillMany', store.fillMany(fills)),
    replace: (replacement) => inTime('replace', store.replace(replacement)),
    putMany: (entries) => inTime('putMany', store.putMany(entries)),
    delete: (keys, as) => inTime('delete', store.delete(keys, as)),
    ...(store.writeQueue === undefined
      ? {}
      : { writeQueue: (keys) => guardWriteQueue(store.writeQueue!(keys), inTime) }),
    scan: (pattern) => batchesInTime(store.scan(pattern)),
    readMarkers: (keys) => inTime('readMarkers', store.readMarkers(keys)),
    ensureMarkers: (keys, lifeMs) => inTime('ensureMarkers', store.ensureMarkers(keys, lifeMs)),
    raiseMarkers: (keys, lifeMs) => inTime('raiseMarkers', store.raiseMarkers(keys, lifeMs)),
  }
}

type InTime = <Answer>(operation: string, work: Promise<Answer>) => Promise<Answer>

function guardWriteQueue(queue: WriteQueue, inTime: InTime): WriteQueue {
  return {
    isDurable: queue.isDurable,
    offer: (writes, maxPending) => inTime('offer', queue.offer(writes, maxPending)),
    find: (keys) => inTime('find', queue.find(keys)),
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
