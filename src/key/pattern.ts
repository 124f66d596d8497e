/** A text as a pattern that matches nothing else. */
export function literalPattern(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}

/**
 * A pattern as Redis reads it in `SCAN … MATCH`, for keys in memory: `*` any characters, `?` one, `[a-c]` and `[^a]` one
 * of (not) these, a backslash takes the next character as it is.
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  const body = pattern.replace(
    /\\(.)|\[(\^?)((?:\\.|[^\]\\])*)\]|(.)/gsu,
    (_, escaped?: string, not?: string, set?: string, plain?: string) => {
      if (escaped !== undefined) return literal(escaped)
      if (set !== undefined) return set === '' ? (not === '^' ? '.' : '(?!)') : `[${not}${setOf(set)}]`
      if (plain === '*') return '.*'
      return plain === '?' ? '.' : literal(plain!)
    },
  )
  const regexp = new RegExp(`^${body}$`, 'su')
  return (text) => regexp.test(text)
}

function setOf(set: string): string {
  return set.replace(/(\\.|[^\\])(?:-(\\.|[^\\]))?/gsu, (_, first: string, last?: string) => {
    const [from, to] = [first, last ?? first].map((it) => (it.length > 1 && it[0] === '\\' ? it.slice(1) : it)).sort()
    return from === to ? literal(from!) : `${literal(from!)}-${literal(to!)}`
  })
}

function literal(character: string): string {
  return /[\p{L}\p{N}]/u.test(character) ? character : `\\u{${character.codePointAt(0)!.toString(16)}}`
}
