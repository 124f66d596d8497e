/** A mutable deep copy of a plain snapshot's value: a tree of plain objects and dense arrays, so nothing needs to be looked at twice. */
export function copyPlain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const copy: unknown[] = value.slice()
    for (let at = 0; at < copy.length; at++) {
      const part = copy[at]
      if (typeof part === 'object' && part !== null) copy[at] = copyPlain(part)
    }
    return copy
  }
  const copy = { ...value } as Record<string, unknown>
  for (const key of Object.keys(copy)) {
    const part = copy[key]
    if (typeof part === 'object' && part !== null) copy[key] = copyPlain(part)
  }
  return copy
}
