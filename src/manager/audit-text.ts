import type { CachingAudit } from './caching-audit'
import type { AuditFinding } from './definition-audit'
import type { ExplainedEvict, ExplainedPut, ExplainedRead, MethodExplanation } from './explanation'
import { durationText, evictionText, keyText, tagsText, tiersText } from './explanation-text'

const headings = ['method', 'does', 'cache', 'key', 'ttl', 'tiers', 'tags', 'evicted by'] as const

/** A table of the methods, a line for each operation in each cache, and the findings below it. */
export function auditText({ methods, findings }: Pick<CachingAudit, 'methods' | 'findings'>): string {
  const lines = table([headings, ...methods.flatMap(rowsOf)])
  return `${lines.join('\n')}\n\n${findingsText(findings)}`
}

/** The findings, each with its kind. */
export function findingsText(findings: readonly AuditFinding[]): string {
  if (findings.length === 0) return 'no findings'
  const count = findings.length === 1 ? '1 finding' : `${findings.length} findings`
  return [count, ...findings.map(({ kind, severity, message }) => `  ${kind} (${severity}): ${message}`)].join('\n')
}

function rowsOf(explanation: MethodExplanation): string[][] {
  const rows = explanation.steps.flatMap((step) => {
    if (step.does === 'call' || step.does === 'queue') return []
    return step.does === 'evict' ? [evictRow(step)] : keepRows(step, explanation)
  })
  return rows.map((row, index) => [index === 0 ? explanation.method : '', ...row])
}

function keepRows(step: ExplainedRead | ExplainedPut, { evictedBy }: MethodExplanation): string[][] {
  return step.caches.map((life) => {
    const evictions = evictedBy.filter(({ cache }) => cache === life.cache).map(evictionText)
    const who = evictions.length === 0 ? 'nobody' : evictions.join(', ')
    return [step.does, life.cache, keyText(step.key), durationText(life.ttlMs), tiersText(life), tagsText(step), who]
  })
}

function evictRow(step: ExplainedEvict): string[] {
  const { caches, what, key, when, of } = step
  const where = caches === 'all' ? 'every cache' : caches.join(', ')
  const its = what.includes('everything') ? 'everything' : of !== undefined ? `of ${of.method}` : key && keyText(key)
  return [when === 'before' ? 'evict before' : 'evict', where, its ?? '', '', '', tagsText(step), '']
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}
