import type { IncomingHttpHeaders } from 'node:http'
import type { KeyValue } from '../index'
import type { Exchange } from './exchange'
import { fieldText } from './fields'

/** What a key is made by. */
export interface KeyTerms {
  /** Names of the query parameters that matter, in order; undefined: all do. */
  readonly query: readonly string[] | undefined
  /** Names of the request fields that matter, in lower case, in order. */
  readonly vary: readonly string[]
}

/** The request as a key: two requests have the same one only if no handler could have told them apart by what is in it. */
export function keyOf(
  { raw, uri, target, route }: Pick<Exchange<never>, 'raw' | 'uri' | 'target' | 'route'>,
  terms: KeyTerms,
  partition: readonly KeyValue[],
): readonly KeyValue[] {
  const { headers, socket } = raw
  const [path, query] = splitTarget(target)
  const [sentPath, sentQuery] = splitTarget(uri)
  // A handler may look at either; a query that matters in part must not come back whole.
  const sent = sentQuery === query ? [sentPath] : [sentPath, sentQuery]
  // By these alone another site may be meant, and what frameworks make of them may stand in the response.
  const site = [
    hostOf(headers),
    fieldText(headers, 'x-forwarded-host') ?? null,
    fieldText(headers, 'x-forwarded-proto') ?? null,
    (socket as { encrypted?: boolean }).encrypted === true,
  ]
  const { query: chosen, vary } = terms
  const said = vary.map((name) => fieldValue(headers, name))
  const asked = [path, chosenQuery(query, chosen), sent, route]
  return ['GET', site, asked, [chosen === undefined ? null : [...chosen], [...vary]], said, [...partition]]
}

/** The tag of everything that is kept of a path, whatever its query. */
export function pathTag({ raw, uri }: Pick<Exchange<never>, 'raw' | 'uri'>): string {
  return `path:${hostOf(raw.headers) ?? ''}${splitTarget(uri)[0]}`
}

function hostOf(headers: IncomingHttpHeaders): string | null {
  return (fieldText(headers, ':authority') ?? headers.host)?.toLowerCase() ?? null
}

function splitTarget(target: string): readonly [path: string, query: string | null] {
  const at = target.indexOf('?')
  return at < 0 ? [target, null] : [target.slice(0, at), target.slice(at + 1)]
}

// Parsers leave off after a thousand parameters or so: what stands behind would be in the key and not in the answer.
const mostParameters = 100

/**
 * The query as far as it matters. A parameter is left out only where every parser would take it for another one than
 * those that matter; where one has an unusual name, the query is taken as it is.
 */
function chosenQuery(query: string | null, chosen: readonly string[] | undefined): KeyValue {
  if (query === null || chosen === undefined) return query
  const pairs = query.split('&').filter((pair) => pair !== '')
  if (pairs.length > mostParameters || !pairs.every(isPlain)) return query
  const wanted = chosen.map((name) => name.toLowerCase())
  const named = pairs.map((pair) => ({ pair, at: wanted.indexOf(nameOf(pair).toLowerCase()) }))
  const left = named.filter(({ at }) => at >= 0).sort((one, other) => one.at - other.at)
  return left.length === 0 ? null : left.map(({ pair }) => pair)
}

// No `[`, `.`, `%`, `+` in the name, and no other separator of parameters behind it.
function isPlain(pair: string): boolean {
  return /^[\w-]+(?:=[^;]*)?$/.test(pair)
}

function nameOf(pair: string): string {
  return pair.split('=', 1)[0]!
}

function fieldValue(headers: IncomingHttpHeaders, name: string): string | null {
  const text = fieldText(headers, name)
  if (text === undefined) return null
  return name === 'accept-encoding' ? acceptedEncodings(text) : text.trim()
}

/** The same codings are the same, in whatever order and spelling they stand (RFC 9111 §4.1). */
function acceptedEncodings(text: string): string {
  const codings = text.split(',').map((coding) => coding.toLowerCase().replace(/[\t ]/g, ''))
  return [...new Set(codings.filter((coding) => coding !== ''))].sort().join()
}
