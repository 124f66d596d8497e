/**
 * Whether memory stays flat: works through millions of keys that never come again, with a small local tier, and weighs the
 * heap as it goes. Run by `npm run soak`; exits with 1 if the heap grew over the second half of the run.
 *
 *   --keys 1e7           how many distinct keys
 *   --redis [url]        with a shared tier: a server of its own (64 MB, least recently used go), or the one given
 *   --tolerance 4        MB that the heap may grow over the second half
 *   --svg docs/soak.svg  where the chart goes
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type CacheManager, createCacheManager } from '../src/index'
import { redis } from '../src/redis/index'
import { type RedisServer, startRedis } from '../test/support/redis-server'

interface Sample {
  readonly keys: number
  readonly heapMb: number
}

interface Product {
  readonly id: number
  readonly title: string
  readonly price: number
}

const samples = 100
const maxEntries = 10_000
const categories = 1_000
/** Calls that are under way at a time. */
const callers = 64

const product = (id: number): Product => ({ id, title: `Product ${id}`, price: id % 1_000 })

/** Touches a key that was never used before: reads, puts and evicts, and every so often a tag of many entries goes. */
async function touch(manager: CacheManager, id: number): Promise<void> {
  const cache = manager.cache<Product>('products')
  const tags = [`category:${id % categories}`, `product:${id}`]
  const kind = id % 20
  if (kind < 10) await cache.getOrLoad(id, async () => product(id), { tags })
  else if (kind < 13) await cache.getOrLoad(['plain', id], async () => product(id))
  else if (kind < 16) await cache.put(id, product(id), { tags })
  else if (kind < 18) await cache.evict(id)
  // A tag of its own, which nothing carries any more, or never has.
  else if (kind === 18) await manager.evictTags([`product:${id - 18}`])
  else await cache.getOrLoad(id - 19, async () => product(id - 19), { tags: [`product:${id - 19}`] })
  if (id % 10_000 === 0) await cache.evictTags([`category:${(id / 10_000) % categories}`])
  if (id % 1_000_000 === 500_000) await cache.clear()
}

async function work(manager: CacheManager, from: number, to: number): Promise<void> {
  let next = from
  const caller = async (): Promise<void> => {
    for (let id = next++; id < to; id = next++) await touch(manager, id)
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

function weigh(): number {
  // Twice: the first finds what the second may free.
  globalThis.gc!()
  globalThis.gc!()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

/** How much more the heap held in the last tenth than around the middle, in MB. */
function growth(all: readonly Sample[]): number {
  const heaps = (from: number, to: number): number[] =>
    all.slice(Math.floor(from * all.length), Math.ceil(to * all.length)).map(({ heapMb }) => heapMb)
  return median(heaps(0.9, 1)) - median(heaps(0.45, 0.55))
}

/** Ten rows of blocks, from zero up: what grows is seen to. */
function terminalChart(all: readonly Sample[]): string {
  const rows = 10
  const top = ceiling(Math.max(...all.map(({ heapMb }) => heapMb)))
  const blocks = ' ▁▂▃▄▅▆▇█'
  const lines = Array.from({ length: rows }, (_, index) => {
    const row = rows - 1 - index
    const cells = all.map(({ heapMb }) => blocks[Math.round(8 * clamp((heapMb / top) * rows - row))]!)
    return `${((top * (row + 1)) / rows).toFixed(0).padStart(6)} MB │${cells.join('')}`
  })
  const end = short(all.at(-1)!.keys)
  return [
    ...lines,
    `${' '.repeat(9)} └${'─'.repeat(all.length)}`,
    `${' '.repeat(11)}0 keys${end.padStart(all.length - 6)}`,
  ].join('\n')
}

function svgChart(all: readonly Sample[], subtitle: string): string {
  const [width, height, left, right, upper, lower] = [760, 300, 60, 20, 56, 40]
  const top = ceiling(Math.max(...all.map(({ heapMb }) => heapMb)))
  const last = all.at(-1)!.keys
  const x = (keys: number): string => (left + (keys / last) * (width - left - right)).toFixed(1)
  const y = (mb: number): string => (height - lower - (mb / top) * (height - upper - lower)).toFixed(1)
  const steps = [0, 0.25, 0.5, 0.75, 1]
  const line = all.map(({ keys, heapMb }) => `${x(keys)},${y(heapMb)}`).join(' ')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#444">
<title>Heap after garbage collection over ${short(last)} distinct keys</title>
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="${left}" y="22" font-size="15" fill="#111">Heap after garbage collection over ${short(last)} distinct keys</text>
<text x="${left}" y="40">${subtitle}</text>
${steps
  .map(
    (step) => `<line x1="${left}" x2="${width - right}" y1="${y(step * top)}" y2="${y(step * top)}" stroke="#ddd"/>
<text x="${left - 8}" y="${Number(y(step * top)) + 4}" text-anchor="end">${(step * top).toFixed(0)} MB</text>
<text x="${x(step * last)}" y="${height - lower + 18}" text-anchor="middle">${short(step * last)}</text>`,
  )
  .join('\n')}
<polyline fill="none" stroke="#1f6feb" stroke-width="2" points="${line}"/>
</svg>
`
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share))
}

/** A round number of MB above this one. */
function ceiling(mb: number): number {
  return Math.ceil((mb * 1.1) / 20) * 20
}

function short(count: number): string {
  return count >= 1e6 ? `${Number((count / 1e6).toFixed(2))} million` : Math.round(count).toLocaleString('en')
}

async function main(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('Run it by `npm run soak`: the heap is weighed after a collection.')
  // `--redis` may stand alone.
  const args = process.argv
    .slice(2)
    .flatMap((arg, at, all) => (arg === '--redis' && (all[at + 1] ?? '--').startsWith('--') ? ['--redis='] : [arg]))
  const { values } = parseArgs({
    args,
    options: {
      keys: { type: 'string', default: '1e7' },
      redis: { type: 'string' },
      tolerance: { type: 'string', default: '4' },
      svg: { type: 'string', default: 'docs/soak.svg' },
    },
  })
  const total = Number(values.keys)
  const tolerance = Number(values.tolerance)
  if (!Number.isInteger(total) || total < samples * 100 || !(tolerance > 0)) {
    throw new Error(`--keys must be a whole number of at least ${samples * 100}, --tolerance more than 0.`)
  }
  let server: RedisServer | undefined
  let url = values.redis
  if (url === '') {
    server = await startRedis({ args: ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'] })
    url = server.url
  }
  const manager = createCacheManager({
    local: { maxEntries },
    ...(url === undefined ? {} : { shared: redis({ url, commandTimeout: '5s' }) }),
  })
  try {
    await manager.ready()
    const began = performance.now()
    const all: Sample[] = []
    for (let index = 0; index < samples; index++) {
      const to = Math.round((total * (index + 1)) / samples)
      await work(manager, Math.round((total * index) / samples), to)
      all.push({ keys: to, heapMb: weigh() })
      if (process.stdout.isTTY) process.stdout.write(`\r${short(to)} keys, ${all.at(-1)!.heapMb.toFixed(1)} MB   `)
    }
    if (process.stdout.isTTY) process.stdout.write('\r\x1b[K')
    const seconds = (performance.now() - began) / 1_000
    const grown = growth(all)
    const { local } = manager.cache('products').stats()
    const tiers = url === undefined ? 'memory only' : 'memory and Redis'
    const perSecond = Math.round(total / seconds).toLocaleString('en')
    console.log(
      `${short(total)} distinct keys, ${tiers}, ${maxEntries.toLocaleString('en')} entries at the most: ${seconds.toFixed(0)} s, ${perSecond} keys a second`,
    )
    console.log(terminalChart(all))
    console.log(
      `entries at the end: ${local.size}; heap: ${all[0]!.heapMb.toFixed(1)} MB at first, ${all.at(-1)!.heapMb.toFixed(1)} MB at last`,
    )
    console.log(`growth over the second half: ${grown.toFixed(2)} MB (${tolerance} MB are tolerated)`)
    writeFileSync(
      values.svg,
      svgChart(
        all,
        `${tiers}; local tier of ${maxEntries.toLocaleString('en')} entries; getOrLoad, put, evict, evictTags; Node ${process.versions.node}`,
      ),
    )
    console.log(values.svg)
    if (grown > tolerance) {
      console.error('the heap grew')
      process.exitCode = 1
    }
  } finally {
    await manager.close()
    await server?.stop()
  }
}

void main()
