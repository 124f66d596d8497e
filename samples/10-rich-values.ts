import { Cacheable, createCacheManager, registeredType } from 'cachewright'
import { redis } from 'cachewright/redis'

class Money {
  readonly #cents: bigint

  constructor(cents: bigint) {
    this.#cents = cents
  }

  get cents(): bigint {
    return this.#cents
  }

  toString(): string {
    return `${this.#cents / 100n}.${String(this.#cents % 100n).padStart(2, '0')}`
  }
}

interface Account {
  readonly opened: Date
  readonly balance: Money
  readonly limits: Map<string, number>
  readonly flags: Set<string>
  readonly note: string | undefined
}

/** Dates, maps, sets, bigints and your own classes come back from Redis as they went in. */
class Accounts {
  @Cacheable({ cache: 'accounts' })
  async find(_id: number): Promise<Account> {
    const limits = new Map([['day', Number.POSITIVE_INFINITY]])
    const opened = new Date('2020-02-29T12:00:00Z')
    return { opened, balance: new Money(123456n), limits, flags: new Set(['vip']), note: undefined }
  }
}

export async function main(): Promise<void> {
  const money = registeredType(Money, { encode: (it) => it.cents, decode: (cents: bigint) => new Money(cents) })
  const open = () =>
    createCacheManager({ prefix: 'sample-10', shared: redis({ url: process.env.REDIS_URL }), types: [money] })
  const [writer, reader] = [open(), open()]
  await writer.clear()
  await writer.bind(new Accounts()).find(1)

  const found = await reader.bind(new Accounts()).find(1)
  console.log('read from Redis:', reader.cache('accounts').stats().shared?.hits === 1)
  console.log(found.opened instanceof Date, found.opened.toISOString())
  console.log(found.balance instanceof Money, `${found.balance}`)
  console.log(found.limits.get('day'), found.flags.has('vip'), 'note' in found, found.note)

  await writer.close()
  await reader.close()
}

if (require.main === module) void main()

/*
Expected output:

read from Redis: true
true 2020-02-29T12:00:00.000Z
true 1234.56
Infinity true true undefined
*/
