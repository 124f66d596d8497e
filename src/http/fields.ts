import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'

/** A field as one text, its lines joined as RFC 9110 §5.3 joins them; undefined where it is not there. */
export function fieldText(headers: IncomingHttpHeaders | OutgoingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  if (value === undefined) return undefined
  return Array.isArray(value) ? value.join(', ') : String(value)
}

/** The members of a field that is a list, in lower case. */
export function fieldList(text: string | undefined): readonly string[] {
  if (text === undefined) return []
  return text
    .split(',')
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '')
}

/** A time that a field names, in milliseconds; undefined where it is none. */
export function fieldTime(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text)
  // `Date.parse` takes '0' for the year 2000, which is what a server says that means "already over".
  return Number.isNaN(ms) || !/[a-z]/i.test(text!) ? undefined : ms
}
