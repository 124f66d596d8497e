import { closeSync, openSync, writeSync } from 'node:fs'

/*
 * What happened in a run, as far as the outside can see it. Each process writes its own part; the checker reads all of them.
 */

/**
 * Milliseconds of the machine's one monotonic clock. `process.hrtime` is CLOCK_MONOTONIC, which Linux counts from boot,
 * the same for every process (of one time namespace); `performance.now` would count from the start of each process.
 * The run holds every process that starts against this: its first reading must lie within what its parent reads.
 */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** `2.1` is the second life of process 2: what a process kept in memory died with it. */
export type Life = string

/** A read. It ran from just before the call until just after its answer. */
export interface Read {
  readonly type: 'read'
  readonly by: Life
  /** The cache and the key in it, as `items/3`. */
  readonly key: string
  readonly from: number
  readonly until: number
  /** Undefined: there was no value, which only a look without loading may say. */
  readonly version?: number
  /** Whether the source failed it: it says when its load was asked for. */
  readonly failed?: boolean
  /** Whether memory answered. */
  readonly local?: boolean
}

/** A call of the method under a cached read. */
export interface Load {
  readonly type: 'load'
  readonly by: Life
  readonly key: string
  readonly from: number
  readonly until: number
  readonly version?: number
}

/** An evict, put, tag evict or clear that was resolved. */
export interface Eviction {
  readonly type: 'eviction'
  readonly how: 'evict' | 'put' | 'tags' | 'clear'
  readonly by: Life
  readonly keys: readonly string[]
  /** When the cache was told to, after the method had returned. */
  readonly from: number
  readonly until: number
  /** Of a put: the version that was put. Of anything else the source's at `from`. */
  readonly version?: number
  /** Evictions this process had not got through when this one was resolved. */
  readonly pending: number
  /** How long the caller waited for the cache alone. */
  readonly tookMs: number
}

/** Evictions that a process keeps back, each time that changes. */
export interface Pending {
  readonly type: 'pending'
  readonly by: Life
  readonly at: number
  readonly pending: number
}

/** The process did not run: it was stopped, its loop was blocked, or the machine had no time for it. */
export interface Lag {
  readonly type: 'lag'
  readonly by: Life | 'parent'
  readonly from: number
  readonly until: number
}

/** The shared tier failed an operation, as the manager told. */
export interface Failure {
  readonly type: 'failure'
  readonly by: Life
  readonly at: number
  readonly operation: string
  readonly message: string
}

/** A call that rejected, or never ended. */
export interface Broken {
  readonly type: 'broken'
  readonly by: Life
  readonly what: 'rejected' | 'hung' | 'unhandled' | 'warning' | 'alien' | 'undrained'
  readonly call: string
  readonly at: number
  readonly message: string
}

/** The source took a new version. */
export interface Write {
  readonly type: 'write'
  readonly by: Life
  readonly key: string
  readonly at: number
  readonly version: number
}

/** Something was done to the world. */
export interface FaultRecord {
  readonly type: 'fault'
  readonly name: string
  /** The process it was done to; undefined: all. */
  readonly target?: number
  /** Where it was done to connections, which are of one life. */
  readonly life?: Life
  readonly from: number
  readonly until: number
  /** Whether Redis answered nothing at all to the target meanwhile. */
  readonly silent: boolean
  readonly note?: string
}

/** The server came back with what it had known at `since`: what it acknowledged later is lost, without a word. */
export interface Loss {
  readonly type: 'loss'
  readonly since: number
  readonly until: number
  /** Another server took its place: some processes found it earlier than `until`, when all agree. */
  readonly isFailover?: boolean
}

/** Beginning and end of a process, and the marks of the run. */
export interface Mark {
  readonly type: 'mark'
  readonly what: 'started' | 'killed' | 'ended' | 'healed' | 'settled' | 'lull' | 'writing'
  readonly by: Life | 'parent'
  readonly at: number
}

export type Happening = Read | Load | Eviction | Pending | Lag | Failure | Broken | Write | FaultRecord | Loss | Mark

/** Takes down what happens. */
export interface Recorder {
  note(happening: Happening): void
}

/** Writes each event at once: what a process has noted is not lost when it is killed. */
export class FileRecorder implements Recorder {
  readonly #file: number
  #lines: string[] = []

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  note(happening: Happening): void {
    // One write for what happens in one turn. A turn is never torn by SIGKILL into more than a half line at the end.
    if (this.#lines.length === 0) setImmediate(() => this.flush())
    this.#lines.push(JSON.stringify(happening))
  }

  flush(): void {
    const lines = this.#lines
    if (lines.length === 0) return
    this.#lines = []
    writeSync(this.#file, `${lines.join('\n')}\n`)
  }

  close(): void {
    this.flush()
    closeSync(this.#file)
  }
}

/** The events of a file; a last line that was cut short is left out. */
export function parseHistory(text: string): Happening[] {
  const lines = text.split('\n')
  lines.pop()
  return lines.map((line) => JSON.parse(line) as Happening)
}

/** Tells when this process did not run, to the recorder. What it returns ends that. */
export function watchLag(by: Life | 'parent', recorder: Recorder, everyMs = 20): () => void {
  let last = now()
  const timer = setInterval(() => {
    const at = now()
    if (at - last > everyMs + 15) recorder.note({ type: 'lag', by, from: last, until: at })
    last = at
  }, everyMs)
  return () => clearInterval(timer)
}
