import type { OutgoingHttpHeaders } from 'node:http'
import { fieldList, fieldText } from './fields'

/** A response as it is kept: plain data, so that any tier carries it. */
export interface StoredResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: Uint8Array
  /** How old it was, in seconds, when it came here: its own `Age`. */
  readonly age: number
}

/** The status and the header fields of a response before its body. */
export interface ResponseHead {
  readonly status: number
  /** Names in lower case. */
  readonly headers: OutgoingHttpHeaders
}

// What is said to the next hop alone, or is made anew for every message (RFC 9110 §7.6.1, RFC 9111 §3.1).
const ofOneMessage: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'age',
  'cache-status',
])

/**
 * The fields of a response that may be kept: not those of one message, and not those that others had set for this
 * request before its handler ran; they set them for the next one too, in its own name.
 */
export function keptHeaders(head: ResponseHead, before: OutgoingHttpHeaders, now: number): StoredResponse['headers'] {
  const named = new Set(fieldList(fieldText(head.headers, 'connection')))
  const kept: Record<string, string | readonly string[]> = {}
  for (const [given, value] of Object.entries(head.headers)) {
    const name = given.toLowerCase()
    if (value === undefined || ofOneMessage.has(name) || named.has(name) || isSame(value, before[name])) continue
    kept[name] = Array.isArray(value) ? value.map(String) : String(value)
  }
  kept.date ??= new Date(now).toUTCString()
  return kept
}

function isSame(one: OutgoingHttpHeaders[string], other: OutgoingHttpHeaders[string]): boolean {
  return other !== undefined && String(one) === String(other)
}
