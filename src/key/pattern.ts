/** A text as a pattern that matches nothing else. */
export function literalPattern(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}

/**
 * A pattern as Redis reads it in `SCAN … MATCH`, for keys in memory: `*` any characters, `?` one, `[a-c]` and `[^a]` one
 * of (not) these, a backslash takes the next character as it is.
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  // One test for one character each; undefined stands for `*`. By hand, since backtracking takes for ever on `*a*a*a*b`.
  const tests: (((character: string) => boolean) | undefined)[] = []
  for (const [, escaped, not, set, plain] of pattern.matchAll(/\\(.)|\[(\^?)((?:\\.|[^\]\\])*)\]|(.)/gsu)) {
    if (set !== undefined) {
      const one = set === '' ? undefined : new RegExp(`^[${setOf(set)}]$`, 'su')
      tests.push((character) => (one?.test(character) ?? false) !== (not === '^'))
    } else if (plain === '*') tests.push(undefined)
    else if (plain === '?') tests.push(() => true)
    else tests.push((character) => character === (escaped ?? plain))
  }
  return (text) => {
    const characters = Array.from(text)
    let [at, its, star, from] = [0, 0, -1, 0]
    while (at < characters.length) {
      const test = tests[its]
      if (its < tests.length && test === undefined) [star, from] = [its++, at]
      else if (test?.(characters[at]!)) [at, its] = [at + 1, its + 1]
      else if (star !== -1) [at, its] = [++from, star + 1]
      else return false
    }
    while (its < tests.length && tests[its] === undefined) its++
    return its === tests.length
  }
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
