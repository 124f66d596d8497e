import type { ServerResponse } from 'node:http'
import { type Conditions, fieldsOfBody, isNotModified } from './conditions'
import type { StoredResponse } from './stored-response'

/** Answers a request with a response that was kept. */
export function answerWith(
  response: ServerResponse,
  stored: StoredResponse,
  { isHead, ageMs, conditions }: { readonly isHead: boolean; readonly ageMs: number; readonly conditions: Conditions },
): void {
  const { status, headers, body } = stored
  const isKnown = isNotModified(conditions, status, headers)
  response.statusCode = isKnown ? 304 : status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.setHeader('age', String(stored.age + Math.floor(ageMs / 1_000)))
  if (isKnown) leaveOutBody(response)
  else if (status !== 204) response.setHeader('content-length', String(body.length))
  response.end(isKnown || isHead || status === 204 ? undefined : body)
}

/** Makes a 304 of a response that has not left yet. */
export function leaveOutBody(response: ServerResponse): void {
  response.statusCode = 304
  for (const name of fieldsOfBody) response.removeHeader(name)
}
