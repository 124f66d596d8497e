import { Command, type NatMap } from 'ioredis'

/** Where a node is. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Where a node says a slot is: for good, or for this command while the slot is on its way. */
export interface Redirection {
  readonly kind: 'MOVED' | 'ASK'
  readonly slot: number
  readonly to: Address
}

export function nameOf({ host, port }: Address): string {
  return `${host}:${port}`
}

/** The slot of a key, with whatever the client puts in front of it. */
export function slotOf(key: string): number {
  return new Command('get', [key]).getSlot()
}

/**
 * Reads the answer of `CLUSTER SLOTS`: for each slot the name of its primary.
 *
 * @param asked who answered; a node that does not know its own host leaves it out
 */
export function readSlots(answer: unknown, asked: Address, nat: (address: Address) => Address): Map<number, Address> {
  const owners = new Map<number, Address>()
  for (const [from, to, [host, port]] of answer as [number, number, [string | null, number]][]) {
    const primary = nat({ host: host || asked.host, port })
    for (let slot = from; slot <= to; slot++) owners.set(slot, primary)
  }
  return owners
}

/** The redirection in an error reply, if it is one. */
export function readRedirection(
  message: string,
  answered: Address,
  nat: (address: Address) => Address,
): Redirection | undefined {
  const found = /^(MOVED|ASK) (\d+) (.*):(\d+)/.exec(message)
  if (found === null) return undefined
  const [, kind, slot, host, port] = found
  const to = nat({ host: host || answered.host, port: Number(port) })
  return { kind: kind as Redirection['kind'], slot: Number(slot), to }
}

/** Translates addresses of nodes as they know each other to those by which this process reaches them. */
export function translator(map: NatMap | undefined): (address: Address) => Address {
  return (address) => {
    const found = typeof map === 'function' ? map(nameOf(address)) : map?.[nameOf(address)]
    return found ? { host: found.host, port: Number(found.port) } : address
  }
}
