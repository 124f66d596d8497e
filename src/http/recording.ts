import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { wallTime } from '../index'
import { leaveOutBody } from './answer'
import { type Conditions, isNotModified, strongTag } from './conditions'
import { type FreshnessTerms, judge, type Verdict } from './freshness'
import { Recorder } from './recorder'
import { keptHeaders, type ResponseHead, type StoredResponse } from './stored-response'

/** What became of a response that was recorded. */
export type Recorded =
  | { readonly stored: StoredResponse; readonly head: ResponseHead; readonly ttlMs: number; readonly staleMs: number }
  /** It is not kept, and who waited for it has to ask for himself. */
  | { readonly stored: undefined; readonly isError: boolean }

/** What is recorded, and for whom it leaves. */
export interface Recording {
  readonly response: ServerResponse
  readonly before: OutgoingHttpHeaders
  readonly conditions: Conditions
  readonly tell: (status: string) => void
}

/** Thrown where a response broke off: those who wait for it begin anew. */
export class BrokenOff extends Error {}

/**
 * Records a response while it leaves. Known as soon as its fields are, where these forbid to keep it.
 *
 * @throws {@link BrokenOff}
 */
export function recordResponse(
  { response, before, conditions, tell }: Recording,
  terms: FreshnessTerms,
): Promise<Recorded> {
  return new Promise((resolve, reject) => {
    let head: ResponseHead
    let verdict: Verdict
    const refuse = (reason: string): void => {
      if (!response.headersSent) tell(`fwd=miss; detail=${reason}`)
      resolve({ stored: undefined, isError: head.status >= 500 })
    }
    new Recorder(response, {
      onHead(its) {
        const now = wallTime()
        head = its
        verdict = judge(head, terms, now)
        if (!verdict.keeps) {
          refuse(verdict.reason)
          return undefined
        }
        tell('fwd=miss; stored')
        return terms.maxBytes
      },
      onBody(body, isWhole) {
        const { ttlMs, staleMs, age } = verdict as Extract<Verdict, { keeps: true }>
        const headers = { ...keptHeaders(head, before, wallTime()) }
        if (head.status === 200 && head.headers.etag === undefined) headers.etag = strongTag(body)
        resolve({ stored: { status: head.status, headers, body, age }, head, ttlMs, staleMs })
        if (!isWhole) return true
        if (headers.etag !== undefined) response.setHeader('etag', headers.etag)
        if (!isNotModified(conditions, head.status, { ...head.headers, ...headers })) return true
        leaveOutBody(response)
        return false
      },
      onLoss(why) {
        if (why !== 'broken') return refuse(why)
        reject(new BrokenOff('The response was broken off before it was whole.'))
      },
    })
  })
}
