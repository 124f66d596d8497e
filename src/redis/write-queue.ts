import type { BuriedWrite, Offered, QueueCounts, QueuedWrite, TakenWrite, WriteQueue } from '../index'
import { queueScripts } from './queue-scripts'
import type { Script } from './script'

/** Runs a script where the keys of the queue stand. */
export type RunScript = (
  script: Script,
  keys: readonly string[],
  args: readonly (string | Buffer)[],
) => Promise<unknown>

const parts = ['entries', 'values', 'taken', 'failures', 'buried', 'holder', 'sequence'] as const

// What a server looks up well within any timeout.
const mostFound = 5_000

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

  async offer(writes: readonly QueuedWrite[], maxPending: number): Promise<Offered> {
    const args = writes.flatMap(({ key, version = '', bytes }) => [key, version, bytes])
    const answer = (await this.#run(queueScripts.offerWrites, [String(maxPending), ...args])) as unknown[]
    const [accepted, ...overtaken] = answer.map(Number)
    return { accepted: accepted!, overtaken }
  }

  /** By the one key that it needs: while a slot of a cluster moves, several may be in two places. */
  async find(keys: readonly string[]): Promise<(Buffer | null)[]> {
    const found = await this.run(queueScripts.findWrites, [this.#keys[1]!], keys.slice(0, mostFound))
    return (found as (Buffer | null)[]).map((value) => value && unpack(value).bytes)
  }

  async take(
    worker: string,
    most: number,
    holdMs: number,
    behind?: TakenWrite,
  ): Promise<readonly TakenWrite[] | undefined> {
    const args = [worker, String(most), String(holdMs), behind?.places.at(-1) ?? '']
    const taken = await this.#run(queueScripts.takeWrites, args)
    if (taken === null) return undefined
    return (taken as [Buffer, Buffer, ...Buffer[]][]).map(([key, value, ...places]) => {
      return { key: key.toString(), ...unpack(value), places: places.map(String) }
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
      const [, rest] = split(found[2 * index + 1]!)
      const [length, text] = split(rest)
      const reason = text.toString('utf8', 0, Number(length))
      const [, bytes] = split(text.subarray(Number(length)))
      return { key: found[2 * index]!.toString(), bytes, reason }
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

/** What stands among the values. */
function unpack(value: Buffer): { readonly sequence: string; readonly bytes: Buffer } {
  const [sequence, rest] = split(value)
  const [, bytes] = split(rest)
  return { sequence, bytes }
}

/** What stands before the first colon, and what follows it. */
function split(value: Buffer): [before: string, after: Buffer] {
  const colon = value.indexOf(0x3a)
  return [value.toString('latin1', 0, colon), value.subarray(colon + 1)]
}
