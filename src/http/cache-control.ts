/** The directives of a `Cache-Control` field: names in lower case, values without their quotes, `''` for none. */
export type Directives = ReadonlyMap<string, string>

/** What stands for a field that cannot be read: nothing may be kept of it. */
const unreadable: Directives = new Map([['no-store', '']])

// token [ "=" ( token / quoted-string ) ], and what separates two of them (RFC 9111 §5.2, RFC 9110 §5.6).
const directive =
  /[\t ]*([!#$%&'*+.^_`|~\w-]+)(?:=(?:([!#$%&'*+.^_`|~\w-]*)|"((?:[^"\\]|\\.)*)"))?[\t ]*(?:,|$)|[\t ]*,|[\t ]+$/y

/** Reads the directives of a field, its lines joined. What is said twice and differently holds in its stricter form. */
export function parseCacheControl(text = ''): Directives {
  const found = new Map<string, string>()
  directive.lastIndex = 0
  while (directive.lastIndex < text.length) {
    const match = directive.exec(text)
    if (match === null) return unreadable
    const [, name, token, quoted] = match
    if (name === undefined) continue
    const value = token ?? quoted?.replace(/\\(.)/g, '$1') ?? ''
    const lower = name.toLowerCase()
    const other = found.get(lower)
    found.set(lower, other === undefined ? value : stricter(other, value))
  }
  return found
}

/** The seconds that a directive says: undefined where it is not said, 0 where it is not a number (RFC 9111 §4.2.1). */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name)
  return value === undefined ? undefined : deltaSeconds(value)
}

/** A number of seconds as fields say it; what is no number is 0, and what is too large is 2^31 (RFC 9111 §1.2.2). */
export function deltaSeconds(text: string): number {
  return /^\d+$/.test(text) ? Math.min(Number(text), 2 ** 31) : 0
}

function stricter(one: string, other: string): string {
  return deltaSeconds(one) <= deltaSeconds(other) ? one : other
}
