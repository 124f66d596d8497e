/** Test files that are expected to notice, with parts of the titles of those tests. */
export type Noticers = Readonly<Record<string, readonly string[]>>

/** One way to break the source on purpose. */
export interface Mutation {
  readonly name: string
  /** What no longer holds. */
  readonly breaks: string
  readonly file: string
  /** Stands exactly once in the file. */
  readonly text: string
  /** What takes its place; the file must still compile. */
  readonly by: string
  readonly noticedBy: Noticers
}

/** The source with a mutation. */
export function apply({ name, file, text, by }: Mutation, source: string): string {
  const parts = source.split(text)
  if (parts.length !== 2) throw new Error(`${name}: its text stands ${parts.length - 1} times in ${file}, not once`)
  return parts.join(by)
}

const attacks = 'test/doors/redis/attacks.test.ts'
const closing = 'test/doors/redis/closing.test.ts'
const cluster = 'test/doors/redis/cluster.test.ts'
const coherence = 'test/doors/redis/coherence.test.ts'
const failover = 'test/doors/redis/failover.test.ts'
const feed = 'test/doors/redis/feed.test.ts'
const forced = 'test/doors/redis/forced-interleavings.test.ts'
const journal = 'test/doors/redis/journal.test.ts'
const serverChanges = 'test/doors/redis/server-changes.test.ts'
const deadline = 'test/flow/behaviours/deadline.test.ts'
const evictions = 'test/flow/behaviours/evictions.test.ts'
const loading = 'test/flow/behaviours/loading.test.ts'
const processes = 'test/flow/behaviours/processes.test.ts'
const starting = 'test/doors/redis/starting.test.ts'
const singleSteps = 'test/doors/redis/single-steps.test.ts'
const evictionJournal = 'test/rooms/coherence/eviction-journal.test.ts'
const versions = 'test/flow/behaviours/versions.test.ts'
const interleavings = 'test/rooms/cache/interleavings.test.ts'
const stale = 'test/flow/behaviours/stale.test.ts'
const timeouts = 'test/flow/behaviours/timeouts.test.ts'
const answers = 'test/flow/behaviours/answers.test.ts'
const context = 'test/flow/behaviours/context.test.ts'
const crowding = 'test/flow/behaviours/crowding.test.ts'
const handlers = 'test/flow/behaviours/handlers.test.ts'
const batches = 'test/doors/redis/batches.test.ts'
const circuit = 'test/doors/redis/circuit.test.ts'
const circuitBreaker = 'test/doors/redis/circuit-breaker.test.ts'
const shapes = 'test/flow/behaviours/shapes.test.ts'
const keyspace = 'test/rooms/key/keyspace.test.ts'
const detecting = 'test/flow/behaviours/detecting.test.ts'
const audit = 'test/rooms/manager/audit.test.ts'
const explain = 'test/dialects/explain.test.ts'
const matrix = 'test/flow/matrix.test.ts'
const memoize = 'test/dialects/memoize.test.ts'
const memoKeys = 'test/property/memo.test.ts'
const memoCollection = 'test/rooms/memo/collection.test.ts'

/** The steps without which the guarantees would not hold, each taken away by one mutation. */
const pillars: readonly Mutation[] = [
  {
    name: 'compare-and-set',
    breaks: 'a fill takes effect though its lease is gone (G1)',
    file: 'src/redis/scripts.ts',
    text: "fillLease: script(`#!lua\nif redis.call('GETEX', KEYS[1]) ~= ARGV[1] then return 0 end\n",
    by: 'fillLease: script(`#!lua\n',
    noticedBy: { [coherence]: ['is nowhere afterwards when it', 'that was lost is not renewed'] },
  },
  {
    name: 'in-flight-registration',
    breaks: 'a load that is under way is joined by nobody (G3)',
    file: 'src/cache/flight-registry.ts',
    text: '    this.#joinable.set(flight.key, flight)\n',
    by: '',
    noticedBy: { [loading]: ['K9 that fails is one execution'] },
  },
  {
    name: 're-arming',
    breaks: 'a data connection that comes back is not tracked again (G2)',
    file: 'src/redis/server-feed.ts',
    text: 'this.#arming = this.#arm()',
    by: 'this.#arming ??= this.#arm()',
    noticedBy: { [feed]: ['connection killed: copies go'] },
  },
  {
    name: 'trust-check',
    breaks: 'a local copy is served though nobody has vouched for it in maxStaleness (G2)',
    file: 'src/cache/local-tier.ts',
    text: 'if (now - entry.verifiedAt > trustMs && ',
    by: 'if (now < 0 && now - entry.verifiedAt > trustMs && ',
    noticedBy: { [serverChanges]: ['G2 is not believed for telling of no change'] },
  },
  {
    name: 'second-local-drop',
    breaks: 'what a reader fetched from the shared tier during an evict stays in memory (G1)',
    file: 'src/cache/evictions.ts',
    text: '      // Meanwhile another reader may have fetched the old value from the shared tier.\n      for (const key of keys) this.dropHere(key)\n',
    by: '',
    noticedBy: { [processes]: ['C95 what a reader fetched'] },
  },
  {
    name: 'marker-check',
    breaks: 'an entry of the shared tier is served whatever tag was evicted (G1)',
    file: 'src/cache/shared-entries.ts',
    text: "if (markers.judge(its.markers, its.frame.header.stamp) !== 'alive') return dead(its.found)\n",
    by: '',
    noticedBy: { [coherence]: ['is nowhere afterwards when it'], [processes]: ['C102 an entry is judged'] },
  },
  {
    name: 'journal',
    breaks: 'an evict that could not reach Redis is forgotten (G5)',
    file: 'src/coherence/eviction-journal.ts',
    text: '    if (this.#closed) return\n    const until',
    by: '    if (this.#parts !== undefined) return\n    const until',
    noticedBy: { [journal]: ['G5 an evict while the way to Redis is'] },
  },
]

const leases: readonly Mutation[] = [
  {
    name: 'lease-only-where-there-is-none',
    breaks: 'a lease is set over the lease of another process (G3)',
    file: 'src/redis/scripts.ts',
    text: 'if found and not isOver then return',
    by: 'if found and not isOver and #found > 60 then return',
    noticedBy: { [feed]: ['two processes load a cold key once'] },
  },
  {
    name: 'waiting-for-a-lease',
    breaks: 'a process that finds another one’s lease calls the method as well (G3)',
    file: 'src/cache/shared-tier.ts',
    text: "if (reading.kind === 'leased' && waits) {",
    by: "if (reading.kind === 'leased' && waits && askedAt < 0) {",
    noticedBy: { [feed]: ['two processes load a cold key once'] },
  },
  {
    name: 'lost-wake-up',
    breaks: 'a change that was told before the waiter lies down wakes nobody (G3)',
    file: 'src/cache/shared-tier.ts',
    text: '    if (flight.changed || flight.stirred) return Promise.resolve()\n',
    by: '',
    noticedBy: { [singleSteps]: ['G3 about another process’s lease wakes'] },
  },
  {
    name: 'renewal',
    breaks: 'the lease of a slow load runs out, and others load as well (G3)',
    file: 'src/cache/lease.ts',
    text: '  cancel = clock.setTimer(again, leaseMs / 3)\n  return background',
    by: '  return background',
    noticedBy: { [coherence]: ['is renewed as long as the loader runs'] },
  },
  {
    name: 'renewal-for-ever',
    breaks: 'a load that hangs keeps its lease, and every process waits (G3)',
    file: 'src/cache/lease.ts',
    text: '    if (askedAt - flight.startedAt >= loadDeadlineMs) return\n',
    by: '',
    noticedBy: { [deadline]: ['a lease is not renewed after the deadline'] },
  },
  {
    name: 'renewal-of-what-is-lost',
    breaks: 'a lease that is gone is taken for held (G1)',
    file: 'src/redis/scripts.ts',
    text: "renewLease: script(`#!lua flags=allow-oom\nif redis.call('GETEX', KEYS[1]) ~= ARGV[1] then return 0 end\nreturn redis.call('PEXPIRE', KEYS[1], ARGV[2])",
    by: "renewLease: script(`#!lua flags=allow-oom\nredis.call('PEXPIRE', KEYS[1], ARGV[2])\nreturn 1",
    noticedBy: { [singleSteps]: ['G2 a lease that another process’s evict has taken'] },
  },
  {
    name: 'release-on-error',
    breaks: 'the lease of a load that failed keeps others waiting (G3)',
    file: 'src/cache/shared-fill.ts',
    text: '      if (!filled) this.parts.background.track(this.parts.store.release(sharedKey, lease))\n',
    by: '',
    noticedBy: {
      [feed]: ['a waiter becomes the loader'],
      [coherence]: ['is given back when the loader fails', 'is given back by a load'],
    },
  },
  {
    name: 'release-of-a-late-lease',
    breaks: 'a lease that is granted after the caller gave up keeps others from filling (G3)',
    file: 'src/cache/shared-tier.ts',
    text: '      // A lease that was asked for may be granted late; it must not keep others from filling.\n      background.track(store.release(sharedKey, lease))\n',
    by: '',
    noticedBy: { [attacks]: ['does not keep others from filling'] },
  },
  {
    name: 'lease-over-the-dead',
    breaks: 'an entry whose tag was evicted is replaced by nobody until it expires (G3)',
    file: 'src/cache/shared-tier.ts',
    text: "if (taken.bytes === null) return 'lease'",
    by: "if (askedAt < 0) return 'lease'",
    noticedBy: {
      [attacks]: ['kill what was loaded before an evict also'],
      [coherence]: ['is nowhere afterwards when it'],
    },
  },
  {
    name: 'lease-over-those-bytes-alone',
    breaks: 'a lease is set over whatever took the place of the dead entry (G1)',
    file: 'src/redis/scripts.ts',
    text: "local isOver = over and (found == over or (over ~= '' and found and string.sub(found, 1, #over) == over))",
    by: 'local isOver = over',
    noticedBy: { [forced]: ['G3 waits too when the other process was faster'] },
  },
  {
    name: 'former-lease',
    breaks: 'the load after an evict waits for the load before it (G3)',
    file: 'src/cache/flight-registry.ts',
    text: '      for (const other of its) flight.formerLease = other.lease ?? flight.formerLease\n',
    by: '',
    noticedBy: { [loading]: ['K13 nor waited for'] },
  },
  {
    name: 'joining-a-load-that-hangs',
    breaks: 'callers join a load that is past its deadline (G3)',
    file: 'src/cache/loads.ts',
    text: 'now >= joined.startedAt + loadDeadlineMs',
    by: 'now === Number.POSITIVE_INFINITY',
    noticedBy: { [deadline]: ['C130 who comes after the deadline'] },
  },
  {
    name: 'waiting-for-a-load-that-hangs',
    breaks: 'who joined a load that hangs waits for ever (G3)',
    file: 'src/cache/loads.ts',
    text: 'deadline: hasJoined ? flight.startedAt + loadDeadlineMs : Number.POSITIVE_INFINITY',
    by: 'deadline: Number.POSITIVE_INFINITY',
    noticedBy: { [deadline]: ['C130 G3 who joined it begins anew'] },
  },
]

const lists: readonly Mutation[] = [
  {
    name: 'lease-of-a-list',
    breaks: 'a list loads what another process is loading (G3)',
    file: 'src/cache/shared-group.ts',
    text: "if (!taken[index]) return 'alone'",
    by: "if (taken[index] === undefined) return 'alone'",
    noticedBy: { [batches]: ['what another process begins to load after the list was looked for'] },
  },
  {
    name: 'compare-and-set-of-a-list',
    breaks: 'what was evicted while a list was loaded is filled (G1)',
    file: 'src/redis/scripts.ts',
    text: "if redis.call('GETEX', KEYS[i]) == ARGV[at] then",
    by: 'if true then',
    noticedBy: { [batches]: ['what another process evicts while a list is loaded'] },
  },
  {
    name: 'watch-of-a-list',
    breaks: 'nobody tells of changes of what a list has filled (G2)',
    file: 'src/redis/scripts.ts',
    text: "redis.call('EXISTS', unpack(KEYS))\n",
    by: '',
    noticedBy: { [batches]: ['what a list has filled is watched'] },
  },
]

const flights: readonly Mutation[] = [
  {
    name: 'revoked-at-the-local-keep',
    breaks: 'a load that began before an evict of its process is kept in memory (G1)',
    file: 'src/cache/loads.ts',
    text: 'if (flight.revoked || isOlder || (flight.changed',
    by: 'if (isOlder || (flight.changed',
    noticedBy: { [interleavings]: ['is not kept when it ends while the younger one still runs'] },
  },
  {
    name: 'changed-at-the-local-keep',
    breaks: 'an answer that a notice has overtaken is kept in memory (G2)',
    file: 'src/cache/loads.ts',
    text: 'if (flight.revoked || isOlder || (flight.changed && loaded.entry.watch !== undefined))',
    by: 'if (flight.revoked || isOlder)',
    noticedBy: { [processes]: ['C119 an answer that a later notice has overtaken'] },
  },
  {
    name: 'revoked-at-the-fill',
    breaks: 'a load that was given up fills all the same (G1)',
    file: 'src/cache/shared-fill.ts',
    text: ' || flight.revoked) return loaded',
    by: ') return loaded',
    noticedBy: { [coherence]: ['is given back by a load that was revoked or left'] },
  },
  {
    name: 'revoking',
    breaks: 'an evict leaves loads of its process that began before it to be joined (G1)',
    file: 'src/cache/flight-registry.ts',
    text: '    if (flight !== undefined) this.#revoke(flight)\n',
    by: '',
    noticedBy: { [interleavings]: ['is not kept, nor joined afterwards'] },
  },
  {
    name: 'detaching-before',
    breaks: 'a load is joined while a tag that it may carry is being evicted (G1)',
    file: 'src/cache/evictions.ts',
    text: "    this.parts.flights.detachTagged()\n    try {\n      await this.#moveMarkers(names, 'evict', what)\n",
    by: "    try {\n      await this.#moveMarkers(names, 'evict', what)\n",
    noticedBy: { [singleSteps]: ['G1 a load from before is not joined'] },
  },
  {
    name: 'detaching-after',
    breaks: 'a load that began while a tag was being evicted is joined by who comes after (G1)',
    file: 'src/cache/evictions.ts',
    text: "      await this.#moveMarkers(names, 'evict', what)\n    } finally {\n      this.parts.flights.detachTagged()\n",
    by: "      await this.#moveMarkers(names, 'evict', what)\n    } finally {\n",
    noticedBy: { [singleSteps]: ['G1 a load that begins is not joined afterwards'] },
  },
  {
    name: 'detached-lands-late',
    breaks: 'a load that was left behind takes the place of a younger one’s value (G1)',
    file: 'src/cache/loads.ts',
    text: 'else if (!flight.detached || !local.has(flight.key)) local.keep(',
    by: 'else local.keep(',
    noticedBy: { [interleavings]: ['G1 a load that a tag’s evict has left behind'] },
  },
  {
    name: 'clear-during-a-put',
    breaks: 'a put that began before a clear is kept after it (G1)',
    file: 'src/cache/evictions.ts',
    text: '    this.parts.fence.noteAll()\n',
    by: '',
    noticedBy: { [interleavings]: ['G1 a put whose method ran while'] },
  },
  {
    name: 'detaching-after-everywhere',
    breaks: 'a load that began while a tag was being evicted everywhere is joined by who comes after (G1)',
    file: 'src/manager/cache-manager.ts',
    text: "await this.#moveMarkers(everywhere(tags), 'evict', tags).finally(detach)",
    by: "await this.#moveMarkers(everywhere(tags), 'evict', tags)",
    noticedBy: { [singleSteps]: ['G1 a load that begins is not joined afterwards'] },
  },
  {
    name: 'second-half-of-a-clear',
    breaks: 'what a reader fetched from the shared tier during a clear stays in memory (G1)',
    file: 'src/cache/evictions.ts',
    text: "[this.parts.names.all], 'clear', {})\n    } finally {\n      this.clearHere()\n",
    by: "[this.parts.names.all], 'clear', {})\n    } finally {\n",
    noticedBy: { [singleSteps]: ['G1 a load that begins is not joined afterwards'] },
  },
  {
    name: 'fence-of-writes',
    breaks: 'of two puts that overlap in one process, the one that ends last stays (G1)',
    file: 'src/cache/writes.ts',
    text: "const verdict = isOlder ? 'older' : fence.judge(write.ticket, key, kept?.version)",
    by: "const verdict: string = isOlder ? 'older' : 'clear'",
    noticedBy: { [interleavings]: ['leave it empty, whichever ends first'] },
  },
  {
    name: 'fence-at-the-local-keep',
    breaks: 'a put is kept in memory though an evict came while it was on its way (G1)',
    file: 'src/cache/writes.ts',
    text: "const isLatest = fence.judge(write.ticket, key, undefined, since) === 'clear' && !changes",
    by: 'const isLatest = since >= 0 && !changes',
    noticedBy: { [interleavings]: ['G1 an evict at the'] },
  },
  {
    name: 'changes-at-the-local-keep',
    breaks: 'a put is kept in memory though the feed has told that the key changed since (G2)',
    file: 'src/cache/writes.ts',
    text: " === 'clear' && !changes.overlapped(sent, key)",
    by: " === 'clear'",
    noticedBy: { [singleSteps]: ['G2 to a put is not taken for a copy'] },
  },
  {
    name: 'fence-of-lookups',
    breaks: 'what a key was found to be takes the place of what was put meanwhile (G1)',
    file: 'src/cache/tiered-cache.ts',
    text: 'const isLatest = !this.#fence.overlapped(write, key) && ',
    by: 'const isLatest = ',
    noticedBy: { [singleSteps]: ['G1 to a lookup does not take the place'] },
  },
  {
    name: 'changes-during-lookups',
    breaks: 'what many keys were found to be is kept though the feed has told of a change (G2)',
    file: 'src/cache/tiered-cache.ts',
    text: ' && !this.#changes.overlapped(change, key)',
    by: '',
    noticedBy: { [singleSteps]: ['G2 to a lookup is not kept'] },
  },
]

const feedOfChanges: readonly Mutation[] = [
  {
    name: 'listening-again',
    breaks: 'a listening connection that comes back hears of nothing (G2)',
    file: 'src/redis/server-feed.ts',
    text: "listening.on('ready', ",
    by: "listening.once('ready', ",
    noticedBy: { [feed]: ['connection killed: copies go'] },
  },
  {
    name: 'own-writes-are-told',
    breaks: 'what changes in the course of our own commands is not told (G2)',
    file: 'src/redis/tracking-feed.ts',
    text: "data.client('TRACKING', 'ON', 'REDIRECT', listenerId)",
    by: "data.client('TRACKING', 'ON', 'REDIRECT', listenerId, 'NOLOOP')",
    noticedBy: { [forced]: ['G2'] },
  },
  {
    name: 'gap-on-re-arming',
    breaks: 'what was read under an earlier watch is believed under the next one (G2)',
    file: 'src/redis/server-feed.ts',
    text: '    listener.gap()\n    this.#watch = new ServerWatch()',
    by: '    this.#watch = new ServerWatch()',
    noticedBy: { [feed]: ['connection killed: copies go'] },
  },
  {
    name: 'gap-on-a-flush',
    breaks: 'a flush of the server is not heard of (G2)',
    file: 'src/redis/server-feed.ts',
    text: 'if (keys === undefined) listener.gap()',
    by: 'if (keys === undefined) return',
    noticedBy: { [processes]: ['C122 a flush of the server'] },
  },
  {
    name: 'heartbeat-as-of-its-sending',
    breaks: 'trust is renewed as of the answer of a PING, and not as of its sending (G2)',
    file: 'src/redis/server-feed.ts',
    text: 'Math.min(sentAt, note.agreedAt)',
    by: 'Math.min(clock.now(), note.agreedAt)',
    noticedBy: { [singleSteps]: ['G2 trust is as old as the question'] },
  },
  {
    name: 'heartbeat-that-might-write',
    breaks: 'a server that may not write is believed for telling of no change (G2)',
    file: 'src/redis/server-feed.ts',
    text: 'evaluate(client, scripts.heartbeat, [key], [])',
    by: 'client.ping()',
    noticedBy: { [serverChanges]: ['G2 is not believed for telling of no change'] },
  },
  {
    name: 'heartbeat-on-both-connections',
    breaks: 'trust is renewed though the listening connection is silent (G2)',
    file: 'src/redis/server-feed.ts',
    text: "      this.#asked('PING', listening.ping()),\n",
    by: '',
    noticedBy: { [forced]: ['G2 is not served what was read more than maxStaleness'] },
  },
  {
    name: 'one-server-for-both-connections',
    breaks: 'notices are sent to a stranger on another server (G2)',
    file: 'src/redis/server-feed.ts',
    text: '    if (data.runId !== to.server) return listening.disconnect(true)\n',
    by: '',
    noticedBy: { [serverChanges]: ['G2 takes both connections along'] },
  },
  {
    name: 'own-write-read-back',
    breaks: 'a write that another process has overtaken is kept as watched (G2)',
    file: 'src/redis/redis-store.ts',
    text: 'const isOurs = head === undefined || head.equals(bytes.subarray(0, headBytes))',
    by: 'const isOurs = true',
    noticedBy: { [singleSteps]: ['that another process has overtaken before it was read back'] },
  },
  {
    name: 'asked-not-answered',
    breaks: 'a copy is believed from the answer on, and not from the question (G2)',
    file: 'src/cache/shared-entries.ts',
    text: 'const verifiedAt = Math.min(askedAt, this.parts.markers.verifiedAt(markers))',
    by: 'const verifiedAt = this.parts.clock.now()',
    noticedBy: { [forced]: ['G2 is not served what was read more than maxStaleness'] },
  },
  {
    name: 'load-believed-from-its-beginning',
    breaks: 'while Redis is away a value is believed from the end of its load, and not from its beginning (G2)',
    file: 'src/cache/source-tier.ts',
    text: '{ stamp, verifiedAt: startedAt, loadMs })\n    return { entry, keep: entry',
    by: '{ stamp, verifiedAt: this.parts.clock.now(), loadMs })\n    return { entry, keep: entry',
    noticedBy: { [singleSteps]: ['G2 without Redis a value is as old'] },
  },
  {
    name: 'joiner-and-the-age-of-a-load',
    breaks: 'who joins a load gets what it began with, however long ago that is (G2)',
    file: 'src/cache/loads.ts',
    text: '    if (isShared && askedAt - flight.vouched > maxStalenessMs) return again()\n',
    by: '',
    noticedBy: { [attacks]: ['is not served, more than maxStaleness after an evict elsewhere'] },
  },
  {
    name: 'joiner-and-the-age-of-markers',
    breaks: 'who joins a read gets what it found, however long ago its tags were heard of (G2)',
    file: 'src/cache/shared-tier.ts',
    text: 'flight.vouchedAt = Math.min(askedAt, reading.entry.verifiedAt)',
    by: 'flight.vouchedAt = askedAt',
    noticedBy: { [forced]: ['G2 is not served what was read more than maxStaleness'] },
  },
  {
    name: 'joiner-and-tags',
    breaks: 'a lease that was renewed vouches for a load whose tags are not known yet (G2)',
    file: 'src/cache/marker-knowledge.ts',
    text: '    if (flight.request.tagged) return\n',
    by: '',
    noticedBy: { [forced]: ['G2 is not served, more than maxStaleness after another process'] },
  },
  {
    name: 'joiner-and-clears',
    breaks: 'a lease that was renewed vouches for a load that a clear has killed (G2)',
    file: 'src/cache/marker-knowledge.ts',
    text: 'this.#untaggedAliveAt(flight.stamp, sentAt)',
    by: 'sentAt',
    noticedBy: { [forced]: ['G2 is not served, more than maxStaleness after another process'] },
  },
]

const tags: readonly Mutation[] = [
  {
    name: 'marker-check-in-memory',
    breaks: 'a local copy is served though its tag was evicted (G1)',
    file: 'src/cache/local-tier.ts',
    text: 'return entry.markers.length === 0 || this.#isAlive(key, entry, now) ? entry : undefined',
    by: 'return entry',
    noticedBy: { [loading]: ['C80 an evicted tag takes its carriers'] },
  },
  {
    name: 'marker-check-at-the-fill',
    breaks: 'a fill whose tag was evicted meanwhile is kept in memory (G1)',
    file: 'src/cache/marker-knowledge.ts',
    text: "    if (markers.judge(carried, entry.stamp) !== 'alive') return undefined\n",
    by: '',
    noticedBy: { [singleSteps]: ['G2 where nothing is told'] },
  },
  {
    name: 'number-of-a-load',
    breaks: 'an entry is numbered when its load ends, above what was evicted meanwhile (G1)',
    file: 'src/cache/shared-fill.ts',
    text: '      const bytes = this.parts.frames.write(flight.key, loaded.entry)\n',
    by: '      Object.assign(loaded.entry, { stamp: this.parts.markers.stamp })\n      const bytes = this.parts.frames.write(flight.key, loaded.entry)\n',
    noticedBy: { [singleSteps]: ['G1 what a load brings that began before'] },
  },
  {
    name: 'lost-marker',
    breaks: 'a marker that is missing reads as never evicted (G1)',
    file: 'src/cache/tag-markers.ts',
    text: "if (marker === undefined) verdict = 'unknown'\n      else if",
    by: 'if (marker === undefined) continue\n      else if',
    noticedBy: { [attacks]: ['that hold garbage'] },
  },
  {
    name: 'lost-counter',
    breaks: 'an entry numbered above the counter is alive, though its counter was lost (G1)',
    file: 'src/cache/tag-markers.ts',
    text: "stamp > this.#counter ? 'unknown' : 'alive'",
    by: "stamp < 0 ? 'unknown' : 'alive'",
    noticedBy: { [singleSteps]: ['G1 that was numbered by a counter'] },
  },
  {
    name: 'tag-that-is-being-evicted',
    breaks: 'what carries a tag is served while its evict is on its way (G1)',
    file: 'src/cache/tag-markers.ts',
    text: "      if (this.#evicting.size > 0 && this.#evicting.has(tag)) return 'dead'\n",
    by: '',
    noticedBy: { [singleSteps]: ['G1 what it is about is served no more'] },
  },
  {
    name: 'marker-that-changed-meanwhile',
    breaks: 'a marker is taken for watched though a notice has overtaken the answer (G2)',
    file: 'src/cache/tag-markers.ts',
    text: ' && !asked.changed.has(keys[index]!)',
    by: '',
    noticedBy: { [singleSteps]: ['G2 about a marker is not taken for watched when another'] },
  },
  {
    name: 'marker-after-a-flush',
    breaks: 'a marker is taken for watched though a flush has overtaken the answer (G2)',
    file: 'src/cache/tag-markers.ts',
    text: 'watch?.isLive && !asked.isVoid && ',
    by: 'watch?.isLive && ',
    noticedBy: { [singleSteps]: ['G2 about a marker is not taken for watched when everything'] },
  },
  {
    name: 'prefix-markers',
    breaks: 'an evict by prefix leaves what was being loaded, and what others hold (G1)',
    file: 'src/cache/tag-names.ts',
    text: 'of: isHierarchical ? (key, tags) => [...beginnings(key).map(prefix), ...ofTags(tags)] : ',
    by: 'of: ',
    noticedBy: {
      [evictions]: ['G1 a load that began before is not kept, and not joined', 'removes the key and all that begin'],
    },
  },
  {
    name: 'counter-read-once-more',
    breaks: 'on a cluster a lost marker comes back below a number it has had (G1)',
    file: 'src/redis/cluster-store.ts',
    text: 'if (!markers.some(([, isNew]) => isNew)) return',
    by: 'if (number >= 0) return',
    noticedBy: { [cluster]: ['G1 a marker that was lost'] },
  },
]

const failures: readonly Mutation[] = [
  {
    name: 'reading-past-the-journal',
    breaks: 'what a pending evict should remove is read from Redis by its own process (G5)',
    file: 'src/coherence/eviction-journal.ts',
    text: 'return this.#pending.size > 0 && this.#pending.has(key)',
    by: 'return this.#pending.size < 0 && this.#pending.has(key)',
    noticedBy: { [forced]: ['G5 counts meanwhile'] },
  },
  {
    name: 'arrived-since-the-question',
    breaks: 'an answer is believed though an evict that was sent again arrived behind it (G5)',
    file: 'src/coherence/eviction-journal.ts',
    text: 'return this.holds(key) || (this.#recent.get(key)?.arrival ?? 0) > mark',
    by: 'return this.holds(key) || mark < 0',
    noticedBy: { [singleSteps]: ['G5 counts for an answer that is older'] },
  },
  {
    name: 'looking-past-the-journal',
    breaks: 'what a pending evict should remove is found by get() (G5)',
    file: 'src/cache/shared-lookups.ts',
    text: 'if (journal.touchedSince(sharedKeys[index]!, mark))',
    by: 'if (mark < 0)',
    noticedBy: { [singleSteps]: ['counts for lookups of its own process'] },
  },
  {
    name: 'holding-past-the-journal',
    breaks: 'what a pending evict should remove counts as there (G5)',
    file: 'src/cache/shared-lookups.ts',
    text: 'const isThere = !journal.touchedSince(sharedKey, mark) && ',
    by: 'const isThere = mark >= 0 && ',
    noticedBy: { [singleSteps]: ['counts for lookups of its own process'] },
  },
  {
    name: 'journal-of-tags',
    breaks: 'what carries a tag is served while its evict waits in the journal (G5)',
    file: 'src/cache/tag-markers.ts',
    text: "      if (this.journal.holds(tag)) return 'dead'\n",
    by: '',
    noticedBy: { [singleSteps]: ['counts for lookups of its own process'] },
  },
  {
    name: 'retries',
    breaks: 'an evict that failed is sent again once and then no more (G5)',
    file: 'src/coherence/eviction-journal.ts',
    text: '    this.#cancelRetry = this.#parts.clock.setTimer(() => void this.flush(), this.#pauseMs)\n',
    by: '',
    noticedBy: { [journal]: ['evicted while Redis is frozen'] },
  },
  {
    name: 'replay',
    breaks: 'what a server has lost that it had acknowledged is not sent again (G5)',
    file: 'src/coherence/eviction-journal.ts',
    text: '    if (this.#recent.size > 0) this.keep([...this.#recent.keys()], deferredLifeMs)\n',
    by: '',
    noticedBy: { [journal]: ['G5 evictions that a restarted server has lost'] },
  },
  {
    name: 'replay-to-a-successor',
    breaks: 'the replica that took over is not told what its primary had acknowledged (G5)',
    file: 'src/redis/cluster-store.ts',
    text: 'if (isTakenOver && isNew) successors.add(node)',
    by: 'if (isTakenOver && isNew) successors.delete(node)',
    noticedBy: { [failover]: ['what the lost primary had acknowledged'] },
  },
  {
    name: 'kept-anew-meanwhile',
    breaks: 'an evict that fails while an older one of its key is being sent is forgotten (G5)',
    file: 'src/coherence/eviction-journal.ts',
    text: 'if (this.#pending.get(key) === before[index]) this.#pending.delete(key)',
    by: 'if (before.length > index) this.#pending.delete(key)',
    noticedBy: { [evictionJournal]: ['G5 an evict that fails while'] },
  },
  {
    name: 'journal-at-close',
    breaks: 'close() leaves what is pending unsent (G5)',
    file: 'src/manager/cache-manager.ts',
    text: 'if (journal.size > 0) this.#background.track(journal.flush())',
    by: 'if (journal.size < 0) this.#background.track(journal.flush())',
    noticedBy: { [singleSteps]: ['G5 is sent by close()'] },
  },
  {
    name: 'moved',
    breaks: 'a key whose slot has moved is not found (G4)',
    file: 'src/redis/cluster-store.ts',
    text: 'if (redirection === undefined || way === longestWay) throw error',
    by: 'if (redirection === undefined || way >= 0) throw error',
    noticedBy: { [cluster]: ['loads, evicts and puts go on at step', 'an evict after the move refuses'] },
  },
  {
    name: 'asking',
    breaks: 'a key whose slot is on its way is refused by where it goes (G4)',
    file: 'src/redis/cluster-store.ts',
    text: "store = redirection.kind === 'ASK' ? node.asking : node.store",
    by: 'store = node.store',
    noticedBy: { [cluster]: ['loads, evicts and puts go on at step'] },
  },
  {
    name: 'entry-and-note-apart',
    breaks: 'an evict is put off until the slot of its key has moved (G2)',
    file: 'src/redis/cluster-store.ts',
    text: "if (!replyIn(error).startsWith('TRYAGAIN')) throw error",
    by: 'if (error !== undefined) throw error',
    noticedBy: { [cluster]: ['loads, evicts and puts go on at step'] },
  },
]

const writes: readonly Mutation[] = [
  {
    name: 'note-of-a-write',
    breaks: 'a put is stored though another process has written its key since it began (G1)',
    file: 'src/redis/scripts.ts',
    text: 'local isOverlapped = not isVersioned and tonumber(others) >= tonumber(ARGV[3])',
    by: 'local isOverlapped = false',
    noticedBy: { [attacks]: ['is not stored when its method ran while', 'is not stored when the network delivers'] },
  },
  {
    name: 'put-that-took-longer-than-its-note',
    breaks: 'a put is stored that began before any note that is still there (G1)',
    file: 'src/redis/scripts.ts',
    text: 'isOverlapped = isOverlapped or now - tonumber(ARGV[3]) >= tonumber(ARGV[2])\n',
    by: '',
    noticedBy: { [singleSteps]: ['G1 is not stored when it took longer'] },
  },
  {
    name: 'beginning-of-a-put',
    breaks: 'a put counts from when it is sent, and not from when its method was called (G1)',
    file: 'src/cache/writes.ts',
    text: 'return shared.writes.putMany(puts, write.beganAt)',
    by: 'return shared.writes.putMany(puts, systemClock.now())',
    noticedBy: { [singleSteps]: ['G1 counts from when its method was called'] },
  },
  {
    name: 'ticket-before-the-question',
    breaks: 'a put is stored though its key was evicted while it asked for the markers (G1)',
    file: 'src/cache/writes.ts',
    text: 'return { ...began, unanswered, stamp: markers.stamp }',
    by: 'return { beganAt: systemClock.now(), ticket: fence.begin(), unanswered, stamp: markers.stamp }',
    noticedBy: { [singleSteps]: ['evicts the key before it has left'], [interleavings]: ['G1 an evict at the'] },
  },
  {
    name: 'note-of-others-before',
    breaks: 'an own write hides what another process wrote before it from an own put that began earlier (G1)',
    file: 'src/redis/scripts.ts',
    text: "local others = writer == ARGV[1] and before or at or '0'\nlocal isVersioned",
    by: "local others = writer == ARGV[1] and '0' or at or '0'\nlocal isVersioned",
    noticedBy: { [forced]: ['an evict of one’s own does not hide'] },
  },
  {
    name: 'note-of-an-evict',
    breaks: 'a put does not hear of an evict of another process since it began (G1)',
    file: 'src/redis/scripts.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a template
    text: "redis.call('UNLINK', KEYS[1])\n${note('KEYS[2]')}\n",
    by: "redis.call('UNLINK', KEYS[1])\n",
    noticedBy: { [attacks]: ['is not stored when its method ran while'] },
  },
  {
    name: 'note-of-a-late-evict',
    breaks: 'an evict that is sent again hides another process’s write (G1)',
    file: 'src/redis/redis-store.ts',
    text: 'const args = [as ?? this.#protocol.writer, String(noteMs)]',
    by: 'const args = [this.#protocol.writer, String(noteMs)]',
    noticedBy: { [forced]: ['G1 does not hide another process'] },
  },
  {
    name: 'version-in-puts',
    breaks: 'an older version takes the place of a newer one by a put of another process (G1)',
    file: 'src/redis/scripts.ts',
    text: 'if isVersioned and version > ARGV[6] then return 2 end\n',
    by: '',
    noticedBy: { [singleSteps]: ['G1 of an older version'] },
  },
  {
    name: 'version-in-fills',
    breaks: 'a load that read an older version fills after a newer one was written (G1)',
    file: 'src/redis/scripts.ts',
    text: "if version and version > ARGV[4] then\n  redis.call('DEL', KEYS[1])",
    by: "if false then\n  redis.call('DEL', KEYS[1])",
    noticedBy: { [versions]: ['keeps a read of a replica that is behind'] },
  },
  {
    name: 'version-in-memory',
    breaks: 'an older version takes the place of a newer one in memory (G1)',
    file: 'src/cache/writes.ts',
    text: 'const isOlder = kept?.version !== undefined && standing !== undefined && standing > kept.version',
    by: 'const isOlder = false',
    noticedBy: { [versions]: ['keeps a newer value from an older put'] },
  },
  {
    name: 'expiry-by-the-server',
    breaks: 'expiry is written by this machine’s clock, and read by another’s (G2)',
    file: 'src/cache/shared-entries.ts',
    text: 'const now = this.parts.store.serverTime()\n    const here',
    by: 'const now = this.parts.clock.now()\n    const here',
    noticedBy: { [processes]: ['C88 an entry whose time is up', 'C105 a local copy lives no longer'] },
  },
  {
    name: 'life-of-markers',
    breaks: 'a marker dies before the entries that carry it (G3)',
    file: 'src/cache/tag-markers.ts',
    text: 'return tags.filter((tag) => unverified.has(tag) || (this.#markers.peek(tag)?.livesUntil ?? 0) < now + lifeMs)',
    by: 'return tags.filter((tag) => unverified.has(tag) || lifeMs < 0)',
    noticedBy: { [singleSteps]: ['G3 makes markers live longer'] },
  },
]

const comingAndGoing: readonly Mutation[] = [
  {
    name: 'pause-between-attempts',
    breaks: 'a server that answers again is left alone for seconds (G4)',
    file: 'src/redis/client-options.ts',
    text: 'Math.min(800, 50',
    by: 'Math.min(2_000, 50',
    noticedBy: { [starting]: ['asks again at least every 0.8 s'] },
  },
  {
    name: 'silent-connection',
    breaks: 'a connection whose other end has vanished is kept (G4)',
    file: 'src/redis/client-options.ts',
    text: '  socketTimeout: 10_000,\n',
    by: '  socketTimeout: 1_000_000,\n',
    noticedBy: { [starting]: ['because its machine vanishes'] },
  },
  {
    name: 'silent-sentinel',
    breaks: 'a sentinel that is frozen keeps the others from being asked (G4)',
    file: 'src/redis/index.ts',
    text: 'sentinelCommandTimeout: 1_000',
    by: 'sentinelCommandTimeout: 1_000_000',
    noticedBy: { [starting]: ['the first of them', 'all of them'] },
  },
  {
    name: 'ended-client',
    breaks: 'a connection that is told of a failover while it asks sentinels for the primary is never made again (G4)',
    file: 'src/redis/reopening.ts',
    text: 'if (isClosed) return',
    by: 'return',
    noticedBy: { [failover]: ['who is asking them for the primary just then'] },
  },
  {
    name: 'renewal-after-close',
    breaks: 'the lease of a load that hangs is renewed after close()',
    file: 'src/cache/lease.ts',
    text: 'return background.untilClosed(() => cancel())',
    by: 'return () => cancel()',
    noticedBy: { [closing]: ['a load that hangs is waited for'] },
  },
  {
    name: 'acknowledgement-at-close',
    breaks: 'close() leaves an evict that is to be acknowledged',
    file: 'src/cache/evictions.ts',
    text: 'await background.follow(this.#evictUntilUnbelieved(keys))',
    by: 'await this.#evictUntilUnbelieved(keys)',
    noticedBy: { [closing]: ['finishes an evict that is to be acknowledged'] },
  },
  {
    name: 'redirected-after-close',
    breaks: 'a redirection that comes after close() makes a connection that stays',
    file: 'src/redis/cluster-store.ts',
    text: '        if (this.#closed) throw error\n',
    by: '',
    noticedBy: { [closing]: ['what is redirected at that moment'] },
  },
]

const badDays: readonly Mutation[] = [
  {
    name: 'stand-in-that-was-evicted',
    breaks: 'what was evicted while its next value was loaded stands in for it (G1)',
    file: 'src/cache/stale-answers.ts',
    text: 'previous.isError || evicted || changed',
    by: 'previous.isError || (evicted && changed && false)',
    noticedBy: { [stale]: ['C84 G1 never what was evicted by'] },
  },
  {
    name: 'stand-in-whose-tag-was-evicted',
    breaks: 'what carries a tag that was evicted stands in (G1)',
    file: 'src/cache/stale-answers.ts',
    text: "return markers.judge(previous.markers, previous.stamp, askedAt) === 'alive' ? previous : undefined",
    by: 'return markers === undefined ? undefined : previous',
    noticedBy: { [stale]: ['C84 G1 never what was evicted by'] },
  },
  {
    name: 'age-of-a-stand-in',
    breaks: 'while Redis is away a value stands in though nobody would have told of its evict (G2)',
    file: 'src/cache/local-tier.ts',
    text: '  #believed(key: string, entry: Entry, now: number): Entry | undefined {\n',
    by: '  #believed(key: string, entry: Entry, now: number): Entry | undefined {\n    if (isExpired(entry, now)) return entry\n',
    noticedBy: { [stale]: ['G2 a value stands in for as long'] },
  },
  {
    name: 'throttle',
    breaks: 'a source that fails is asked for each call',
    file: 'src/cache/loads.ts',
    text: 'if (entry !== undefined && hasFailed) stale.rest(key, terms.policies)',
    by: '',
    noticedBy: { [stale]: ['C68 the next load is not tried'] },
  },
  {
    name: 'stale-frame-stays',
    breaks: 'a process that fails to load takes the old value from all others',
    file: 'src/cache/shared-tier.ts',
    text: "if (reading.kind === 'stale') return waits ? 'stale' : 'untold'",
    by: "if (reading.kind === 'stale') return (await store.lease(sharedKey, lease, leaseMs, reading.head)).bytes === null ? 'lease' : 'neither'",
    noticedBy: { [stale]: ['another process has it too'] },
  },
  {
    name: 'stirred',
    breaks: 'who waits for another process’s reload is not woken when that fails (G3)',
    file: 'src/manager/invalidation-router.ts',
    text: 'if (beside !== undefined) routed.tiers.stir(beside)',
    by: 'if (beside === key) routed.tiers.stir(beside)',
    noticedBy: { [stale]: ['G3 a load that fails lets the other process'] },
  },
  {
    name: 'expire-in-the-shared-tier',
    breaks: 'what is expired is removed, and stands in nowhere',
    file: 'src/cache/shared-writes.ts',
    text: 'version: undefined, ...ended })).stands) return undefined',
    by: 'version: undefined, ...ended })).stands) return key',
    noticedBy: { [stale]: ['C84 an expire lets it stand in'] },
  },
  {
    name: 'stand-in-for-an-outer-cache',
    breaks: 'an outer cache keeps an old value for a new life',
    file: 'src/cache/loads.ts',
    text: '      outer.isAnsweredInstead = true\n',
    by: '',
    noticedBy: { [stale]: ['a second cache of the method'] },
  },
  {
    name: 'soft-timeout-of-who-comes-later',
    breaks: 'each caller waits anew for a load that is known to be slow',
    file: 'src/cache/wait.ts',
    text: "  if (softAt <= clock.now() && hasOther()) return 'slow'\n",
    by: '',
    noticedBy: { [timeouts]: ['C72 who comes later'] },
  },
  {
    name: 'refresh-that-hangs',
    breaks: 'a refresh that hangs is never cancelled',
    file: 'src/cache/refreshes.ts',
    text: 'clock.setTimer(() => this.#giveUp(flight), loadDeadlineMs)',
    by: 'clock.setTimer(() => flight, loadDeadlineMs)',
    noticedBy: { [timeouts]: ['C130 is cancelled at its deadline'] },
  },
  {
    name: 'budget-of-refreshes',
    breaks: 'any number of refreshes run at once',
    file: 'src/cache/refreshes.ts',
    text: '    if (this.#running >= maxRefreshes) return\n',
    by: '',
    noticedBy: { [timeouts]: ['so many at once'] },
  },
  {
    name: 'copy-of-a-kept-error',
    breaks: 'callers change each other’s error (G9)',
    file: 'src/cache/entry-maker.ts',
    text: 'held: copyError(error, this.isolation)',
    by: 'held: error',
    noticedBy: { [answers]: ['K10 what one caller does'] },
  },
  {
    name: 'genuine-errors',
    breaks: 'an error that is kept is none to the language, and cannot be carried',
    file: 'src/cache/cached-error.ts',
    text: 'const copy = blankError(Object.getPrototypeOf(error) as object)',
    by: 'const copy = Object.create(Object.getPrototypeOf(error) as object) as Error',
    noticedBy: { [matrix]: ['errors as answers'] },
  },
  {
    name: 'tags-that-a-method-adds',
    breaks: 'who joins a load after an evict gets a value that turns out to carry the tag (G1)',
    file: 'src/cache/loads.ts',
    text: '    if (mayCarryEvicted && flight.adjustments.carriesTags) return again()\n',
    by: '',
    noticedBy: { [context]: ['G1 a tag that is added'] },
  },
  {
    name: 'nested-loads-and-the-queue',
    breaks: 'a load waits in the queue for the one that waits for it',
    file: 'src/cache/source-tier.ts',
    text: 'bulkhead.take(isNeededInside(flight))',
    by: 'bulkhead.take(false)',
    noticedBy: { [crowding]: ['a load never waits for one that waits for it'] },
  },
  {
    name: 'joined-in-the-queue',
    breaks: 'a load joins one that waits in the queue for it',
    file: 'src/cache/flight-chain.ts',
    text: 'if (self.isInside || isNeededInside(self)) hurry(flight)',
    by: '',
    noticedBy: { [crowding]: ['a load never waits for one that waits for it'] },
  },
  {
    name: 'strict-put',
    breaks: 'a put that Redis did not take passes for one',
    file: 'src/cache/writes.ts',
    text: "for (const { key, value } of puts) this.parts.observer.failed('put', unanswered.error, { key, value })",
    by: '',
    noticedBy: { [handlers]: ['C45 C46 C47 is told of each', 'C46 C47 the strict one'] },
  },
  {
    name: 'circuit',
    breaks: 'each call waits for a server that does not answer (G4)',
    file: 'src/redis/connection.ts',
    text: 'if (!isCleanup || this.#givenUp === 0) throw this.#silent()',
    by: '',
    noticedBy: { [circuit]: ['C86 G4 a frozen server is waited for once'] },
  },
  {
    name: 'who-waits-when-it-opens',
    breaks: 'a call sent just before the circuit opens waits its whole time (G4)',
    file: 'src/redis/circuit-breaker.ts',
    text: '      for (const { giveUp } of this.#unanswered) giveUp()\n',
    by: '',
    noticedBy: { [circuitBreaker]: ['who waits for an answer when it opens'] },
  },
  {
    name: 'late-probe',
    breaks: 'a server that is slow still is taken to be well',
    file: 'src/redis/circuit-breaker.ts',
    text: 'if (clock.now() - askedAt >= timeoutMs) return this.#pause()',
    by: '',
    noticedBy: { [circuitBreaker]: ['C86 probes by itself'] },
  },
  {
    name: 'cleaning-up-behind-a-silent-server',
    breaks: 'a lease that a frozen server grants late keeps others from filling (G3)',
    file: 'src/redis/connection.ts',
    text: 'if (!isCleanup || this.#givenUp === 0) throw',
    by: 'if (isCleanup || !isCleanup) throw',
    noticedBy: { [circuit]: ['G3 a lease that a frozen server grants late'] },
  },
]

const memos: readonly Mutation[] = [
  {
    name: 'memo-fence',
    breaks: 'a memoised call keeps what was evicted while it ran (G1)',
    file: 'src/memo/memo-table.ts',
    text: 'removals === this.#removals && ',
    by: '',
    noticedBy: { [memoize]: ['G1 a call during which its memo sees'] },
  },
  {
    name: 'memo-of-a-promise',
    breaks: 'a promise is memoised, and its failure handed out for ever',
    file: 'src/memo/memo-table.ts',
    text: '    if (isThenable(value)) throw definition.refusePromise(value)\n',
    by: '',
    noticedBy: { [memoize]: ['that does not look like one is refused', 'that answers a promise is refused'] },
  },
  {
    name: 'memo-unheard-promise',
    breaks: 'a promise that was refused fails where nobody listens (G4)',
    file: 'src/memo/memo-definition.ts',
    text: '    if (types.isPromise(answer)) answer.catch(() => {})\n',
    by: '',
    noticedBy: { [memoize]: ['that is refused fails where nobody else listens'] },
  },
  {
    name: 'memo-nul',
    breaks: 'a string passes for the key of other arguments (G7)',
    file: 'src/memo/memo-keys.ts',
    text: 'part.charCodeAt(0) === 0 ? undefined : part',
    by: 'part',
    noticedBy: { [memoize]: ['K1 K3 K4 is called for every list'], [memoKeys]: ['the stand-ins of two calls are one'] },
  },
  {
    name: 'memo-trailing-undefined',
    breaks: 'f(1) and f(1, undefined) are two keys (G7)',
    file: 'src/memo/memo-keys.ts',
    text: '    while (count > 0 && parts[count - 1] === undefined) count--\n',
    by: '',
    noticedBy: { [memoize]: ['K5 has one key for'], [memoKeys]: ['the stand-ins of two calls are one'] },
  },
  {
    name: 'memo-order-of-use',
    breaks: 'a memo lets go of what is used, not of what is not',
    file: 'src/memo/recent-results.ts',
    text: '      this.#unlink(found)\n      this.#link(found)\n',
    by: '',
    noticedBy: { [memoize]: ['maxEntries: beyond it'], [memoKeys]: ['are those of a plain list in order of use'] },
  },
  {
    name: 'memo-limit',
    breaks: 'a memo grows without end (G8)',
    file: 'src/memo/recent-results.ts',
    text: '    if (this.#size === this.#max) this.delete(this.#oldest!)\n',
    by: '',
    noticedBy: { [memoize]: ['maxEntries: beyond it', 'of a thousand levels'] },
  },
  {
    name: 'memo-of-one-for-all',
    breaks: 'instances share their results unasked',
    file: 'src/memo/memos.ts',
    text: "if (this.#scope === 'instance') return self",
    by: 'if (this.#scope === undefined) return self',
    noticedBy: { [memoize]: ['to each instance by itself, with a limit'], [memoCollection]: ['instances go with'] },
  },
  {
    name: 'memo-holds-instances',
    breaks: 'an instance with memoised results is never collected (G8)',
    file: 'src/memo/memos.ts',
    text: 'new WeakMap<object, MemoTable>()',
    by: 'new Map<object, MemoTable>()',
    noticedBy: { [memoCollection]: ['instances go with their results'] },
  },
  {
    name: 'memo-life',
    breaks: 'a memoised result outlives its ttl by the moment it ends',
    file: 'src/memo/memo-table.ts',
    text: 'this.#definition.clock.now() < expiresAt',
    by: 'this.#definition.clock.now() <= expiresAt',
    noticedBy: { [memoize]: ['ttl and clock: a result is kept for so long'] },
  },
]

/** What is told of methods, requests and shapes. */
const insights: readonly Mutation[] = [
  {
    name: 'shape-in-keys',
    breaks: 'a deploy reads values of the old shape',
    file: 'src/manager/assemble.ts',
    text: '    shape: definition.version,\n',
    by: '',
    noticedBy: { [shapes]: ['keeps a deploy from reading values of the old shape'] },
  },
  {
    name: 'shape-alone',
    breaks: 'a version passes for a tag under another prefix (G7)',
    file: 'src/key/keyspace.ts',
    text: `\`\${version}.\${encodeText(String(shape))}\``,
    by: 'encodeText(String(shape))',
    noticedBy: { [keyspace]: ['are readable'] },
  },
  {
    name: 'who-served',
    breaks: 'what the method answered passes for an answer of the shared tier',
    file: 'src/cache/source-tier.ts',
    text: '      flight.calledSource = true\n',
    by: '',
    noticedBy: { [detecting]: ['tells the result, and of each read'] },
  },
  {
    name: 'lists-that-end',
    breaks: 'what nobody waited for is told to those who detect later',
    file: 'src/events/detection.ts',
    text: 'if (this.#isOpen) this.#reads.push',
    by: 'this.#reads.push',
    noticedBy: { [detecting]: ['what the work started and did not wait for'] },
  },
  {
    name: 'age-of-a-shared-value',
    breaks: 'a value of another process passes for a new one',
    file: 'src/cache/shared-entries.ts',
    text: 'const createdAt = now + (header.createdAt - serverTime)',
    by: 'const createdAt = now',
    noticedBy: { [detecting]: ['tells what came from the shared tier'] },
  },
  {
    name: 'tags-that-meet',
    breaks: 'an evict of other tags passes for one of an entry',
    file: 'src/manager/explanation.ts',
    text: 'return carried.some((tag) => evicted.includes(tag))',
    by: 'return true',
    noticedBy: { [explain]: ['tells who evicts and replaces'], [audit]: ['unless there is'] },
  },
  {
    name: 'undecorated-override',
    breaks: 'a method is explained that an override without decorators has replaced',
    file: 'src/metadata/operation-source.ts',
    text: "if (home === undefined || typeof present !== 'function') continue",
    by: "if (home === undefined || typeof present !== 'function' || findMethod({ name, home, isStatic, isPrivate: false, parameterTypes: undefined, metadata: undefined }, present) === undefined) continue",
    noticedBy: { [explain]: ['an inherited method is explained'] },
  },
]

export const mutations: readonly Mutation[] = [
  ...pillars,
  ...leases,
  ...lists,
  ...flights,
  ...feedOfChanges,
  ...tags,
  ...failures,
  ...writes,
  ...comingAndGoing,
  ...badDays,
  ...memos,
  ...insights,
]

/** The names of those that are part of the normal tests. */
export const inEveryRun: readonly string[] = pillars.map(({ name }) => name)
