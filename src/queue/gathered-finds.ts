import type { WriteQueue } from '../stores/write-queue'

/** Keys that are asked for in one turn, and so in as few round trips as a queue allows. */
interface Asked {
  readonly keys: Set<string>
  readonly found: Promise<ReadonlyMap<string, Buffer | null>>
}

/** Looks for what waits in a queue, for all who ask in one turn. */
export class GatheredFinds {
  #asked: Asked | undefined

  constructor(private readonly queue: WriteQueue) {}

  async find(key: string): Promise<Buffer | null> {
    this.#asked ??= this.#askSoon()
    const { keys, found } = this.#asked
    keys.add(key)
    return (await found).get(key)!
  }

  #askSoon(): Asked {
    const keys = new Set<string>()
    const turn = new Promise<void>((resolve) => process.nextTick(resolve))
    const found = turn.then(async () => {
      this.#asked = undefined
      const its = [...keys]
      const answers: (Buffer | null)[] = []
      while (answers.length < its.length) answers.push(...(await this.queue.find(its.slice(answers.length))))
      return new Map(its.map((key, index) => [key, answers[index]!]))
    })
    return { keys, found }
  }
}
