import type { BuriedWrite, QueueCounts, QueuedWrite, TakenWrite, WriteQueue } from '../index'
import { queueScripts } from './queue-scripts'
import type { Script } from './script'

/** Runs a script where the keys of the queue stand. */
export type RunScript = (
  script: Script,
  keys: readonly string[],
  args: readonly (string | Buffer)[],
) => Promise<unknown>

const parts = ['entries', 'values', 'taken', 'failures', 'buried', 'holder', 'sequence'] as const

// Lua takes no more values from a table at once.
const mostArguments = 5_000

/**
 * A queue of writes on Redis: a stream and its consumer group, beside hashes that have the newest value of each key. What was
 * accepted is as durable as the server is (`appendonly`, replicas).
 */
export class RedisWriteQueue implements WriteQueue {
  readonly isDurable = true
  readonly #keys: readonly string[]

  /** @param root what the queue's keys begin with; it has the hash tag that keeps them in one slot */
  constructor(
    root: string,
    private readonly run: RunScript,
  ) {
    this.#keys = parts.map((part) => `${root}:${part}`)
  }

  async offer(writes: readonly QueuedWrite[], maxPending: number): Promise<number> {
    return Number(
      await this.#run(queueScripts.offerWrites, [
        String(maxPending),
        ...writes.flatMap(({ key, bytes }) => [key, bytes]),
      ]),
    )
  }

  async find(keys: readonly string[]): Promise<(Buffer | null)[]> {
    const found: (Buffer | null)[] = []
    for (let from = 0; from < keys.length; from += mostArguments) {
      const values = await this.#run(queueScripts.findWrites, keys.slice(from, from + mostArguments))
      found.push(...(values as (Buffer | null)[]))
    }
    return found.map((value) => value && valueIn(value)[1])
  }

  async take(worker: string, most: number, holdMs: number): Promise<readonly TakenWrite[] | undefined> {
    const taken = await this.#run(queueScripts.takeWrites, [worker, String(most), String(holdMs)])
    if (taken === null) return undefined
    return (taken as [Buffer, Buffer, ...Buffer[]][]).map(([key, value, ...places]) => {
      const [sequence, bytes] = valueIn(value)
      return { key: key.toString(), sequence, bytes, places: places.map(String) }
    })
  }

  async hold(worker: string, holdMs: number): Promise<boolean> {
    return Number(await this.#run(queueScripts.holdWrites, [worker, String(holdMs)])) === 1
  }

  async leave(worker: string): Promise<void> {
    await this.#run(queueScripts.leaveWrites, [worker])
  }

  async settle(writes: readonly TakenWrite[]): Promise<void> {
    if (writes.length > 0) await this.#run(queueScripts.settleWrites, writes.flatMap(settled))
  }

  async blame(writes: readonly TakenWrite[]): Promise<readonly number[]> {
    const failures = await this.#run(
      queueScripts.blameWrites,
      writes.map(({ key }) => key),
    )
    return (failures as unknown[]).map(Number)
  }

  async bury(write: TakenWrite, reason: string): Promise<void> {
    await this.#run(queueScripts.buryWrite, [reason, ...settled(write)])
  }

  async mark(): Promise<string> {
    return String(await this.#run(queueScripts.markWrites, []))
  }

  async isPast(mark: string): Promise<boolean> {
    return mark === '' || Number(await this.#run(queueScripts.isPastWrites, [mark])) === 1
  }

  async counts(): Promise<QueueCounts> {
    const [pending, buried] = (await this.#run(queueScripts.countWrites, [])) as unknown[]
    return { pending: Number(pending), buried: Number(buried) }
  }

  async buried(most: number): Promise<readonly BuriedWrite[]> {
    const found = (await this.#run(queueScripts.buriedWrites, [String(most)])) as Buffer[]
    return Array.from({ length: found.length / 2 }, (_, index) => {
      const [, rest] = valueIn(found[2 * index + 1]!)
      const [length, text] = valueIn(rest)
      const reason = text.toString('utf8', 0, Number(length))
      return { key: found[2 * index]!.toString(), bytes: text.subarray(Number(length)), reason }
    })
  }

  async revive(): Promise<number> {
    return Number(await this.#run(queueScripts.reviveWrites, []))
  }

  async discard(): Promise<number> {
    return Number(await this.#run(queueScripts.discardWrites, []))
  }

  #run(script: Script, args: readonly (string | Buffer)[]): Promise<unknown> {
    return this.run(script, this.#keys, args)
  }
}

function settled({ key, sequence, places }: TakenWrite): string[] {
  return [key, sequence, String(places.length), ...places]
}

/** A number, a colon, and what follows it. */
function valueIn(value: Buffer): [number: string, rest: Buffer] {
  const colon = value.indexOf(0x3a)
  return [value.toString('latin1', 0, colon), value.subarray(colon + 1)]
}
