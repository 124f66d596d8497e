import { type Life, now, type Recorder } from './history'
import type { Random } from './random'

/** What a process asks of the source of truth. */
export interface SourceQuestion {
  readonly kind: 'ask'
  readonly id: number
  readonly action: 'read' | 'write'
  readonly key: string
}

/** What it is told; no version: the source failed. */
export interface SourceAnswer {
  readonly kind: 'answer'
  readonly id: number
  readonly version?: number
}

/** What the source throws when it fails on purpose; no other error may reach a caller. */
export class SourceFailure extends Error {
  constructor() {
    super('the source failed, as it was told to')
    this.name = 'SourceFailure'
  }
}

/**
 * The source of truth: a version for each key, raised by each write. It lives in the parent, outlives every worker, and is
 * always right; it is only slow at times, and fails at times.
 */
export class Source {
  readonly #versions = new Map<string, number>()
  readonly #reading = new Map<Life, number>()

  constructor(
    private readonly recorder: Recorder,
    private readonly random: Random,
  ) {}

  /** Whether a read for this process is on its way. */
  isReading(by: Life): boolean {
    return (this.#reading.get(by) ?? 0) > 0
  }

  /** Answers after a while. What is read is what stood there when the question came: the answer is old when it arrives. */
  answer(by: Life, { id, action, key }: SourceQuestion, reply: (answer: SourceAnswer) => void): void {
    const { random } = this
    if (action === 'read') {
      const version = this.#versions.get(key) ?? 0
      const fails = random.chance(0.01)
      const slow = random.chance(0.06) ? random.between(100, 400) : random.between(1, 25)
      this.#count(by, 1)
      setTimeout(() => {
        this.#count(by, -1)
        reply(fails ? { kind: 'answer', id } : { kind: 'answer', id, version })
      }, slow)
      return
    }
    const version = (this.#versions.get(key) ?? 0) + 1
    this.#versions.set(key, version)
    this.recorder.note({ type: 'write', by, key, version, at: now() })
    setTimeout(() => reply({ kind: 'answer', id, version }), random.between(0, random.chance(0.1) ? 150 : 8))
  }

  #count(by: Life, change: number): void {
    this.#reading.set(by, (this.#reading.get(by) ?? 0) + change)
  }
}
