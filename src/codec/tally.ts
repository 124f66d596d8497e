import { bigintBytes, numberBytes, stringBytes } from './size'

/** What a walk has learned so far of the value it walks. */
export class Tally {
  /** Whether JSON would bring the value back exactly. */
  plain = true
  /** Whether the value holds something that cannot be made read-only. */
  renewable = false
  /** Estimated heap bytes. */
  bytes = 0

  /** Accounts for a primitive; false if it is one that cannot be carried. */
  primitive(part: unknown): boolean {
    switch (typeof part) {
      case 'string':
        this.bytes += stringBytes(part)
        return true
      case 'number':
        this.bytes += numberBytes(part)
        if (!Number.isFinite(part) || Object.is(part, -0)) this.plain = false
        return true
      case 'undefined':
        this.plain = false
        return true
      case 'bigint':
        this.plain = false
        this.bytes += bigintBytes(part)
        return true
      case 'function':
      case 'symbol':
        return false
      default:
        return true
    }
  }
}
