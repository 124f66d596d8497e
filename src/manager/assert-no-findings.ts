import { cacheError } from '../kernel/errors'
import { findingsText } from './audit-text'
import type { CachingAudit } from './caching-audit'
import type { AuditFinding, FindingKind } from './definition-audit'

/** A finding that is all right: every one of a kind, or that of one subject. */
export type AllowedFinding = FindingKind | { readonly kind: FindingKind; readonly subject: string }

/**
 * Throws if an audit has found something, with the findings as the message; for a test of the service, in any framework.
 *
 * @param allowed what is known and all right
 * @throws CW_DEFINITION_CONFLICT
 *
 * @example
 * ```ts
 * test('caching is in order', () => assertNoFindings(caching.audit(), ['low-hit-ratio']))
 * ```
 */
export function assertNoFindings(
  { findings }: Pick<CachingAudit, 'findings'>,
  allowed: readonly AllowedFinding[] = [],
): void {
  const isAllowed = ({ kind, subject }: AuditFinding): boolean =>
    allowed.some((its) => (typeof its === 'string' ? its === kind : its.kind === kind && its.subject === subject))
  const left = findings.filter((finding) => !isAllowed(finding))
  if (left.length > 0) throw cacheError('CW_DEFINITION_CONFLICT', `The audit of caching has ${findingsText(left)}`)
}
