import { Memoize, memoize } from 'cachewright'

interface Line {
  readonly sku: string
  readonly cents: number
}

class Basket {
  readonly #lines: readonly Line[]

  constructor(lines: readonly Line[]) {
    this.#lines = lines
  }

  @Memoize()
  get total(): number {
    console.log(`  adding up ${this.#lines.length} lines`)
    return this.#lines.reduce((sum, { cents }) => sum + cents, 0)
  }

  @Memoize({ maxEntries: 100 })
  discounted(percent: number, { rounded = false } = {}): number {
    console.log(`  ${percent} % off ${this.total}`)
    const price = this.total * (1 - percent / 100)
    return rounded ? Math.round(price) : price
  }
}

/** Synchronous work, done once for equal arguments: no manager, no promise; results go when their instance goes. */
export async function main(): Promise<void> {
  const basket = new Basket([
    { sku: 'lamp', cents: 4999 },
    { sku: 'bulb', cents: 650 },
  ])
  console.log(basket.discounted(10), basket.discounted(10))
  console.log(basket.discounted(10, { rounded: true }), basket.discounted(10, { rounded: true }))

  const other = new Basket([{ sku: 'desk', cents: 100 }])
  console.log(other.discounted(10))

  const fib = memoize((n: number): bigint => (n < 2 ? BigInt(n) : fib(n - 1) + fib(n - 2)))
  console.log(String(fib(100)), fib.memo.info())
  fib.memo.evict(100)
  console.log(fib.memo.peek(100), fib.memo.peek(10))
}

if (require.main === module) void main()

/*
Expected output:

  adding up 2 lines
  10 % off 5649
5084.1 5084.1
  10 % off 5649
5084 5084
  adding up 1 lines
  10 % off 100
90
354224848179261915075 {
  hits: 98,
  misses: 101,
  ratio: 0.49246231155778897,
  size: 101,
  max: 1000
}
{ found: false } { found: true, value: 55n }
*/
