import { now } from './clock'
import type { SourceState } from './phases'

/** What the source knows of a key. */
export interface Product {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly price: number
  /** When the source said so. */
  readonly saidAt: number
}

/** The source at work for one key. */
export interface Load {
  readonly key: string
  readonly from: number
  readonly to: number
}

const workMs = { up: 5, failing: 5, slow: 500 } as const

/** Stands for a database: answers after a while, or fails, and remembers what it was asked. */
export class Source {
  state: SourceState = 'up'
  readonly loads: Load[] = []

  async load(key: string): Promise<Product> {
    const { state } = this
    const from = now()
    await new Promise((resolve) => setTimeout(resolve, workMs[state]))
    const to = now()
    this.loads.push({ key, from, to })
    if (state === 'failing') throw new Error('the source is away')
    const title = 'Adjustable standing desk with cable tray and memory panel'
    const description = 'Height range 62 to 127 cm, dual motor, 120 kg load. '.repeat(8)
    return { id: key, title, description, price: 499.9, saidAt: to }
  }
}
