import type { Eviction, FaultRecord, Happening, Life, Load, Loss, Pending, Read, Write } from './history'

/*
 * Judges a history. The source's versions only rise, so staleness is a number too low.
 *
 * - An evict (put, tag evict, clear) that was resolved at T in process P sets a floor: the version the source had when
 *   the evict was called; for a put the version that was put. A read that begins after T in P, or later than T plus
 *   `maxStaleness` anywhere, must not answer with less.
 * - An evict that was kept back counts, for other processes, from when P has told that nothing is kept back any more.
 * - Where the server came back with an older state, evicts it had acknowledged since may be undone. They count from when
 *   P has sent them again.
 * - What P had not got through, or not sent again, when it was killed is lost by design: the journal is in memory. Such
 *   evicts set no floor for others; they are counted.
 *
 * Everything else that could look like an excuse (FLUSHALL, a server that comes back empty, keys that vanish, broken
 * connections, stopped processes) is none: all of it may cost loads, never the truth.
 */

export interface Limits {
  readonly maxStalenessMs: number
  readonly commandTimeoutMs: number
}

export type FindingKind =
  | 'stale'
  | 'stale in its own process'
  | 'stale after everything healed'
  | 'never written'
  | 'lost eviction'
  | 'loaded twice at once'
  | 'late call'
  | 'failed call'
  | 'hung call'
  | 'noise'

export interface Finding {
  readonly kind: FindingKind
  readonly by: Life
  readonly at: number
  readonly text: string
  /** The key it is about, and since when the history tells how it came. */
  readonly key?: string
  readonly since?: number
  /** How many reads showed the same. */
  count: number
}

/** What the run did, and what was let pass. */
export interface Tally {
  reads: number
  localHits: number
  loads: number
  writes: number
  evictions: number
  deferred: number
  /** Evicts that died with the process that had them to send. */
  excused: number
  faults: number
  lives: number
  losses: number
  failures: number
  /** Reads that outlasted one timeout because a process had died, or was cut off, with its lease. */
  waitedForLostLease: number
  longestCallMs: number
}

export interface Verdict {
  readonly findings: readonly Finding[]
  readonly tally: Tally
}

// One clock for all, but a timer of the machine may be read a little late.
const clockSlackMs = 5
// What a call may take beside the source and Redis: five processes on two cores.
const callSlackMs = 150
const leaseMs = 5_000
const leasePollMs = leaseMs / 4
// A listener may pause so long between two attempts to connect, and without it a process waits for nobody's load.
const quietAfterFaultMs = 2_500
const quietAfterFailureMs = 1_000
const replayedMs = 60_000
// The longest pause between two attempts to connect, and the way there.
const reconnectedMs = 3_000

export function check(history: readonly Happening[], limits: Limits): Verdict {
  return new Checker(history, limits).run()
}

interface Span {
  readonly from: number
  readonly until: number
}

/** From `at` on, a read of this key must answer with `version` at least. */
interface Floor {
  readonly at: number
  readonly version: number
  readonly eviction: Eviction
}

class Checker {
  readonly #of: { readonly [Type in Happening['type']]: readonly Extract<Happening, { type: Type }>[] }
  readonly #findings = new Map<string, Finding>()
  readonly #tally: Tally
  readonly #settledAt: number
  /** The lives that lasted to the end. */
  readonly #ended: ReadonlySet<Life>
  readonly #readsOf: ReadonlyMap<string, readonly Read[]>
  readonly #pendings: ReadonlyMap<Life, readonly Pending[]>

  constructor(
    history: readonly Happening[],
    private readonly limits: Limits,
  ) {
    const of = Object.fromEntries(types.map((type) => [type, [] as Happening[]])) as Record<
      Happening['type'],
      Happening[]
    >
    for (const happening of history) of[happening.type].push(happening)
    for (const type of types) of[type].sort((a, b) => timeOf(a) - timeOf(b))
    this.#of = of as never
    this.#settledAt = this.#of.mark.find(({ what }) => what === 'settled')?.at ?? Number.POSITIVE_INFINITY
    this.#ended = new Set(this.#of.mark.filter(({ what }) => what === 'ended').map(({ by }) => by))
    this.#readsOf = groupBy(this.#of.read, ({ by, key }) => `${by} ${key}`)
    this.#pendings = groupBy(this.#of.pending, ({ by }) => by)
    this.#tally = {
      reads: of.read.length,
      localHits: this.#of.read.filter(({ local }) => local).length,
      loads: of.load.length,
      writes: of.write.length,
      evictions: of.eviction.length,
      deferred: this.#of.eviction.filter(({ pending }) => pending > 0).length,
      excused: 0,
      faults: of.fault.length,
      lives: this.#of.mark.filter(({ what, by }) => what === 'started' && by !== 'parent').length,
      losses: of.loss.length,
      failures: of.failure.length,
      waitedForLostLease: 0,
      longestCallMs: 0,
    }
  }

  run(): Verdict {
    this.#checkVersions()
    this.#checkReadTimes()
    this.#checkWriteTimes()
    this.#checkLoads()
    this.#checkBroken()
    const findings = [...this.#findings.values()].toSorted((a, b) => a.at - b.at)
    return { findings, tally: this.#tally }
  }

  // --- versions -----------------------------------------------------------------------------------------------------

  #checkVersions(): void {
    const writes = groupBy(this.#of.write, ({ key }) => key)
    const everywhere = new Map<string, Floor[]>()
    const own = new Map<string, Floor[]>()
    for (const eviction of this.#of.eviction) {
      const effectiveAt = this.#effectiveAt(eviction)
      if (effectiveAt === Number.POSITIVE_INFINITY) this.#tally.excused += 1
      for (const key of eviction.keys) {
        const version = eviction.version ?? versionAt(writes.get(key) ?? [], eviction.from)
        add(own, `${eviction.by} ${key}`, { at: eviction.until, version, eviction })
        add(everywhere, key, { at: effectiveAt + this.limits.maxStalenessMs + clockSlackMs, version, eviction })
      }
    }
    const ownRising = mapValues(own, rising)
    const everywhereRising = mapValues(everywhere, rising)
    for (const read of this.#of.read) {
      if (read.version === undefined) continue
      const known = versionAt(writes.get(read.key) ?? [], read.until)
      if (read.version > known) {
        this.#add({ ...this.#about(read), kind: 'never written', text: `${line(read)}: the source had ${known}` })
        continue
      }
      const mine = floorAt(ownRising.get(`${read.by} ${read.key}`), read.from)
      const all = floorAt(everywhereRising.get(read.key), read.from)
      const floor = [mine, all].find((its) => its !== undefined && read.version! < its.version)
      if (floor === undefined) continue
      const { eviction } = floor
      const kind =
        read.from >= this.#settledAt
          ? 'stale after everything healed'
          : floor === mine
            ? 'stale in its own process'
            : 'stale'
      const late = read.from - (floor === mine ? floor.at : floor.at - this.limits.maxStalenessMs - clockSlackMs)
      const text = `${line(read)}, ${Math.round(late)} ms after the ${eviction.how} of ${eviction.by} for version ${floor.version} counted`
      this.#add({ ...this.#about(read), kind, text, since: Math.min(eviction.from, this.#loadedAt(read)) })
    }
  }

  #about(read: Read): { by: Life; at: number; key: string; since: number; version: number } {
    return { by: read.by, at: read.from, key: read.key, since: read.from - 1_000, version: read.version! }
  }

  /** When the version a read answered with was last loaded or put. */
  #loadedAt(read: Read): number {
    const loads = this.#of.load.filter((its) => its.key === read.key && its.version === read.version)
    return loads.findLast(({ from }) => from < read.from)?.from ?? read.from
  }

  /** From when on an evict counts for other processes; for ever not, if it died with its process. */
  #effectiveAt({ by, until, pending }: Eviction): number {
    let at = pending === 0 ? until : this.#throughAfter(by, until)
    for (const loss of this.#of.loss) if (isUndone(at, loss)) at = this.#sentAgainAfter(by, loss)
    // By its own word a process that lived so long keeps nothing back then.
    return this.#ended.has(by) ? Math.min(at, this.#settledAt) : at
  }

  #sentAgainAfter(by: Life, loss: Loss): number {
    const through = this.#throughAfter(by, loss.until)
    if (!loss.isFailover || !this.#ended.has(by)) return through
    // It may have found the new server, and sent everything again, before all others had.
    let due = loss.until + reconnectedMs
    for (const { target, from, until } of this.#of.fault) {
      if (target === Math.floor(Number(by)) && from < due) due = Math.max(due, until + reconnectedMs)
    }
    return Math.min(through, due)
  }

  /** When the process told that it keeps nothing back, and did not take that back at once. */
  #throughAfter(by: Life, at: number): number {
    const its = this.#pendings.get(by) ?? []
    let index = firstFrom(its, at)
    for (; index < its.length; index += 1) {
      const next = its[index + 1]
      // A server is recognised as another one just after the connection is back: what is sent again follows closely.
      if (its[index]!.pending === 0 && (next === undefined || next.at - its[index]!.at > 250)) return its[index]!.at
    }
    return Number.POSITIVE_INFINITY
  }

  // --- times --------------------------------------------------------------------------------------------------------

  #checkReadTimes(): void {
    const { commandTimeoutMs } = this.limits
    const loads = groupBy(this.#of.load, ({ key }) => key)
    const killed = this.#of.mark.filter(({ what }) => what === 'killed')
    for (const read of this.#of.read) {
      const took = read.until - read.from
      if (took <= commandTimeoutMs + callSlackMs) continue
      const its = loads.get(read.key) ?? []
      const own = [...its.filter(({ by }) => by === read.by), ...this.#lagsOf(read.by)]
      const waited = took - covered(own, read)
      this.#tally.longestCallMs = Math.max(this.#tally.longestCallMs, waited)
      if (waited <= commandTimeoutMs + callSlackMs) continue
      const about = { ...this.#about(read), kind: 'late call' } as const
      const silence = this.#of.fault.find((fault) => isSilentFor(fault, read.by) && within(read.from, fault))
      if (silence !== undefined) {
        // Redis says nothing at all, so this is no waiting for another process's load.
        const part = { from: read.from, until: Math.min(read.until, silence.until) }
        const inside = part.until - part.from - covered(own, part)
        const joined = (this.#readsOf.get(`${read.by} ${read.key}`) ?? []).some(
          (other) => other.from < silence.from && other.until > read.from,
        )
        if (inside > commandTimeoutMs + callSlackMs && !joined) {
          const text = `${line(read)} took ${Math.round(inside)} ms beside its own loads while Redis was silent (${silence.name})`
          this.#add({ ...about, text })
        }
        continue
      }
      const others = its.filter(({ by, from, until }) => by !== read.by && from < read.until && until > read.from)
      if (others.length > 0) {
        // It may wait for each of them, and for what they do to Redis afterwards.
        const left = waited - covered(others, read)
        if (left <= 2 * commandTimeoutMs + callSlackMs) continue
      }
      const mayBeLost =
        killed.some(({ at }) => at < read.until && at > read.from - leaseMs - leasePollMs) ||
        this.#of.failure.some(({ at }) => at < read.until && at > read.from - leaseMs - leasePollMs) ||
        this.#of.fault.some(({ from, until }) => from < read.until && until > read.from - leaseMs - leasePollMs)
      if (mayBeLost && waited <= leaseMs + leasePollMs + 2 * commandTimeoutMs + callSlackMs) {
        this.#tally.waitedForLostLease += 1
        continue
      }
      this.#add({ ...about, text: `${line(read)} took ${Math.round(waited)} ms beside its own loads` })
    }
  }

  #checkWriteTimes(): void {
    for (const eviction of this.#of.eviction) {
      const { tookMs, by, from, until, keys, how } = eviction
      if (tookMs <= this.limits.commandTimeoutMs + callSlackMs) continue
      const waited = tookMs - covered(this.#lagsOf(by), { from: until - tookMs - 200, until })
      this.#tally.longestCallMs = Math.max(this.#tally.longestCallMs, waited)
      if (waited <= this.limits.commandTimeoutMs + callSlackMs) continue
      const text = `${how} of ${keys.length === 1 ? keys[0] : `${keys.length} keys`} by ${by} took ${Math.round(waited)} ms`
      this.#add({ kind: 'late call', by, at: from, since: from - 1_000, key: keys[0]!, text })
    }
  }

  #lagsOf(by: Life): readonly Span[] {
    return this.#of.lag.filter((lag) => lag.by === by || lag.by === 'parent')
  }

  // --- loads --------------------------------------------------------------------------------------------------------

  /** One load of a key at a time: in a process always, across processes while nothing is wrong. */
  #checkLoads(): void {
    const evictions = new Map<string, Eviction[]>()
    const tagEvicts = new Map<string, Eviction[]>()
    for (const eviction of this.#of.eviction) {
      for (const key of eviction.keys) add(evictions, key, eviction)
      if (eviction.how !== 'tags') continue
      // Until it has ended nobody knows whether a load carries the tag, so nobody may join it.
      for (const cache of new Set(eviction.keys.map(cacheOf))) add(tagEvicts, `${eviction.by} ${cache}`, eviction)
    }
    for (const [key, loads] of groupBy(this.#of.load, (load) => load.key)) {
      for (const [index, load] of loads.entries()) {
        for (const other of loads.slice(index + 1)) {
          if (other.from >= load.until) break
          const detaching = load.by === other.by ? (tagEvicts.get(`${load.by} ${cacheOf(key)}`) ?? []) : []
          this.#checkOverlap(load, other, [...(evictions.get(key) ?? []), ...detaching])
        }
      }
    }
  }

  #checkOverlap(load: Load, other: Load, evictions: readonly Eviction[]): void {
    // From when the first of those who wait for it asked; an evict meanwhile lets a second load begin.
    const from = Math.min(this.#flightOf(load), this.#flightOf(other)) - 2 * this.limits.commandTimeoutMs
    const span = { from, until: other.until }
    const isEvicted = evictions.some((its) => {
      const end = its.pending > 0 ? this.#effectiveAt(its) : its.until
      return its.from < span.until && end > span.from
    })
    if (isEvicted) return
    const isSame = load.by === other.by
    const trouble = (happening: Span, by?: Life | 'parent'): boolean =>
      (by === undefined || by === 'parent' || by === load.by || by === other.by) &&
      happening.from < span.until &&
      happening.until > span.from
    if (!isSame) {
      const isTroubled =
        this.#of.fault.some(({ from, until }) => trouble({ from, until: until + quietAfterFaultMs })) ||
        this.#of.failure.some(({ by, at }) => trouble({ from: at, until: at + quietAfterFailureMs }, by)) ||
        this.#of.mark.some(({ what, at }) => what === 'started' && trouble({ from: at, until: at + 2_000 })) ||
        this.#of.lag.some((lag) => lag.until - lag.from > this.limits.commandTimeoutMs / 2 && trouble(lag, lag.by))
      if (isTroubled) return
    }
    this.#add({
      kind: 'loaded twice at once',
      by: other.by,
      at: other.from,
      key: load.key,
      since: load.from - 500,
      text: `${load.key} was loaded by ${load.by} and by ${other.by}, ${Math.round(other.from - load.from)} ms later, though nothing was wrong`,
    })
  }

  // --- the rest -----------------------------------------------------------------------------------------------------

  /** When the first of those asked who waited for this load. */
  #flightOf(load: Load): number {
    const waited = this.#readsOf.get(`${load.by} ${load.key}`) ?? []
    return Math.min(
      load.from,
      ...waited.filter((read) => read.from <= load.from && read.until >= load.until).map(({ from }) => from),
    )
  }

  #checkBroken(): void {
    for (const { what, by, at, call, message } of this.#of.broken) {
      const kind = brokenKinds[what]
      this.#add({ kind, by, at, text: `${call}: ${message}` })
    }
  }

  #add(finding: Omit<Finding, 'count'> & { readonly version?: number }): void {
    const { kind, by, key, version, text } = finding
    const same = key === undefined ? `${kind} ${by} ${text.split('\n')[0]}` : `${kind} ${by} ${key} ${version}`
    const known = this.#findings.get(same)
    if (known === undefined) this.#findings.set(same, { ...finding, count: 1 })
    else known.count += 1
  }
}

const types = [
  'read',
  'load',
  'eviction',
  'pending',
  'lag',
  'failure',
  'broken',
  'write',
  'fault',
  'loss',
  'mark',
] as const satisfies readonly Happening['type'][]

const brokenKinds = {
  rejected: 'failed call',
  hung: 'hung call',
  unhandled: 'noise',
  warning: 'noise',
  alien: 'noise',
  undrained: 'lost eviction',
} as const

/** The moment a happening is told by. */
export function timeOf(happening: Happening): number {
  return 'at' in happening ? happening.at : 'from' in happening ? happening.from : happening.until
}

/** A happening as one line. */
export function line(happening: Happening): string {
  switch (happening.type) {
    case 'read': {
      const seen = happening.version === undefined ? 'nothing' : `version ${happening.version}`
      const what = happening.failed ? '(failed)' : seen
      return `${happening.by} read ${what} of ${happening.key}${happening.local ? ' from memory' : ''}`
    }
    case 'load':
      return `${happening.by} loaded version ${happening.version ?? '(failed)'} of ${happening.key}`
    case 'eviction': {
      const what = happening.how === 'put' ? `put version ${happening.version} of` : `${happening.how} of`
      const keys = happening.keys.length > 3 ? `${happening.keys.length} keys` : happening.keys.join(' ')
      return `${happening.by} ${what} ${keys}${happening.pending > 0 ? ` (deferred, ${happening.pending} pending)` : ''}`
    }
    case 'write':
      return `the source took version ${happening.version} of ${happening.key} from ${happening.by}`
    case 'pending':
      return `${happening.by} keeps back ${happening.pending} evictions`
    case 'lag':
      return `${happening.by} did not run`
    case 'failure':
      return `${happening.by}: Redis failed '${happening.operation}': ${happening.message}`
    case 'broken':
      return `${happening.by}: ${happening.call}: ${happening.message}`
    case 'fault':
      return `FAULT ${happening.name}${happening.target === undefined ? '' : ` of process ${happening.target}`}${happening.note === undefined ? '' : ` (${happening.note})`}`
    case 'loss':
      return 'LOSS: the server came back as it was'
    case 'mark':
      return `${happening.by} ${happening.what}`
  }
}

function isUndone(at: number, loss: Loss): boolean {
  return at > loss.since && at < loss.until && loss.until - at < replayedMs
}

function isSilentFor(fault: FaultRecord, by: Life): boolean {
  // New connections of a process that was started again are not the ones that were held.
  if (fault.life !== undefined && fault.life !== by) return false
  return fault.silent && (fault.target === undefined || fault.target === Math.floor(Number(by)))
}

function within(at: number, span: Span): boolean {
  return at >= span.from && at < span.until
}

function cacheOf(key: string): string {
  return key.slice(0, key.indexOf('/'))
}

/** The source's version at a moment. */
function versionAt(writes: readonly Write[], at: number): number {
  const index = firstFrom(writes, at, true)
  return index === 0 ? 0 : writes[index - 1]!.version
}

/** Index of the first that is not before the moment (or, `beyond` it, of the first after it), in a list by time. */
function firstFrom(list: readonly { readonly at: number }[], at: number, beyond = false): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (beyond ? list[middle]!.at <= at : list[middle]!.at < at) low = middle + 1
    else high = middle
  }
  return low
}

/** Those floors that are higher than all before them. */
function rising(floors: readonly Floor[]): Floor[] {
  const found: Floor[] = []
  for (const floor of floors.toSorted((a, b) => a.at - b.at)) {
    if (floor.at !== Number.POSITIVE_INFINITY && floor.version > (found.at(-1)?.version ?? 0)) found.push(floor)
  }
  return found
}

function floorAt(floors: readonly Floor[] | undefined, at: number): Floor | undefined {
  return floors?.[firstFrom(floors, at) - 1]
}

/** How much of a span these cover together. */
function covered(spans: readonly Span[], { from, until }: Span): number {
  let sum = 0
  let reached = from
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const start = Math.max(span.from, reached)
    const end = Math.min(span.until, until)
    if (end > start) {
      sum += end - start
      reached = end
    }
  }
  return sum
}

function groupBy<T>(list: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of list) add(groups, keyOf(item), item)
  return groups
}

function add<T>(groups: Map<string, T[]>, key: string, item: T): void {
  const group = groups.get(key)
  if (group === undefined) groups.set(key, [item])
  else group.push(item)
}

function mapValues<T, U>(map: ReadonlyMap<string, T>, change: (value: T) => U): Map<string, U> {
  return new Map([...map].map(([key, value]) => [key, change(value)]))
}

/** What happened to a key, and to the processes around it, within a span. */
export function historyOf(history: readonly Happening[], key: string, from: number, until: number): Happening[] {
  return history
    .filter((happening) => {
      const at = timeOf(happening)
      if (at < from || at > until)
        return 'until' in happening && happening.until >= from && at <= until && isAround(happening)
      if ('key' in happening) return happening.key === key
      return happening.type === 'eviction' ? happening.keys.includes(key) : true
    })
    .toSorted((a, b) => timeOf(a) - timeOf(b))
}

function isAround(happening: Happening): boolean {
  return happening.type === 'fault' || happening.type === 'loss'
}
