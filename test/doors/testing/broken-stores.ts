import { cacheError, type SharedStore, type SharedStoreContext, systemClock, type Watch } from 'cachewright'

/** What a broken store does otherwise than the one it stands before. */
export type Break = (store: SharedStore, context: SharedStoreContext) => Partial<SharedStore>

/** A store with one fault. */
export function broken(store: SharedStore, context: SharedStoreContext, how: Break): SharedStore {
  const its = how(store, context)
  return new Proxy(store, {
    get(_, name: keyof SharedStore) {
      const member: unknown = its[name] ?? store[name]
      return typeof member === 'function' ? member.bind(its[name] === undefined ? store : its) : member
    },
  })
}

const forEver = Number.POSITIVE_INFINITY
const asText = (bytes: Buffer): Buffer => Buffer.from(bytes.toString('utf8'))

/** Faults of what is kept, each with what is to be noticed of it. */
export const brokenStores: Readonly<Record<string, readonly [Break, ...noticed: string[]]>> = {
  'answers in another order': [
    (store) => ({ getMany: async (keys) => (await store.getMany(keys)).reverse() }),
    'answers as many as were asked for, in their order',
    'removes what stands at many keys',
  ],
  'keeps bytes as text': [
    (store) => ({
      putMany: (entries) => store.putMany(entries.map((one) => ({ ...one, bytes: asText(one.bytes) }))),
    }),
    'keeps bytes as they are, many and none of them',
  ],
  'lets nothing run out': [
    (store) => ({
      putMany: (entries) => store.putMany(entries.map((one) => ({ ...one, lifeMs: forEver }))),
      lease: (key, lease, _ms, over) => store.lease(key, lease, forEver, over),
    }),
    'lets entries run out, and keeps those that do not',
    'lets the lease of a dead holder run out',
  ],
  'lets everything run out soon': [
    (store) => ({ putMany: (entries) => store.putMany(entries.map((one) => ({ ...one, lifeMs: 100 }))) }),
    'lets entries run out, and keeps those that do not',
  ],
  'finds all keys, whatever the pattern': [
    (store) => ({ scan: () => store.scan('*') }),
    'names the keys that match a pattern, and no others',
  ],
  'leaves keys out of its groups': [
    (store) => ({ groups: (keys) => store.groups(keys.slice(1)) }),
    'says by whom keys are answered, each once',
  ],
  'has a time that stands still': [
    () => ({ serverTime: () => 1_000_000 }),
    'has one time for all processes, and it passes',
  ],
  'has a time of its own in each process': [
    () => {
      const offset = Math.random() * 1e9
      return { serverTime: () => systemClock.now() + offset }
    },
    'has one time for all processes, and it passes',
  ],
  'answers when it is closed': [() => ({ close: async () => {} }), 'refuses with a cache error when it is closed'],
  'refuses with any error': [
    (store) => ({
      getMany: (keys) =>
        store.getMany(keys).catch(() => {
          throw new Error('ECONNREFUSED')
        }),
    }),
    'refuses with a cache error when it is closed',
  ],
  'gives a lease to all': [
    (store) => ({
      lease: async (key, lease, ms) => {
        const { watch } = await store.lease(key, lease, ms)
        return { bytes: null, watch }
      },
    }),
    'gives a lease to one of many, who finds nothing; the others find the lease',
    'finds the value instead of a lease',
  ],
  'keeps leases beside the key': [
    (store) => ({
      lease: async (key, lease, ms, over) => {
        const [value] = await store.getMany([key])
        return value!.bytes === null ? store.lease(`${key}:lease`, lease, ms, over) : value!
      },
      fill: async (key, lease, bytes, lifeMs) => {
        if (!(await store.renew(`${key}:lease`, lease, 1_000))) return { stands: false, watch: undefined }
        await store.release(`${key}:lease`, lease)
        const [written] = await store.putMany([{ key, bytes, lifeMs, beganAt: systemClock.now() }])
        return written!
      },
    }),
    'gives a lease to one of many, who finds nothing; the others find the lease',
    'refuses the fill of a load that began before an evict',
    'refuses the fill of a load that began before a put',
  ],
  'takes back no lease': [
    (store) => ({
      fill: async (...its) => ({ ...(await store.fill(...its)), stands: false }),
      release: async () => {},
    }),
    'fills under a lease that is held',
    'takes back a lease of its holder, and nothing else',
  ],
  'fills without a lease': [
    (store) => ({
      fill: async (key, _lease, bytes, lifeMs) =>
        (await store.putMany([{ key, bytes, lifeMs, beganAt: systemClock.now() }]))[0]!,
    }),
    'fills under a lease that is held',
    'refuses a fill without a lease, and under another one',
    'refuses the fill of a load that began before an evict',
    'refuses the fill of a load that began before a put',
    'lets the lease of a dead holder run out',
  ],
  'fills many without their leases': [
    (store) => ({
      fillMany: (fills) =>
        store.putMany(fills.map(({ key, bytes, lifeMs }) => ({ key, bytes, lifeMs, beganAt: systemClock.now() }))),
    }),
    'gives leases on those of many keys where nothing stands, prolongs and fills those that are held',
  ],
  'prolongs whatever stands there': [
    () => ({ renew: async () => true }),
    'prolongs a lease that is held, and says of one that is not',
  ],
  'prolongs nothing': [
    (store) => ({ renew: (key, lease) => store.renew(key, lease, 100) }),
    'prolongs a lease that is held, and says of one that is not',
  ],
  'takes back whatever stands there': [
    (store) => ({ release: (key) => store.delete([key]) }),
    'takes back a lease of its holder, and nothing else',
  ],
  'gives no lease over a dead entry': [
    (store) => ({ lease: (key, lease, ms) => store.lease(key, lease, ms) }),
    'gives a lease over a dead entry that begins as said, and over no other',
  ],
  'gives a lease over any entry': [
    (store) => ({
      lease: async (key, lease, ms, over) => {
        const [found] = await store.getMany([key])
        return store.lease(key, lease, ms, over && (found!.bytes ?? over))
      },
    }),
    'gives a lease over a dead entry that begins as said, and over no other',
  ],
  'replaces whatever stands there': [
    (store) => ({
      replace: async (replacement) => {
        const [found] = await store.getMany([replacement.key])
        return store.replace({ ...replacement, head: found!.bytes ?? replacement.head })
      },
    }),
    'replaces what still begins as said, and nothing else',
  ],
  'puts as if nobody had written meanwhile': [
    (store) => ({
      putMany: (entries) => store.putMany(entries.map((one) => ({ ...one, beganAt: systemClock.now() }))),
    }),
    'says of each of many entries whether it stands',
    'leaves a key empty that was put while an evict of another process came between',
    'leaves a key empty that was put while an evict of another process came between, and then one of its own',
    'leaves a key empty that was put while a put of another process came between',
    'leaves a key empty that was put while a put of another process came between, and then one of its own',
    'leaves a key empty that was put while its own evict of before was sent again',
  ],
  'takes what is sent again for a write of now': [
    (store) => ({ delete: (keys) => store.delete(keys) }),
    'leaves a key empty that was put while its own evict of before was sent again',
  ],
  'takes its own writes for those of others': [
    (store) => ({ delete: (keys) => store.delete(keys, 'journal') }),
    'keeps a put that only its own process has overlapped',
  ],
  'never lets a put stand that had company': [
    (store) => {
      const written = new Set<string>()
      return {
        delete: async (keys, as) => {
          for (const key of keys) everWritten.add(key)
          await store.delete(keys, as)
        },
        putMany: (entries) =>
          store.putMany(
            entries.map((one) => (everWritten.has(one.key) && !written.has(one.key) ? { ...one, beganAt: -1e6 } : one)),
          ),
      }
    },
    'keeps a put that began after the writes of others',
  ],
  'knows no versions': [
    (store) => ({
      putMany: (entries) => store.putMany(entries.map(({ version: _, ...one }) => one)),
      fill: (key, lease, bytes, lifeMs) => store.fill(key, lease, bytes, lifeMs),
      replace: (replacement) => store.replace({ ...replacement, version: undefined }),
    }),
    'keeps the newest version, whoever wrote it and when',
    'lets no older version be filled in, nor take the place of an entry',
    'remembers the version of what was filled in, until the key is evicted',
  ],
  'has numbers for everything': [
    (store) => ({ readMarkers: (keys) => store.ensureMarkers(keys, 1_000) }),
    'has no number for what was never there',
  ],
  'raises markers that it should make sure of': [
    (store) => ({
      ensureMarkers: async (keys, lifeMs) => {
        await store.raiseMarkers(keys, lifeMs)
        return store.readMarkers(keys)
      },
    }),
    'creates what is missing with the number of the counter, and leaves the rest',
  ],
  'raises the markers and leaves the counter': [
    (store) => {
      let number = 0
      return {
        raiseMarkers: async (keys, lifeMs) =>
          ((await store.ensureMarkers(keys, lifeMs)).counter.number ?? 0) + number++,
      }
    },
    'raises the counter above all that was, and the markers to it',
  ],
  'answers with a number that it has not set': [
    (store) => ({ raiseMarkers: async (keys, lifeMs) => (await store.raiseMarkers(keys, lifeMs)) + 1 }),
    'never lowers a number, whoever raises it at the same time',
  ],
  'raises nothing for nobody': [
    (store) => ({
      raiseMarkers: async (keys, lifeMs) => (keys.length === 0 ? 1 : store.raiseMarkers(keys, lifeMs)),
    }),
    'raises the counter although no marker is named',
  ],
  'lets markers run out': [
    (store) => ({ ensureMarkers: (keys) => store.ensureMarkers(keys, 50) }),
    'lets markers live as long as they were asked for, and not less for being asked for again',
  ],
}

// By whichever process.
const everWritten = new Set<string>()

class Vouching implements Watch {
  readonly isLive = true
  constructor(private readonly now: () => number) {}
  get verifiedAt(): number {
    return this.now()
  }
}

const nobody = <Answer extends { readonly watch: Watch | undefined }>(answer: Answer): Answer => ({
  ...answer,
  watch: undefined,
})

/** Faults of what is told; a break of the listener stands beside those of the store. */
export const brokenFeeds: Readonly<
  Record<string, readonly [Break, hears: (key: string) => boolean | 'gap' | 'late', ...noticed: string[]]>
> = {
  'watches nothing': [
    (store) => ({ getMany: async (keys) => (await store.getMany(keys)).map(nobody) }),
    () => true,
    'watches what is read, also what is absent, and says as of when',
    'names each of many keys',
  ],
  'vouches for the future': [
    (store, { clock }) => {
      const watch = new Vouching(() => clock.now() + 1_000)
      return { getMany: async (keys) => (await store.getMany(keys)).map((one) => ({ ...one, watch })) }
    },
    () => true,
    'watches what is read, also what is absent, and says as of when',
  ],
  'tells nothing': [
    () => ({}),
    () => false,
    'tells of an evict',
    'tells of a put',
    'tells of a replacement',
    'tells of a lease over a dead entry',
    'tells those who wait for a lease of the fill',
    'tells those who wait for a lease that it was given back',
    'tells of a change of what a process has written itself',
    'tells of tags that were evicted',
    'names each of many keys',
    'vouches for nothing that has yet to be told',
  ],
  'tells of entries alone': [() => ({}), (key) => key.includes(':c:1:'), 'tells of tags that were evicted'],
  'leaves some keys out': [() => ({}), (key) => !key.includes('{99}'), 'names each of many keys'],
  'tells too late for what it vouches for': [() => ({}), () => 'late', 'vouches for nothing that has yet to be told'],
  'vouches on when it is closed': [
    (store, { clock }) => {
      const watch = new Vouching(() => clock.now())
      return { getMany: async (keys) => (await store.getMany(keys)).map((one) => ({ ...one, watch })) }
    },
    () => true,
    'ends its watch when it is closed',
    'ends a watch that was interrupted, says that changes may be missing, and begins a new one',
  ],
  'says nothing of gaps': [
    () => ({}),
    () => 'gap',
    'ends a watch that was interrupted, says that changes may be missing, and begins a new one',
  ],
  'answers nothing in time': [
    () => ({
      getMany: async () => {
        throw cacheError('CW_SHARED_UNAVAILABLE', 'away')
      },
    }),
    () => true,
    'tells of an evict',
  ],
}
