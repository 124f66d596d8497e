import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { fieldText, fieldTime } from './fields'

/** The conditions of a request that a stored response can answer. */
export interface Conditions {
  readonly ifNoneMatch: string | undefined
  readonly ifModifiedSince: string | undefined
}

const names = ['if-none-match', 'if-modified-since'] as const

/** Reads the conditions of a request. */
export function conditionsOf(headers: IncomingHttpHeaders): Conditions {
  return { ifNoneMatch: headers['if-none-match'], ifModifiedSince: headers['if-modified-since'] }
}

/** Takes the conditions off a request whose answer is to be kept: its handler must not leave out the body. */
export function takeConditions(headers: IncomingHttpHeaders): void {
  for (const name of names) delete headers[name]
}

/** Whether the client has the response already (RFC 9111 §4.3.2, RFC 9110 §13.2.2). */
export function isNotModified(
  { ifNoneMatch, ifModifiedSince }: Conditions,
  status: number,
  headers: Readonly<Record<string, unknown>>,
): boolean {
  if (status !== 200) return false
  const its = headers as IncomingHttpHeaders
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, fieldText(its, 'etag'))
  const since = fieldTime(ifModifiedSince)
  const modified = fieldTime(fieldText(its, 'last-modified') ?? fieldText(its, 'date'))
  return since !== undefined && modified !== undefined && modified <= since
}

/** A strong validator of bytes: others never have the same one. */
export function strongTag(body: Uint8Array): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
}

const entityTag = /[\t ]*(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?:,|$)|[\t ]*,/y

/** By the weak comparison: a tag may be weak on either side (RFC 9110 §13.1.2). */
function matches(field: string, tag: string | undefined): boolean {
  if (field.trim() === '*') return true
  if (tag === undefined) return false
  const opaque = tag.replace(/^W\//, '')
  entityTag.lastIndex = 0
  while (entityTag.lastIndex < field.length) {
    const match = entityTag.exec(field)
    if (match === null) return false
    if (match[1] === opaque) return true
  }
  return false
}

// What a 304 says beside its status (RFC 9110 §15.4.5); the rest describes a body it has not got.
const ofBody = ['content-type', 'content-encoding', 'content-language', 'content-length', 'content-range'] as const

/** The fields that a 304 leaves out. */
export const fieldsOfBody: readonly string[] = ofBody
