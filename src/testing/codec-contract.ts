import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import {
  type CacheManager,
  checkOptions,
  createCacheManager,
  optionRules,
  type Rule,
  type TypeRegistration,
} from '../index'
import type { DeclareTest } from './contract'
import { sharedMemory } from './shared-memory'

/** Options of {@link codecContract}. */
export interface CodecContractOptions {
  /** The `test` of your runner. */
  readonly test: DeclareTest
  /** What the manager is given as `types`: classes, and how their instances are encoded and decoded. */
  readonly types: readonly TypeRegistration[]
  /** Values by name, made anew by each call: every kind that your types have to carry. */
  readonly samples: Readonly<Record<string, () => unknown>>
  /** Whether two values are the same; for state that cannot be seen from outside. @default `isDeepStrictEqual` of `node:util` */
  readonly same?: (one: unknown, other: unknown) => boolean
}

const samplesRule: Rule = {
  text: 'an object of functions, each of which makes a value',
  allows: (value) =>
    optionRules.object.allows(value) && Object.values(value as object).every((make) => typeof make === 'function'),
}

/**
 * Declares the tests that types have to pass whose instances are cached: each value is the same from the method, from memory and
 * from the shared tier, in this process and in others; and nobody can change what others get.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 *
 * @example
 * ```ts
 * const money = registeredType(Money, { encode: (it) => it.cents, decode: (cents) => new Money(cents) })
 * codecContract({ test, types: [money], samples: { nothing: () => new Money(0n), debt: () => new Money(-5n) } })
 * ```
 */
export function codecContract(options: CodecContractOptions): void {
  const { test: its = null, types: given = null, samples: made = null, ...rest } = options ?? {}
  const known = {
    test: optionRules.callable,
    types: optionRules.list,
    samples: samplesRule,
    same: optionRules.callable,
  }
  checkOptions('codecContract()', { test: its, types: given, samples: made, ...rest }, known)
  const { test, types, samples, same = isDeepStrictEqual } = options
  for (const [name, make] of Object.entries(samples)) {
    const declare = (demand: string, run: (bench: Bench) => Promise<void>): unknown =>
      test(`${name}: ${demand}`, async () => {
        const bench = new Bench(types, make, same)
        try {
          await run(bench)
        } finally {
          await bench.close()
        }
      })
    declare('is the same from the method, from memory and from the shared tier', isSame)
    declare('is the same after many travels', isSameAfterMany)
    declare('belongs to nobody else', isOwn)
  }
}

async function isSame(bench: Bench): Promise<void> {
  const [one, two] = [bench.process(), bench.process()]
  bench.assertSame(await bench.load(one), 'the answer of the load')
  bench.assertSame(await bench.read(one), 'the answer of memory')
  bench.assertSame(await bench.read(two), 'the answer of the shared tier')
  bench.assertSame(await bench.read(two), 'the answer of memory, of what another process has loaded')
}

async function isSameAfterMany(bench: Bench): Promise<void> {
  let value = bench.make()
  for (let travel = 1; travel <= 3; travel++) {
    const key = `travel-${travel}`
    await bench.process().cache('samples').put(key, value)
    value = await bench.read(bench.process(), key)
    bench.assertSame(value, `the value after travel ${travel}`)
  }
}

async function isOwn(bench: Bench): Promise<void> {
  const given = bench.make()
  const [one, two, three] = [bench.process(), bench.process(), bench.process()]
  await one.cache('samples').put('k', given)
  const all = [given, await bench.read(one), await bench.read(two), await bench.read(three)]
  const objects = all.filter((value) => typeof value === 'object' && value !== null)
  assert.equal(new Set(objects).size, objects.length, 'two processes, or a process and its caller, have one object')
  // What is handed out is frozen, or a copy for each.
  bench.assertSame(given, 'the value that was given to the cache')
}

/** Processes on one shared tier, and what they report. */
class Bench {
  readonly #managers: CacheManager[] = []
  readonly #shared = sharedMemory()
  readonly #complaints: string[] = []

  constructor(
    private readonly types: readonly TypeRegistration[],
    readonly make: () => unknown,
    private readonly same: (one: unknown, other: unknown) => boolean,
  ) {}

  process(): CacheManager {
    const manager = createCacheManager({ shared: this.#shared, types: this.types, local: { maxEntries: 10 } })
    manager.on('refused', ({ error }) => void this.#complaints.push(error.message))
    manager.on('unreadable', ({ error }) => void this.#complaints.push(error.message))
    this.#managers.push(manager)
    return manager
  }

  load(manager: CacheManager): Promise<unknown> {
    return manager.cache('samples').getOrLoad('k', async () => this.make())
  }

  /** What is cached. @throws AssertionError if nothing is */
  async read(manager: CacheManager, key = 'k'): Promise<unknown> {
    const found = await manager.cache('samples').lookup(key)
    assert.deepEqual(this.#complaints, [], 'the value is not carried')
    assert.ok(found.found, 'the value is not kept')
    return found.value
  }

  assertSame(value: unknown, what: string): void {
    const made = this.make()
    const prototypes = [made, value].map((its) =>
      its === null || its === undefined ? its : Object.getPrototypeOf(its),
    )
    assert.equal(prototypes[1], prototypes[0], `${what} is of another class`)
    assert.ok(this.same(made, value), `${what} is not the same as the sample`)
  }

  async close(): Promise<void> {
    await Promise.all(this.#managers.map((manager) => manager.close()))
  }
}
