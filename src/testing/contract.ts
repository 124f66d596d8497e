import assert from 'node:assert/strict'
import {
  type CompleteClock,
  checkOptions,
  optionRules,
  type Rule,
  type SharedStore,
  type SharedStoreFactory,
  systemClock,
  uniqueText,
} from '../index'
import { ManualClock, settle } from './manual-clock'

/** How a runner declares a test: the `test` of Jest, of Vitest, and of `node:test` all do. */
export type DeclareTest = (name: string, run: () => Promise<void>) => unknown

/** What every contract suite takes. */
export interface ContractOptions {
  /** The `test` of your runner. */
  readonly test: DeclareTest
  /** Makes what is under test: once for each process that a test needs, all of them on one server. */
  readonly store: () => SharedStoreFactory | Promise<SharedStoreFactory>
  /** The clock that the server's time comes from, if it is a manual one. @default time passes */
  readonly clock?: ManualClock
}

/** One demand of a contract. */
export type Demand = (its: ContractCase) => Promise<void>

const manualClock: Rule = { text: 'a ManualClock', allows: (value) => value instanceof ManualClock }

const contractRules = { test: optionRules.callable, store: optionRules.callable, clock: manualClock }

/** Declares a test for each demand. */
export function declare(options: ContractOptions, demands: Readonly<Record<string, Demand>>): void {
  for (const [name, demand] of Object.entries(demands)) {
    options.test(name, async () => {
      const its = new ContractCase(options)
      try {
        await demand(its)
      } finally {
        await its.close()
      }
    })
  }
}

/**
 * @param more rules of what one suite takes beside the rest
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 */
export function checkContract(
  where: string,
  options: ContractOptions,
  more: Readonly<Record<string, Rule>> = {},
): void {
  const { test = null, store = null, ...rest } = options ?? {}
  checkOptions(where, { test, store, ...rest }, { ...contractRules, ...more })
}

/** A process that uses the store, and what it has been told. */
export interface ContractProcess {
  readonly store: SharedStore
  readonly told: Set<string>
  /** How often it was told that anything may have changed. */
  readonly gaps: number
}

/** A life that no test sees the end of. */
export const longMs = 60_000

/** A life whose end a test waits for. */
export const shortMs = 150

const patienceMs = 5_000
const stepMs = 10

/** What one test of a contract works with: processes, and keys of its own. */
export class ContractCase {
  readonly root = `contract${uniqueText()}`
  readonly counterKey = `${this.root}:counter`
  readonly maxStalenessMs = 400
  readonly #options: ContractOptions
  readonly #stores: SharedStore[] = []
  #frames = 0

  constructor(options: ContractOptions) {
    this.#options = options
  }

  get clock(): CompleteClock {
    return this.#options.clock ?? systemClock
  }

  /** The key of an entry. */
  key(name = 'k'): string {
    return `${this.root}:c:1:{${name}}`
  }

  /** The key of a marker. */
  marker(name = 'm'): string {
    return `${this.root}:tag:{${name}}`
  }

  /** Bytes as entries and leases are: their beginning is like no other's. */
  bytes(content = ''): Buffer {
    const head = Buffer.from(String(++this.#frames).padStart(16, '0'))
    return Buffer.concat([head, Buffer.from([0, 255, 10, 13, 128]), Buffer.from(content)])
  }

  /** A process that is connected. */
  async process(): Promise<ContractProcess> {
    const told = new Set<string>()
    const its = { told, gaps: 0 }
    const factory = await this.#options.store()
    const store = factory.open({
      clock: this.clock,
      root: this.root,
      counterKey: this.counterKey,
      maxStalenessMs: this.maxStalenessMs,
      commandTimeoutMs: factory.commandTimeoutMs,
      listener: {
        invalidated: (keys) => {
          for (const key of keys) told.add(key)
        },
        gap: () => {
          its.gaps++
        },
      },
      onConnected: () => {},
      onCircuit: () => {},
      onFinding: () => {},
    })
    this.#stores.push(store)
    await store.connect()
    return Object.assign(its, { store })
  }

  async pair(): Promise<[ContractProcess, ContractProcess]> {
    return [await this.process(), await this.process()]
  }

  /** Lets the server's time pass. */
  async pass(ms: number): Promise<void> {
    if (this.#options.clock !== undefined) return this.#options.clock.advance(ms)
    const until = systemClock.now() + ms
    while (systemClock.now() < until) await settle()
  }

  /** Waits until something holds, as long as it may take. */
  async eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const { clock } = this.#options
    const until = systemClock.now() + patienceMs
    for (let attempt = 0; !(await holds()); attempt++) {
      // Virtual time needs no patience.
      if (clock !== undefined ? attempt * stepMs > patienceMs : systemClock.now() > until) assert.fail(`never: ${what}`)
      await (clock === undefined ? settle() : clock.advance(stepMs))
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()))
  }
}

/** What stands at a key. */
export async function standing({ store }: ContractProcess, key: string): Promise<Buffer | null> {
  const [found] = await store.getMany([key])
  return found!.bytes
}

/** @throws AssertionError unless exactly these bytes stand at the key */
export async function assertStands(
  process: ContractProcess,
  key: string,
  bytes: Buffer | null,
  why: string,
): Promise<void> {
  const found = await standing(process, key)
  const isIt = found === null || bytes === null ? found === bytes : found.equals(bytes)
  const show = (its: Buffer | null): string => (its === null ? 'nothing' : `'${its.toString('latin1', 0, 60)}'`)
  assert.ok(isIt, `${why}: expected ${show(bytes)} at the key, found ${show(found)}`)
}

/** Puts what nobody else writes. @throws AssertionError if it does not stand */
export async function put({ store }: ContractProcess, key: string, bytes: Buffer, lifeMs = longMs): Promise<void> {
  const [written] = await store.putMany([{ key, bytes, lifeMs, beganAt: systemClock.now() }])
  assert.equal(written!.stands, true, 'a put that nobody overlaps must stand')
}
