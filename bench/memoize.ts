/**
 * What a call costs that is answered from a memo: `@Memoize` and `memoize()` beside memoizee, micro-memoize and moize. Run by
 * `npm run bench:memoize`.
 *
 * Contenders take turns within one process, the order changes each round, and every ratio is taken to `@Memoize` in the
 * same round: above 1 it is slower than that. `dist` is measured: what users run. Each holds 1,000 results, and objects
 * count by their content, which the others do by `JSON.stringify` (where `1n` and cycles throw, and a `Map` is `{}`).
 */
import type * as Root from '../src/index'
import { installContenders, loadContender } from './contenders/install'
import { quantile } from './outage/quantile'

// Built by the command that runs this, so that a fresh checkout still type-checks.
const { Memoize, memoize } = require('../dist/index.js') as typeof Root

// Only what is used here: these packages have their own place, and are not there when this is compiled.
type Wrap = <Its extends (...args: never[]) => unknown>(its: Its, options: object) => Its

interface Contender {
  readonly name: string
  /** Asks once; `at` counts up. */
  readonly ask: (at: number) => unknown
}

interface Group {
  readonly title: string
  /** The first is what the others are held against. */
  readonly contenders: readonly Contender[]
  readonly count: number
}

interface Row {
  readonly name: string
  readonly medianNs: number
  /** Median of the ratios to the first contender in the same round. */
  readonly ratio: number
}

const rounds = 15
const max = 1_000
const keyCount = 500
const ids = Array.from({ length: keyCount }, (_, index) => `product-${index}`)
const queries = ids.map((id, page) => ({ id, page, sort: 'price' }))
const idAt = (at: number): string => ids[at % keyCount]!
const queryAt = (at: number): Query => queries[at % keyCount]!

interface Query {
  readonly id: string
  readonly page: number
  readonly sort: string
}

class Products {
  @Memoize({ maxEntries: max })
  count(): number {
    return 1
  }

  @Memoize()
  get total(): number {
    return 1
  }

  @Memoize({ maxEntries: max })
  byId(id: string): string {
    return id
  }

  @Memoize({ maxEntries: max, ttl: '1h' })
  byIdForAnHour(id: string): string {
    return id
  }

  @Memoize({ maxEntries: max })
  byIdAndSize(id: string, _size: number): string {
    return id
  }

  @Memoize({ maxEntries: max })
  byQuery(query: Query): string {
    return query.id
  }
}

const count = (): number => 1
const byId = (id: string): string => id
const byIdAndSize = (id: string, _size: number): string => id
const byQuery = (query: Query): string => query.id
const asJson = (args: unknown): string => JSON.stringify(args)

/** What one would write without any of them. */
function byHand(): (id: string) => string {
  const results = new Map<string, string>()
  return (id) => {
    const known = results.get(id)
    if (known !== undefined) return known
    const result = byId(id)
    if (results.size === max) results.delete(results.keys().next().value!)
    results.set(id, result)
    return result
  }
}

function groups(memoizee: Wrap, micro: Wrap, moize: Wrap): readonly Group[] {
  const products = new Products()
  const others = <Its extends (...args: never[]) => unknown>(
    its: Its,
    use: (its: Its) => Contender['ask'],
    options: { readonly memoizee: object; readonly micro?: object; readonly moize?: object },
  ): readonly Contender[] => [
    { name: 'memoizee', ask: use(memoizee(its, { max, ...options.memoizee })) },
    { name: 'micro-memoize', ask: use(micro(its, { maxSize: max, ...options.micro })) },
    { name: 'moize', ask: use(moize(its, { maxSize: max, ...options.moize })) },
  ]
  const oneId = (call: (id: string) => unknown) => (at: number) => call(idAt(at))
  const sameId = (call: (id: string) => unknown) => () => call('product-1')
  const twoParts = (call: (id: string, size: number) => unknown) => (at: number) => call(idAt(at), 5)
  const oneQuery = (call: (query: Query) => unknown) => (at: number) => call(queryAt(at))
  const [ofNone, ofOne, ofTwo, ofQuery] = [memoize(count), memoize(byId), memoize(byIdAndSize), memoize(byQuery)]
  return [
    {
      title: 'no argument',
      count: 1_000_000,
      contenders: [
        { name: '@Memoize', ask: () => products.count() },
        { name: '@Memoize, a getter', ask: () => products.total },
        { name: 'memoize()', ask: () => ofNone() },
        ...others(count, (call) => () => call(), { memoizee: {} }),
      ],
    },
    {
      title: 'one text, always the same',
      count: 1_000_000,
      contenders: [
        { name: '@Memoize', ask: sameId((id) => products.byId(id)) },
        { name: 'memoize()', ask: sameId(ofOne) },
        { name: 'a Map by hand, no LRU', ask: sameId(byHand()) },
        ...others(byId, sameId, { memoizee: { primitive: true } }),
      ],
    },
    {
      title: `one text, ${keyCount} in turn`,
      count: 100_000,
      contenders: [
        { name: '@Memoize', ask: oneId((id) => products.byId(id)) },
        { name: '@Memoize, with a ttl', ask: oneId((id) => products.byIdForAnHour(id)) },
        { name: 'memoize()', ask: oneId(ofOne) },
        { name: 'a Map by hand, no LRU', ask: oneId(byHand()) },
        ...others(byId, oneId, { memoizee: { primitive: true } }),
      ],
    },
    {
      title: `a text and a number, ${keyCount} in turn`,
      count: 100_000,
      contenders: [
        { name: '@Memoize', ask: twoParts((id, size) => products.byIdAndSize(id, size)) },
        { name: 'memoize()', ask: twoParts(ofTwo) },
        ...others(byIdAndSize, twoParts, { memoizee: { primitive: true } }),
      ],
    },
    {
      title: `an object by its content, ${keyCount} in turn`,
      count: 50_000,
      contenders: [
        { name: '@Memoize', ask: oneQuery((query) => products.byQuery(query)) },
        { name: 'memoize()', ask: oneQuery(ofQuery) },
        ...others(byQuery, oneQuery, {
          memoizee: { normalizer: (args: readonly unknown[]) => asJson(args[0]) },
          micro: { transformKey: ([query]: readonly unknown[]) => [asJson(query)] },
          moize: { transformArgs: ([query]: readonly unknown[]) => [asJson(query)] },
        }),
      ],
    },
  ]
}

function measure({ contenders, count }: Group): readonly Row[] {
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = -2; round < rounds; round++) {
    // Whoever comes first in a round gains or loses by it: each does in its turn.
    const turn = Math.max(round, 0) % contenders.length
    for (const { name, ask } of [...contenders.slice(turn), ...contenders.slice(0, turn)]) {
      globalThis.gc?.()
      const began = process.hrtime.bigint()
      let missing = 0
      for (let at = 0; at < count; at++) if (ask(at) === undefined) missing++
      const tookNs = Number(process.hrtime.bigint() - began)
      if (missing > 0) throw new Error(`${name} did not answer ${missing} times`)
      if (round >= 0) times.get(name)!.push(tookNs / count)
    }
  }
  const reference = times.get(contenders[0]!.name)!
  return contenders.map(({ name }) => {
    const its = times.get(name)!
    const ratios = its.map((time, round) => time / reference[round]!)
    return { name, medianNs: quantile(its, 0.5)!, ratio: quantile(ratios, 0.5)! }
  })
}

async function main(): Promise<void> {
  if (!installContenders('memoizee')) throw new Error('npm ci --prefix bench/contenders failed')
  const { default: memoizee } = (await loadContender('memoizee')) as { default: Wrap }
  const { memoize: micro } = (await loadContender('micro-memoize')) as { memoize: Wrap }
  const { default: moize } = (await loadContender('moize')) as { default: Wrap | { default: Wrap } }
  for (const group of groups(memoizee, micro, typeof moize === 'function' ? moize : moize.default)) {
    console.log(`\n${group.title}`)
    for (const { name, medianNs, ratio } of measure(group))
      console.log(
        `  ${name.padEnd(26)} ${medianNs.toFixed(medianNs < 100 ? 1 : 0).padStart(8)} ns   × ${ratio.toFixed(2)}`,
      )
  }
}

void main()
