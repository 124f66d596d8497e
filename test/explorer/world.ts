import { type Answer, type Command, type Flaw, ModelServer, type Moment, type NodeName } from './model-server'
import {
  type History,
  leaseMs,
  maxStalenessMs,
  type NodeMemory,
  names,
  type Operation,
  type Output,
  startOfTime,
} from './node'

/** A guarantee that does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** What a program is made of; the last ones happen to the server and to a node. */
export type Kind = Operation | 'expire' | 'crash' | 'cut'

/** How much may happen in a schedule. */
export interface Budget {
  readonly operations: number
  /** @default all */
  readonly kinds?: readonly Kind[]
  /** Steps of time, and how long each may be. */
  readonly times: number
  readonly spans: readonly number[]
  /** Whether commands of one flush are executed one right after the other. */
  readonly areFlushesWhole?: boolean
  /** Where operations are started; crashes are no matter of one process. @default both */
  readonly nodes?: readonly NodeName[]
}

const operations: readonly Operation[] = ['load', 'put', 'evict', 'evictTags', 'clear']
export const everyKind: readonly Kind[] = [...operations, 'expire', 'crash', 'cut']
const nodeNames: readonly NodeName[] = ['A', 'B']

/** Commands that leave in one flush, are executed one by one and are answered together. */
interface Flush {
  readonly commands: readonly Command[]
  readonly answers: readonly Answer[]
  /** The operation that sent it. */
  readonly by: number | null
  /** How many operations had been started when it was sent. */
  readonly started: number
  /** A heartbeat, sent at this reading of the clock. */
  readonly beat?: number
}

interface Reply {
  readonly answers: readonly Answer[]
  /** It says that a lease was taken. */
  readonly isGrant: boolean
  readonly beat?: number | undefined
}

interface Loader {
  readonly n: number
  /** What it read from the source when it began. */
  readonly version: number
  /** The read it was called for. */
  readonly by: number
}

interface Read {
  readonly by: number
  /** The oldest version that may answer it. */
  readonly floor: number
  /** The newest version whose write this node had been told of when it asked. */
  readonly told: number
}

/** An operation that changed the source and has yet to be seen through. */
interface Write {
  readonly by: number
  readonly version: number
  /** Whether it is the method of a put that has not returned. */
  readonly method: number | undefined
}

interface Unreached {
  readonly by: number
  readonly version: number
  readonly key: string
}

/** One process, what is on its way from it and to it, and what it may be answered. */
interface NodeState {
  history: History
  isAlive: boolean
  isUp: boolean
  sent: readonly Flush[]
  replies: readonly Reply[]
  /** What was sent by a connection that broke: it may arrive yet, or never. */
  ghosts: readonly Flush[]
  /** Names of changed keys; a number is a reading of the clock as of which all have been named. */
  notices: readonly (string | number)[]
  loaders: readonly Loader[]
  reads: readonly Read[]
  writes: readonly Write[]
  /** Those of which nothing has arrived at the server. */
  unreached: readonly Unreached[]
  /** What the machine's clock showed, by the number of the look. */
  looks: readonly { readonly n: number; readonly by: number | null; readonly moment: Moment }[]
  started: number
  /** Heartbeats that both connections have yet to answer. */
  beats: readonly { readonly at: number; readonly isTold: boolean; readonly isAnswered: boolean }[]
  /** How many operations had been started here each time one that invalidates took effect here, while reads went on. */
  invalidations: readonly number[]
  /** Leases it was told it has, and has not begun to load under. */
  granted: number
  /** The oldest version that may answer a read that begins now. */
  floor: number
}

/** Of a process that has just begun, or is gone. */
const nothingUnderWay = {
  sent: [],
  replies: [],
  ghosts: [],
  notices: [],
  loaders: [],
  reads: [],
  writes: [],
  unreached: [],
  beats: [],
} satisfies Partial<NodeState>

/** A write that has reached the server; the other process may miss it for `maxStaleness`. */
interface Reached {
  readonly version: number
  readonly by: NodeName
  readonly at: number
}

/** The whole system at one moment: two nodes, the server, the source of truth, and what must hold. */
export class World {
  readonly server: ModelServer
  readonly nodes: Record<NodeName, NodeState>
  /** The version that stands in the source. */
  source = 0
  reached: readonly Reached[] = []
  operations = 0
  times = 0
  /** How often a read was answered with what its node had been told is old: allowed for `maxStaleness`. */
  late = 0
  /** Whether every command was answered in time. */
  isWell = true
  readonly #memory: NodeMemory
  #isPassing = false

  private constructor(memory: NodeMemory, server: ModelServer, nodes: Record<NodeName, NodeState>) {
    this.#memory = memory
    this.server = server
    this.nodes = nodes
  }

  static async begin(memory: NodeMemory, flaws?: ReadonlySet<Flaw>): Promise<World> {
    const history = await memory.root()
    const node: NodeState = {
      history,
      isAlive: true,
      isUp: true,
      ...nothingUnderWay,
      looks: [],
      started: 0,
      invalidations: [],
      granted: 0,
      floor: 0,
    }
    const world = new World(memory, new ModelServer(startOfTime, flaws), { A: { ...node }, B: { ...node } })
    for (const name of nodeNames) {
      world.#absorb(name, history.outputs)
      await world.#beat(name)
    }
    return world
  }

  #copy(): World {
    const { server, nodes } = this
    const copy = new World(this.#memory, server.copy(), { A: { ...nodes.A }, B: { ...nodes.B } })
    copy.source = this.source
    copy.reached = this.reached
    copy.operations = this.operations
    copy.times = this.times
    copy.late = this.late
    copy.isWell = this.isWell
    return copy
  }

  /** Steps that nobody decides on: what is under way arrives. */
  get arrivals(): readonly string[] {
    return nodeNames.flatMap((name) => {
      const { isAlive, isUp, sent, replies, notices, loaders, writes } = this.nodes[name]
      if (!isAlive) return []
      return [
        ...(isUp ? [] : [`${name}:up`]),
        ...(sent.length > 0 ? [`${name}>srv`] : []),
        ...(replies.length > 0 ? [`srv>${name}`] : []),
        ...(notices.length > 0 ? [`feed>${name}`] : []),
        ...loaders.map(({ n }) => `${name}:loaded#${n}`),
        ...writes.flatMap(({ method }) => (method === undefined ? [] : [`${name}:returned#${method}`])),
      ]
    })
  }

  /** Every step that can come next. */
  enabled(budget: Budget): readonly string[] {
    const steps = this.arrivals.map((step) => (budget.areFlushesWhole ? step.replace('>srv', '>>srv') : step))
    if (this.operations < budget.operations) {
      const { kinds = everyKind, nodes = nodeNames } = budget
      const alive = nodes.filter((name) => this.nodes[name].isAlive)
      const startable = operations.filter((operation) => kinds.includes(operation))
      for (const name of alive) steps.push(...startable.map((operation) => `${name}:${operation}`))
      if (kinds.includes('crash') && alive.length > 1) {
        steps.push(...alive.filter((name) => this.#isBusy(name)).map((name) => `${name}:crash`))
      }
      if (kinds.includes('cut')) {
        steps.push(...alive.filter((name) => this.nodes[name].isUp).map((name) => `${name}:cut`))
      }
      if (kinds.includes('expire') && this.server.keys.has(names.evict)) steps.push('expire')
    }
    for (const name of nodeNames) if (this.nodes[name].ghosts.length > 0) steps.push(`${name}>ghost`)
    if (this.times < budget.times) steps.push(...budget.spans.map((ms) => `time+${ms}`))
    return steps
  }

  get isSettled(): boolean {
    return nodeNames.every((name) => !this.#isBusy(name))
  }

  /** Whether nothing that was to be evicted is left to a journal. */
  get hasReached(): boolean {
    return nodeNames.every((name) => this.nodes[name].unreached.length === 0)
  }

  /** Whether no command waits for its answer. */
  get #isQuiet(): boolean {
    return nodeNames.every((name) =>
      [...this.nodes[name].sent, ...this.nodes[name].replies].every(({ beat }) => beat !== undefined),
    )
  }

  #isBusy(name: NodeName): boolean {
    const { isAlive, reads, writes } = this.nodes[name]
    return isAlive && (reads.length > 0 || writes.length > 0)
  }

  /**
   * The world after one more step.
   *
   * @throws Violation
   */
  async after(step: string): Promise<World> {
    const world = this.#copy()
    await world.#take(step)
    return world
  }

  async #take(step: string): Promise<void> {
    const [, name, what, n] = /^(?:srv>|feed>)?([AB])?(?:[:>]+)?([a-zA-Z]+)?(?:[#+](\d+))?$/.exec(step) ?? []
    if (step === 'expire') {
      this.operations++
      return this.server.expire(names.evict, this.#tell)
    }
    if (step.startsWith('time+')) return this.#pass(Number(step.slice(5)))
    const node = this.nodes[name as NodeName]
    if (node === undefined || !node.isAlive) throw new Error(`there is no step '${step}' here`)
    const its = name as NodeName
    if (step.startsWith('srv>')) {
      const [reply, ...replies] = node.replies
      if (reply === undefined) throw new Error(`there is no step '${step}' here`)
      node.replies = replies
      if (reply.isGrant) node.granted++
      await this.#input(its, ['reply', reply.answers])
      return this.#beat(its)
    }
    if (step.startsWith('feed>')) {
      const [notice, ...notices] = node.notices
      if (notice === undefined) throw new Error(`there is no step '${step}' here`)
      node.notices = notices
      await this.#input(its, ['notice', notice])
      return this.#beat(its)
    }
    if (what === 'srv') {
      if (node.sent.length === 0) throw new Error(`there is no step '${step}' here`)
      const { length } = step.includes('>>') ? node.sent[0]!.commands : [1]
      for (let count = 0; count < length; count++) this.#arrive(its)
      return this.#beat(its)
    }
    if (what === 'ghost') return this.#arriveLate(its)
    if (what === 'up') {
      node.isUp = true
      await this.#input(its, ['up'])
      return this.#beat(its)
    }
    if (what === 'loaded') {
      const loader = node.loaders.find((one) => one.n === Number(n))
      if (loader === undefined) throw new Error(`there is no step '${step}' here`)
      node.loaders = node.loaders.filter((one) => one !== loader)
      return this.#input(its, ['loaded', loader.n, loader.version])
    }
    if (what === 'returned') {
      const write = node.writes.find(({ method }) => method === Number(n))
      if (write === undefined) throw new Error(`there is no step '${step}' here`)
      node.writes = node.writes.map((one) => (one === write ? { ...one, method: undefined } : one))
      this.#invalidate(node)
      return this.#input(its, ['returned', write.method!, write.version])
    }
    this.operations++
    if (what === 'cut') {
      this.isWell = false
      this.server.disconnect(its)
      Object.assign(node, {
        isUp: false,
        ghosts: [...node.ghosts, ...node.sent.filter(({ beat }) => beat === undefined)],
        sent: [],
        replies: [],
        notices: [],
        beats: [],
      })
      return this.#input(its, ['cut'])
    }
    if (what === 'crash') {
      this.nodes[its] = {
        ...node,
        isAlive: false,
        ...nothingUnderWay,
      }
      return
    }
    return this.#start(its, what as Operation)
  }

  async #start(name: NodeName, operation: Operation): Promise<void> {
    const node = this.nodes[name]
    const by = ++node.started
    if (operation === 'load') node.reads = [...node.reads, { by, floor: node.floor, told: this.#toldTo(name) }]
    // The method of a put changes the source when it is called.
    else if (operation !== 'put') {
      node.writes = [...node.writes, { by, version: ++this.source, method: undefined }]
      node.unreached = [...node.unreached, { by, version: this.source, key: names[operation] }]
      this.#invalidate(node)
    }
    return this.#input(name, ['start', operation])
  }

  #toldTo(name: NodeName): number {
    const { sent, replies, notices, floor } = this.nodes[name]
    if (sent.length + replies.length + notices.length > 0) return floor
    return Math.max(floor, ...this.reached.map(({ version }) => version))
  }

  async #pass(ms: number): Promise<void> {
    this.times++
    this.isWell &&= this.#isQuiet
    this.server.now += ms
    this.#isPassing = true
    for (const name of nodeNames) {
      if (!this.nodes[name].isAlive) continue
      await this.#input(name, ['time', ms])
      await this.#beat(name)
    }
    this.#isPassing = false
    this.isWell &&= this.#isQuiet
    // Redis takes its time over what has run out: what is told of it comes after all else.
    this.server.sweep(this.#tell)
    const { now } = this.server
    for (const name of nodeNames) {
      const node = this.nodes[name]
      for (const { version, by, at } of this.reached) {
        if (by !== name && now - at > maxStalenessMs) node.floor = Math.max(node.floor, version)
      }
    }
    this.reached = this.reached.filter(({ at }) => now - at <= maxStalenessMs)
  }

  /** The next command of a node reaches the server. */
  #arrive(name: NodeName): void {
    const node = this.nodes[name]
    const [{ commands, answers, ...flush }, ...later] = node.sent as [Flush, ...Flush[]]
    const [command, ...rest] = commands as [Command, ...Command[]]
    const answer = this.#execute(name, command, flush)
    const all = [...answers, relative(answer, name)]
    if (rest.length > 0) node.sent = [{ commands: rest, answers: all, ...flush }, ...later]
    else {
      node.sent = later
      node.replies = [...node.replies, { answers: all, isGrant: command.name === 'takeLease' && answer === null }]
    }
  }

  /** The next flush of a connection that is gone reaches the server, which nobody will know. */
  #arriveLate(name: NodeName): void {
    const node = this.nodes[name]
    const [ghost, ...ghosts] = node.ghosts
    if (ghost === undefined) throw new Error(`there is no ghost of ${name} here`)
    node.ghosts = ghosts
    for (const command of ghost.commands) this.#execute(name, command, ghost, true)
  }

  #execute(
    name: NodeName,
    command: Command,
    { by, started }: Omit<Flush, 'commands' | 'answers'>,
    isGhost = false,
  ): Answer {
    const node = this.nodes[name]
    const look = command.name === 'putEntry' ? node.looks.find(({ n }) => n === command.began) : undefined
    const answer = this.server.execute(absolute(command, name), name, look?.moment, this.#tell, isGhost ? null : name)
    if (['dropEntry', 'putEntry', 'raiseMarkers'].includes(command.name)) {
      const keys = 'keys' in command ? command.keys : [command.key]
      const own = node.unreached.find((one) => one.by === by)
      // A retry out of the journal is for all that were left to it, and a younger put makes them needless.
      const isDeferred = ({ by: its, version }: Unreached): boolean =>
        (command.name === 'putEntry' ? version < (own?.version ?? 0) : its <= started) &&
        !node.writes.some((one) => one.by === its)
      const arrived = node.unreached.filter((one) => keys.includes(one.key) && (one.by === by || isDeferred(one)))
      node.unreached = node.unreached.filter((one) => !arrived.includes(one))
      const { now: at } = this.server
      this.reached = [...this.reached, ...arrived.map(({ version }) => ({ version, by: name, at }))]
    }
    return answer
  }

  readonly #tell = ({ to, key }: { to: NodeName; key: string }): void => {
    const node = this.nodes[to]
    if (node.isAlive && node.isUp) node.notices = [...node.notices, key]
  }

  /**
   * A heartbeat that nothing stands before is answered at once: that is when most is served without a question. The one
   * on the data connection comes behind all commands and their answers, the one of the feed behind all notices.
   */
  async #beat(name: NodeName): Promise<void> {
    const node = this.nodes[name]
    while (node.sent[0]?.beat !== undefined) {
      const [{ beat }, ...sent] = node.sent as [Flush, ...Flush[]]
      node.sent = sent
      node.replies = [...node.replies, { answers: [], isGrant: false, beat }]
    }
    while (node.replies[0]?.beat !== undefined) {
      const [{ beat }, ...replies] = node.replies as [Reply, ...Reply[]]
      node.replies = replies
      node.beats = node.beats.map((one) => (one.at <= beat! ? { ...one, isAnswered: true } : one))
    }
    while (typeof node.notices[0] === 'number') {
      const [told, ...notices] = node.notices as [number, ...string[]]
      node.notices = notices
      node.beats = node.beats.map((one) => (one.at <= told ? { ...one, isTold: true } : one))
    }
    const whole = node.beats.findLast(({ isTold, isAnswered }) => isTold && isAnswered)
    if (whole === undefined) return
    node.beats = node.beats.filter(({ at }) => at > whole.at)
    await this.#input(name, ['notice', whole.at])
  }

  async #input(name: NodeName, input: Parameters<NodeMemory['after']>[1]): Promise<void> {
    const node = this.nodes[name]
    node.history = await this.#memory.after(node.history, input)
    this.#absorb(name, node.history.outputs)
  }

  #absorb(name: NodeName, outputs: readonly Output[]): void {
    const node = this.nodes[name]
    for (const output of outputs) {
      switch (output[0]) {
        case 'sent':
          node.sent = [...node.sent, { commands: output[1], answers: [], by: output[2], started: node.started }]
          break
        case 'loading':
          this.#mayLoad(name, output[2])
          node.granted = Math.max(0, node.granted - 1)
          node.loaders = [...node.loaders, { n: output[1], by: output[2], version: this.source }]
          break
        case 'writing':
          node.writes = [...node.writes, { by: output[2], version: ++this.source, method: output[1] }]
          node.unreached = [...node.unreached, { by: output[2], version: this.source, key: names.put }]
          break
        case 'clock':
          node.looks = [...node.looks, { n: output[1], by: output[2], moment: this.server.moment }]
          break
        case 'beat': {
          const [, beat] = output
          node.beats = [...node.beats, { at: beat, isTold: false, isAnswered: false }]
          node.notices = [...(typeof node.notices.at(-1) === 'number' ? node.notices.slice(0, -1) : node.notices), beat]
          const flush = { commands: [], answers: [], by: null, started: node.started, beat }
          node.sent = [...(node.sent.at(-1)?.beat !== undefined ? node.sent.slice(0, -1) : node.sent), flush]
          break
        }
        case 'settled':
          this.#settle(name, output[1], output[2])
          break
        case 'failed':
          throw new Violation(`G4: an operation of ${name} failed: ${output[2]}`)
      }
    }
  }

  #settle(name: NodeName, by: number, value: number | null): void {
    const node = this.nodes[name]
    const read = node.reads.find((one) => one.by === by)
    if (read !== undefined) {
      node.reads = node.reads.filter((one) => one !== read)
      if (value === null || value > this.source)
        throw new Violation(`${name} was answered ${value}, which was never written`)
      if (value < read.floor) {
        throw new Violation(
          `G1/G2: ${name} was answered version ${value}; when it asked, nothing below ${read.floor} was allowed`,
        )
      }
      if (value < read.told) this.late++
    }
    const write = node.writes.find((one) => one.by === by)
    if (write !== undefined) {
      node.writes = node.writes.filter((one) => one !== write)
      node.floor = Math.max(node.floor, write.version)
      this.#invalidate(node)
    }
    const isOnItsWay = [...node.sent, ...node.ghosts].some((flush) => flush.by === by)
    if (!isOnItsWay) node.looks = node.looks.filter((look) => look.by !== by)
  }

  /** Who reads from now on does not join a load that goes on. */
  #invalidate(node: NodeState): void {
    node.invalidations = node.reads.length === 0 ? [] : [...node.invalidations, node.started]
  }

  #mayLoad(name: NodeName, by: number): void {
    const { loaders, invalidations, granted } = this.nodes[name]
    for (const loader of loaders) {
      const [first, second] = [Math.min(loader.by, by), Math.max(loader.by, by)]
      if (invalidations.some((started) => first <= started && started < second)) continue
      throw new Violation(`G3: ${name} loads twice at a time`)
    }
    const other = otherThan(name)
    const lease = this.server.keys.get(names.evict)?.bytes.startsWith(`${other}L`)
    // After ten seconds a waiter goes ahead on its own, and where commands were given up as time passed.
    const isPatient = this.isWell && (this.#isQuiet || !this.#isPassing) && this.server.now - startOfTime < 2 * leaseMs
    if (isPatient && granted === 0 && lease && this.nodes[other].loaders.length > 0) {
      throw new Violation(`G3: ${name} loads while ${other} loads under a lease that stands`)
    }
  }

  /** The same text for all worlds that cannot be told apart from now on, also by who is called A and who B. */
  get key(): string {
    return [this.#keyAs('A', 'B'), this.#keyAs('B', 'A')].sort()[0]!
  }

  #keyAs(first: NodeName, second: NodeName): string {
    const { server, source, reached, operations, times } = this
    const rename = (text: string): string =>
      text[0] === first ? `1${text.slice(1)}` : text[0] === second ? `2${text.slice(1)}` : text
    const nodes = [this.nodes[first], this.nodes[second]].map(({ history, ...rest }) => [
      history.id,
      rest.isAlive ? rest : 0,
    ])
    return JSON.stringify([
      nodes,
      [...server.keys].map(([key, { bytes, until }]) => [key, rename(bytes), until]).sort(),
      [...server.notes].map(([key, { writer, write, before, version }]) => [
        key,
        rename(writer),
        write,
        before,
        version,
      ]),
      [...server.readers].map(([key, readers]) => [key, readers.map(rename).sort()]).sort(),
      [server.now, server.writes, source, operations, times, this.isWell],
      reached.map(({ version, by, at }) => [version, rename(by), at]),
    ])
  }
}

/** A node calls what it made `i…`, the server calls it by the node's name. */
function absolute(command: Command, name: NodeName): Command {
  const rename = (text: string): string => (text[0] === 'i' ? name : otherThan(name)) + text.slice(1)
  const { lease, over, frame, ...rest } = command as Partial<Record<'lease' | 'over' | 'frame', string>>
  return {
    ...rest,
    ...(lease === undefined ? {} : { lease: rename(lease) }),
    ...(over === undefined ? {} : { over: rename(over) }),
    ...(frame === undefined ? {} : { frame: rename(frame) }),
  } as unknown as Command
}

function relative(answer: Answer, name: NodeName): Answer {
  const rename = (text: string | null): string | null => {
    if (text === null || !nodeNames.includes(text[0] as NodeName)) return text
    return (text[0] === name ? 'i' : 'o') + text.slice(1)
  }
  if (typeof answer === 'number') return answer
  return answer === null || typeof answer === 'string' ? rename(answer) : answer.map(rename)
}

function otherThan(name: NodeName): NodeName {
  return name === 'A' ? 'B' : 'A'
}
