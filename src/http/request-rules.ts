import type { IncomingMessage } from 'node:http'
import { parseCacheControl } from './cache-control'

/** Whether a method changes nothing (RFC 9110 §9.2.1). */
export function isSafe(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'
}

/**
 * Why a request has nothing to do with the cache: it is neither answered from it, nor is its answer kept. Undefined where
 * it has.
 *
 * @param allowsCredentials whether the partition tells apart who is asking
 */
export function passedBy(raw: IncomingMessage, target: string, allowsCredentials: boolean): string | undefined {
  const { method, headers } = raw
  if (method !== 'GET' && method !== 'HEAD') return 'method'
  // Forms that one parser reads otherwise than the next: `http://elsewhere/`, a fragment, what is no ASCII.
  if (!/^\/[!-~]*$/.test(target) || /[#\\]/.test(target)) return 'target'
  if (!allowsCredentials && carriesCredentials(raw)) return 'credentials'
  // A handler may read a body that no key can tell from another.
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0) return 'body'
  if (headers.range !== undefined || headers['if-range'] !== undefined) return 'range'
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined) return 'precondition'
  if (headers.upgrade !== undefined) return 'upgrade'
  if (parseCacheControl(headers['cache-control']).has('no-store')) return 'no-store'
  return undefined
}

function carriesCredentials({ headers, socket }: IncomingMessage): boolean {
  if (headers.authorization !== undefined || headers['proxy-authorization'] !== undefined) return true
  // A certificate that the server has asked for, and believes.
  return headers.cookie !== undefined || (socket as { authorized?: boolean }).authorized === true
}
