import { randomBytes } from 'node:crypto'

// Chance tells processes apart, counting tells what one process makes: much cheaper than chance each time.
const processId = randomBytes(9)
const processText = processId.toString('base64url')
let count = 0

/** A text no other process, and no other call, makes. */
export function uniqueText(): string {
  count++
  return `${processText}${count.toString(36)}`
}

/** Eight bytes that tell this process's from others', and this call's from the last 4,294,967,295. */
export function uniqueBytes(): Buffer {
  count = (count + 1) % Number.MAX_SAFE_INTEGER
  const bytes = Buffer.allocUnsafe(8)
  processId.copy(bytes, 0, 0, 4)
  bytes.writeUInt32BE(count % 2 ** 32, 4)
  return bytes
}
