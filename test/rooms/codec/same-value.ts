import { deepStrictEqual } from 'node:assert'
import { Money } from './samples'

// What deepStrictEqual does not look at: the state of URLs and of classes with private fields, and identity.
function outline(value: unknown): unknown[] {
  const numbers = new Map<object, number>()
  const lines: unknown[] = []
  const walk = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return
    const known = numbers.get(part)
    if (known !== undefined) {
      lines.push(known)
      return
    }
    numbers.set(part, numbers.size)
    lines.push(Object.getPrototypeOf(part))
    if (part instanceof Date) lines.push(part.getTime())
    if (part instanceof URL) lines.push(part.href)
    if (part instanceof Money) lines.push(part.cents)
    if (part instanceof RegExp) lines.push(part.lastIndex)
    if (part instanceof Error)
      for (const name of ['message', 'stack', 'cause', 'errors', 'name']) walk(Reflect.get(part, name))
    if (part instanceof Error) lines.push(part.message, part.stack, Object.keys(part), Object.hasOwn(part, 'message'))
    if (part instanceof Map) for (const [key, held] of part) [key, held].forEach(walk)
    if (part instanceof Set) for (const held of part) walk(held)
    if (!ArrayBuffer.isView(part)) for (const key of Object.keys(part)) walk((part as Record<string, unknown>)[key])
  }
  walk(value)
  return lines
}

/** Throws unless two values are equal in content, classes, private state and shape of sharing. */
export function expectSame(actual: unknown, expected: unknown): void {
  // Node 20 finds two invalid dates different; the outline compares them.
  if (!(expected instanceof Date)) deepStrictEqual(actual, expected)
  deepStrictEqual(outline(actual), outline(expected))
}
