import {
  type Clock,
  type CompleteClock,
  checkOptions,
  type Rule,
  type SharedStoreContext,
  type SharedStoreFactory,
  systemClock,
} from '../index'
import type { Answer, Command } from './memory-command'
import { MemoryConnection, type ServerEnd } from './memory-connection'
import { MemoryServer, type Notice } from './memory-server'
import { byteTexts, MemoryStore } from './memory-store'

/** Options of {@link sharedMemory}. */
export interface SharedMemoryOptions {
  /** By which entries, leases and markers run out: the one that the managers have. @default the machine's monotonic clock */
  readonly clock?: Clock
}

/** A server of the shared tier in this process; see {@link sharedMemory}. */
export interface SharedMemory extends SharedStoreFactory {
  /** The keys that stand there. */
  keys(): readonly string[]
  /** Removes one key, as a server does whose memory is short, or another program. Everybody is told. */
  remove(key: string): void
  /** Removes every key, and the notes of who wrote what. Everybody is told. */
  flush(): void
  /** Ends the server: connections break, commands are refused. Keys stay. */
  stop(): void
  /** Starts it again: connections come back, to a server that may have lost what it acknowledged before. */
  start(): void
}

/**
 * A shared tier in memory that does what Redis does: leases, markers, versions, and a feed that names every change to whoever
 * has read the key. Each manager that is given it is another process. It answers at once; for a network, and for what can
 * go wrong with it, put {@link slow}, {@link flaky}, {@link partitioned} or {@link forgetful} around it.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 *
 * @example
 * ```ts
 * const clock = new ManualClock()
 * const shared = sharedMemory({ clock })
 * const [one, two] = [createCacheManager({ clock, shared }), createCacheManager({ clock, shared })]
 * ```
 */
export function sharedMemory(options: SharedMemoryOptions = {}): SharedMemory {
  checkOptions<SharedMemoryOptions>('sharedMemory()', options, { clock: clockRule })
  const { clock = systemClock } = options
  return new Memory({
    now: () => clock.now(),
    setTimer: (callback, delayMs) => (clock.setTimer ?? systemClock.setTimer).call(clock, callback, delayMs),
  })
}

const clockRule: Rule = {
  text: 'an object with `now()`',
  allows: (value) => typeof (value as Partial<Clock> | null)?.now === 'function',
}

class Memory implements SharedMemory, ServerEnd {
  readonly name = 'the shared memory'
  readonly commandTimeoutMs = 250
  readonly #clock: CompleteClock
  readonly #server: MemoryServer
  readonly #connections = new Map<string, MemoryConnection>()
  #isUp = true
  #sweepAt = Number.POSITIVE_INFINITY
  #cancelSweep = (): void => {}

  constructor(clock: CompleteClock) {
    this.#clock = clock
    // By the machine's own clock, as a process tells when a write of its own began.
    this.#server = new MemoryServer(clock.now(), () => systemClock.now())
  }

  get isUp(): boolean {
    return this.#isUp
  }

  get now(): number {
    return this.#clock.now()
  }

  open(context: SharedStoreContext): MemoryStore {
    const connection = new MemoryConnection(this, context)
    this.#connections.set(connection.name, connection)
    return new MemoryStore({ wire: connection, texts: byteTexts, counterKey: context.counterKey })
  }

  keys(): readonly string[] {
    return this.matching('*')
  }

  matching(pattern: string): readonly string[] {
    this.#catchUp()
    return this.#server.matching(pattern)
  }

  remove(key: string): void {
    this.#telling((tell) => this.#server.expire(key, tell))
  }

  flush(): void {
    this.#server.keys.clear()
    this.#server.notes.clear()
    this.#server.readers.clear()
    for (const connection of this.#connections.values()) connection.flushed()
  }

  stop(): void {
    if (!this.#isUp) return
    this.#isUp = false
    for (const connection of this.#connections.values()) connection.broke()
    this.#server.readers.clear()
    this.#cancelSweep()
    this.#sweepAt = Number.POSITIVE_INFINITY
  }

  start(): void {
    if (this.#isUp) return
    this.#isUp = true
    for (const connection of this.#connections.values()) connection.isBack()
  }

  execute(command: Command, by: string): Answer {
    this.#catchUp()
    // How long ago it began, the machine's clock tells; the server has a time of its own.
    const began = 'began' in command ? command.began : 0
    const moment = { write: began, at: this.#server.now - (systemClock.now() - began) }
    const answer = this.#telling((tell) => this.#server.execute(command, by, moment, tell))
    this.#sweepInTime('keys' in command ? command.keys : [command.key])
    return answer
  }

  forget({ name }: MemoryConnection): void {
    this.#connections.delete(name)
    this.#server.disconnect(name)
    // Whoever looks later finds what has run out; a timer is for those who wait to be told.
    if (this.#server.readers.size > 0) return
    this.#cancelSweep()
    this.#sweepAt = Number.POSITIVE_INFINITY
  }

  #catchUp(): void {
    this.#server.now = this.#clock.now()
    this.#telling((tell) => this.#server.sweep(tell))
  }

  /** Tells when everything is in its place: who is told may ask at once. */
  #telling<Result>(act: (tell: (notice: Notice) => void) => Result): Result {
    const notices: Notice[] = []
    const result = act((notice) => notices.push(notice))
    for (const { to, key } of notices) this.#connections.get(to)?.told(key)
    return result
  }

  /** Lets those who have read a key be told when its time is up. */
  #sweepInTime(keys: Iterable<string>): void {
    for (const key of keys) {
      const until = this.#server.keys.get(key)?.until ?? Number.POSITIVE_INFINITY
      if (until >= this.#sweepAt || !this.#server.readers.has(key)) continue
      this.#cancelSweep()
      this.#sweepAt = until
      this.#cancelSweep = this.#clock.setTimer(() => {
        this.#sweepAt = Number.POSITIVE_INFINITY
        this.#catchUp()
        this.#sweepInTime(this.#server.readers.keys())
      }, until - this.#server.now)
    }
  }
}
