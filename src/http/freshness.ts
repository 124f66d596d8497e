import { type Directives, deltaSeconds, parseCacheControl, secondsOf } from './cache-control'
import { fieldList, fieldText, fieldTime } from './fields'
import type { ResponseHead } from './stored-response'

/** How long a response may be served; or why it is not kept. */
export type Verdict =
  | { readonly keeps: true; readonly ttlMs: number; readonly staleMs: number; readonly age: number }
  | { readonly keeps: false; readonly reason: string }

/** What the judgement of responses goes by. */
export interface FreshnessTerms {
  /** The life of a response that does not say one; undefined: it is not kept. */
  readonly ttlMs: number | undefined
  /** The window of a response that does not say one. */
  readonly staleWhileRevalidateMs: number
  /** Names of the request fields in the key, in lower case. */
  readonly vary: readonly string[]
  /** Whether each has a cache of their own, which is then a private one. */
  readonly isPrivate: boolean
  readonly maxBytes: number
}

// Those whose meaning for caches is known here; all others, 206, 304 and 5xx above all, are not kept (RFC 9111 §3).
const understood: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 302, 307, 308, 404, 405, 410, 414])
// Of those, the ones that may be given a life they do not say (RFC 9110 §15.1), and are no refusals.
const givenLife: ReadonlySet<number> = new Set([200, 203, 204, 301, 308])

/** What is in every key, whatever `vary` says. */
export const alwaysInKey: readonly string[] = ['host', 'x-forwarded-host', 'x-forwarded-proto']

/**
 * Judges by status and header fields whether a response may be kept, and for how long (RFC 9111 §3, §4.2).
 *
 * @param now the wall clock, in milliseconds
 */
export function judge({ status, headers }: ResponseHead, terms: FreshnessTerms, now: number): Verdict {
  const control = parseCacheControl(fieldText(headers, 'cache-control'))
  const reason = objection(status, headers, control, terms)
  if (reason !== undefined) return { keeps: false, reason }
  const said = lifeSaid(headers, control, now)
  const given = givenLife.has(status) ? terms.ttlMs : undefined
  const lifeMs = said ?? given
  if (lifeMs === undefined) return { keeps: false, reason: 'no-lifetime' }
  const age = deltaSeconds(fieldText(headers, 'age') ?? '0')
  const ttlMs = lifeMs - age * 1_000
  if (ttlMs <= 0) return { keeps: false, reason: 'expired' }
  return { keeps: true, ttlMs, staleMs: staleWindow(control, terms), age }
}

function objection(
  status: number,
  headers: ResponseHead['headers'],
  control: Directives,
  { vary, isPrivate, maxBytes }: FreshnessTerms,
): string | undefined {
  if (!understood.has(status)) return 'status'
  if (headers['set-cookie'] !== undefined || headers['set-cookie2'] !== undefined) return 'set-cookie'
  // Also in their form with names of fields: what may not be kept of it is then all of it (RFC 9111 §5.2.2.4, §5.2.2.7).
  if (control.has('no-store')) return 'no-store'
  if (control.has('no-cache')) return 'no-cache'
  if (control.has('private') && !isPrivate) return 'private'
  const keyed = (name: string): boolean => alwaysInKey.includes(name) || vary.includes(name)
  if (!fieldList(fieldText(headers, 'vary')).every(keyed)) return 'vary'
  const encoding = fieldList(fieldText(headers, 'content-encoding')).filter((name) => name !== 'identity')
  if (encoding.length > 0 && !keyed('accept-encoding')) return 'content-encoding'
  if (Number(headers['content-length']) > maxBytes) return 'size'
  return undefined
}

/** Milliseconds of life that the response itself says (RFC 9111 §4.2.1). */
function lifeSaid(headers: ResponseHead['headers'], control: Directives, now: number): number | undefined {
  const seconds = secondsOf(control, 's-maxage') ?? secondsOf(control, 'max-age')
  if (seconds !== undefined) return seconds * 1_000
  const expires = fieldText(headers, 'expires')
  if (expires === undefined) return undefined
  return (fieldTime(expires) ?? 0) - (fieldTime(fieldText(headers, 'date')) ?? now)
}

/** Milliseconds past its life in which it may be served (RFC 5861 §3), unless it forbids that (RFC 9111 §4.2.4). */
function staleWindow(control: Directives, { staleWhileRevalidateMs }: FreshnessTerms): number {
  if (control.has('must-revalidate') || control.has('proxy-revalidate')) return 0
  const said = secondsOf(control, 'stale-while-revalidate')
  if (said !== undefined) return said * 1_000
  // It says what `proxy-revalidate` says (RFC 9111 §5.2.2.10), unless the response says otherwise itself.
  return control.has('s-maxage') ? 0 : staleWhileRevalidateMs
}
