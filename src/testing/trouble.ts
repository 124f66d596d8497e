import type { MarkerNumbers, SharedStore, SharedStoreContext, SharedStoreFactory, Watch, WriteQueue } from '../index'

/** A shared tier with something that can go wrong. Nothing is wrong until it begins. */
export interface Trouble extends SharedStoreFactory {
  begin(): void
  end(): void
  readonly isOn: boolean
}

/** What stands between a process and its shared tier. */
export interface Passage {
  /** How one command gets there and its answer back; `keys` are those that it is about. */
  pass<Answer>(command: () => Promise<Answer>, keys: readonly string[]): Promise<Answer>
  /** The watch as it is seen on this side. */
  watch(watch: Watch | undefined): Watch | undefined
  /** Told when the trouble begins, and when it ends. */
  changed(isOn: boolean): void
}

/** What a {@link Passage} is made with. */
export interface PassageParts {
  readonly context: SharedStoreContext
  readonly store: SharedStore
  readonly trouble: Trouble
}

/** What a kind of trouble does to each process that meets it. */
export interface TroubleKind {
  readonly name: string
  /** What the store beyond is told to tell. @default the process itself */
  listen?(context: SharedStoreContext, trouble: Trouble): SharedStoreContext
  passage(parts: PassageParts): Passage
}

/** A shared tier behind a kind of trouble; each manager that opens it meets it, all at the same time. */
export function troubled(factory: SharedStoreFactory, kind: TroubleKind): Trouble {
  const passages = new Set<Passage>()
  let isOn = false
  const turn = (on: boolean): void => {
    if (isOn === on) return
    isOn = on
    for (const passage of passages) passage.changed(on)
  }
  const trouble: Trouble = {
    name: `${factory.name}, ${kind.name}`,
    commandTimeoutMs: factory.commandTimeoutMs,
    get isOn() {
      return isOn
    },
    begin: () => turn(true),
    end: () => turn(false),
    open(context) {
      const store = factory.open(kind.listen?.(context, trouble) ?? context)
      const passage = kind.passage({ context, store, trouble })
      passages.add(passage)
      return through(store, passage, () => passages.delete(passage))
    },
  }
  return trouble
}

function through(store: SharedStore, passage: Passage, closed: () => void): SharedStore {
  const seen = <Answer extends { readonly watch: Watch | undefined }>(answer: Answer): Answer => ({
    ...answer,
    watch: passage.watch(answer.watch),
  })
  const one = async <Answer extends { readonly watch: Watch | undefined }>(
    key: string,
    command: () => Promise<Answer>,
  ): Promise<Answer> => seen(await passage.pass(command, [key]))
  const numbers = async (keys: readonly string[], command: () => Promise<MarkerNumbers>): Promise<MarkerNumbers> => {
    const { counter, markers } = await passage.pass(command, keys)
    return { counter: seen(counter), markers: markers.map(seen) }
  }
  return {
    connect: () => passage.pass(() => store.connect(), []),
    probe: () => passage.pass(() => store.probe(), []),
    close: () => {
      closed()
      return store.close()
    },
    serverTime: () => store.serverTime(),
    silenceOf: (key) => store.silenceOf(key),
    groups: (keys) => store.groups(keys),
    getMany: async (keys) => (await passage.pass(() => store.getMany(keys), keys)).map(seen),
    lease: (key, lease, leaseMs, over) => one(key, () => store.lease(key, lease, leaseMs, over)),
    leaseMany: (keys, leases, leaseMs) => passage.pass(() => store.leaseMany(keys, leases, leaseMs), keys),
    renew: (key, lease, leaseMs) => passage.pass(() => store.renew(key, lease, leaseMs), [key]),
    renewMany: (keys, leases, leaseMs) => passage.pass(() => store.renewMany(keys, leases, leaseMs), keys),
    release: (key, lease) => passage.pass(() => store.release(key, lease), [key]),
    fill: (key, lease, bytes, lifeMs, version) => one(key, () => store.fill(key, lease, bytes, lifeMs, version)),
    fillMany: async (fills) => {
      const keys = fills.map(({ key }) => key)
      return (await passage.pass(() => store.fillMany(fills), keys)).map(seen)
    },
    replace: (replacement) => one(replacement.key, () => store.replace(replacement)),
    putMany: async (entries) => {
      const keys = entries.map(({ key }) => key)
      return (await passage.pass(() => store.putMany(entries), keys)).map(seen)
    },
    delete: (keys, as) => passage.pass(() => store.delete(keys, as), keys),
    ...(store.writeQueue === undefined ? {} : { writeQueue: (keys) => queueThrough(store.writeQueue!(keys), passage) }),
    async *scan(pattern) {
      const batches = store.scan(pattern)[Symbol.asyncIterator]()
      for (;;) {
        const next = await passage.pass(() => batches.next(), [])
        if (next.done) return
        yield next.value
      }
    },
    readMarkers: (keys) => numbers(keys, () => store.readMarkers(keys)),
    ensureMarkers: (keys, lifeMs) => numbers(keys, () => store.ensureMarkers(keys, lifeMs)),
    raiseMarkers: (keys, lifeMs) => passage.pass(() => store.raiseMarkers(keys, lifeMs), keys),
  }
}

function queueThrough(queue: WriteQueue, passage: Passage): WriteQueue {
  const pass = <Answer>(command: () => Promise<Answer>): Promise<Answer> => passage.pass(command, [])
  return {
    isDurable: queue.isDurable,
    offer: (writes, maxPending) => pass(() => queue.offer(writes, maxPending)),
    find: (keys) => pass(() => queue.find(keys)),
    take: (worker, most, holdMs) => pass(() => queue.take(worker, most, holdMs)),
    hold: (worker, holdMs) => pass(() => queue.hold(worker, holdMs)),
    leave: (worker) => pass(() => queue.leave(worker)),
    settle: (writes) => pass(() => queue.settle(writes)),
    blame: (writes) => pass(() => queue.blame(writes)),
    bury: (write, reason) => pass(() => queue.bury(write, reason)),
    mark: () => pass(() => queue.mark()),
    isPast: (mark) => pass(() => queue.isPast(mark)),
    counts: () => pass(() => queue.counts()),
    buried: (most) => pass(() => queue.buried(most)),
    revive: () => pass(() => queue.revive()),
    discard: () => pass(() => queue.discard()),
  }
}
