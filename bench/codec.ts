/**
 * What it costs to carry a value: the codec and its snapshot beside JSON (the floor), v8.serialize and the usual serialisers.
 * Run by `npx tsx bench/codec.ts`. Contenders take turns within one process; the table gives medians of their turns.
 */
import { deserialize, serialize } from 'node:v8'
import { createCodec } from '../src/codec/codec'
import { freezeOwned, takeSnapshot } from '../src/codec/snapshot'
import { TypeRegistry } from '../src/kernel/registered-types'

type RoundTrip = (value: unknown) => unknown

interface Contender {
  readonly name: string
  readonly run: RoundTrip
}

const product = (id: number): Record<string, unknown> => ({
  id: `prod-${id}`,
  sku: `SKU-000${id}`,
  title: 'Adjustable standing desk with cable tray and memory panel',
  description: 'Height range 62 to 127 cm, dual motor, 120 kg load. '.repeat(8),
  price: 499.9 + id,
  currency: 'EUR',
  stock: 1200 + id,
  active: true,
  discontinuedAt: null,
  categories: ['furniture', 'office', 'desks'],
  dimensions: { width: 160, depth: 80.5, height: 127, unit: 'cm' },
  supplier: { id: 77, name: 'Nordic Works', address: { city: 'Malmö', zip: '211 20', country: 'SE' } },
  images: [`https://img.example.org/${id}/1.jpg`, `https://img.example.org/${id}/2.jpg`],
  rating: { average: 4.6, count: 1893 },
})

const typed = (id: number): Record<string, unknown> => ({
  ...product(id),
  createdAt: new Date(1_690_000_000_000 + id),
  updatedAt: new Date(1_700_000_000_000 + id),
  revision: 9_007_199_254_740_993n,
})

const rows = (make: (id: number) => unknown): unknown[] => Array.from({ length: 100 }, (_, id) => make(id))

const values: Readonly<Record<string, unknown>> = {
  'a  1 KB plain row': product(1),
  'b  the same, 2 dates, bigint': typed(1),
  'c  100 plain rows': rows(product),
  'c2 100 rows as in b': rows(typed),
  'd  Maps and Sets': {
    stock: new Map(Array.from({ length: 200 }, (_, id) => [`sku-${id}`, { free: id, held: id % 7 }])),
    tags: new Set(Array.from({ length: 200 }, (_, id) => `tag-${id}`)),
    nested: new Map([['by-country', new Map([['SE', new Set([1, 2, 3])]])]]),
  },
}

async function contenders(): Promise<readonly Contender[]> {
  const types = new TypeRegistry()
  const codec = createCodec(types)
  const through = (value: unknown, plain: boolean): unknown => {
    const { format, payload } = codec.encode({ value, plain, bytes: 0, renewable: false })
    return codec.decode(format, payload)
  }
  const snapshots = new Map(Object.values(values).map((value) => [value, takeSnapshot(value, types)]))
  const known: Contender[] = [
    {
      name: 'JSON, utf8 (floor)',
      run: (value) => JSON.parse(Buffer.from(JSON.stringify(twins.get(value)), 'utf8').toString('utf8')),
    },
    {
      name: 'codec, snapshot ready',
      run: (value) => {
        const snapshot = snapshots.get(value)!
        return through(snapshot.value, snapshot.plain)
      },
    },
    {
      name: 'codec, snapshot taken, frozen',
      run: (value) => {
        const snapshot = takeSnapshot(value, types)
        return freezeOwned(through(snapshot.value, snapshot.plain), types).value
      },
    },
    { name: 'takeSnapshot alone', run: (value) => takeSnapshot(value, types).value },
    { name: 'structuredClone', run: (value) => structuredClone(value) },
    { name: 'v8.serialize', run: (value) => deserialize(serialize(value)) },
  ]
  return [...known, ...(await optional())]
}

// The floor must not pay for what JSON cannot carry: it gets the same data in the nearest form that JSON has.
function twinOf(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Map || value instanceof Set) return [...value].map(twinOf)
  if (Array.isArray(value)) return value.map(twinOf)
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, twinOf(part)]))
}

const twins = new Map(
  Object.values(values).map((value) => [value, JSON.parse(JSON.stringify(twinOf(value))) as unknown]),
)

async function optional(): Promise<readonly Contender[]> {
  const found: Contender[] = []
  const add = async (name: string, make: (loaded: never) => RoundTrip): Promise<void> => {
    try {
      found.push({ name, run: make((await import(name)) as never) })
    } catch {
      console.log(`(${name} is not installed: left out)`)
    }
  }
  type Texts = { stringify(value: unknown): string; parse(text: string): unknown }
  const overUtf8 =
    ({ stringify, parse }: Texts): RoundTrip =>
    (value) =>
      parse(Buffer.from(stringify(value), 'utf8').toString('utf8'))
  await add('devalue', (loaded: Texts) => overUtf8(loaded))
  await add('superjson', (loaded: { default: Texts }) => overUtf8(loaded.default))
  await add(
    'msgpackr',
    (loaded: { Packr: new (options: object) => { pack(v: unknown): Buffer; unpack(b: Buffer): unknown } }) => {
      const packr = new loaded.Packr({ structuredClone: true, moreTypes: true, largeBigIntToString: true })
      return (value) => packr.unpack(packr.pack(value))
    },
  )
  return found
}

const turns = 31

function measure(runs: readonly Contender[], value: unknown): Map<string, number> {
  const iterations = Math.max(3, Math.round(2e6 / costOf(runs[0]!.run, value)))
  const samples = new Map<string, number[]>(runs.map(({ name }) => [name, []]))
  for (let turn = -3; turn < turns; turn++) {
    for (const { name, run } of runs) {
      const start = process.hrtime.bigint()
      for (let at = 0; at < iterations; at++) run(value)
      if (turn >= 0) samples.get(name)!.push(Number(process.hrtime.bigint() - start) / iterations)
    }
  }
  return new Map([...samples].map(([name, taken]) => [name, taken.sort((a, b) => a - b)[turns >> 1]!]))
}

function costOf(run: RoundTrip, value: unknown): number {
  for (let at = 0; at < 200; at++) run(value)
  const start = process.hrtime.bigint()
  for (let at = 0; at < 20; at++) run(value)
  return Number(process.hrtime.bigint() - start) / 20
}

/** Prints the table: microseconds for a round trip, and how many times the floor. */
export async function main(): Promise<void> {
  const runs = await contenders()
  for (const [title, value] of Object.entries(values)) {
    const medians = measure(runs, value)
    const floor = medians.get(runs[0]!.name)!
    console.log(`\n${title}  (${Buffer.byteLength(JSON.stringify(twins.get(value)))} bytes as JSON)`)
    for (const [name, time] of medians) {
      console.log(`  ${name.padEnd(30)} ${(time / 1000).toFixed(1).padStart(9)} µs  × ${(time / floor).toFixed(2)}`)
    }
  }
}

if (require.main === module) void main()
