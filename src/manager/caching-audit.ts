import type { Cache } from '../cache/cache'
import { type Rules, rules } from '../kernel/options'
import { withText } from '../kernel/with-text'
import { longestSpelledKey } from '../key/keyspace'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { auditText } from './audit-text'
import { type AuditFinding, type Auditor, auditDefinitions, pickWhatCounts, type Use } from './definition-audit'
import { cachesOf, type Explainer, evictionsOf, explainMethod, type MethodExplanation } from './explanation'

/** Options of {@link CacheManager.audit}. */
export interface AuditOptions {
  /** How often a cache must have been read before its hit ratio is judged. @default 1_000 */
  readonly minReads?: number
  /** The hit ratio below which a cache is hardly worth it, from 0 to 1. @default 0.1 */
  readonly minHitRatio?: number
}

/** Every method that uses a manager, and what should be looked at. Data; `toString()` and `console.log` show a table. */
export interface CachingAudit {
  readonly methods: readonly MethodExplanation[]
  readonly findings: readonly AuditFinding[]
  toString(): string
}

/** Rules of {@link AuditOptions}. */
export const auditRules: Rules<AuditOptions> = { minReads: rules.count, minHitRatio: rules.share }

// Enough to tell what keys are like, and few enough to be looked at in no time.
const sampledKeys = 100
const fewestKeys = 10

/** What an audit looks at. */
export interface Audited {
  readonly auditor: Auditor
  readonly explainer: Explainer
  /** The caches that were used so far. */
  readonly caches: readonly Cache[]
}

/** Looks over every method that uses a manager, and over what its caches have counted. */
export function auditCaching({ auditor, explainer, caches }: Audited, options: AuditOptions): CachingAudit {
  const { uses } = explainer
  const byMethod = new Map<DecoratedMethod, Use[]>()
  for (const use of uses) byMethod.set(use.method, [...(byMethod.get(use.method) ?? []), use])
  const definitions = auditDefinitions(uses, auditor)
  // What contradicts itself, or names no read, has no plan.
  const broken = new Set(
    definitions
      .filter(({ kind, severity }) => severity === 'error' && kind !== 'same-key')
      .map(({ subject }) => subject),
  )
  const methods = [...byMethod]
    .filter(([method]) => !broken.has(method.where))
    .map(([method, its]) => explainMethod(method, method.declaringClass, its, explainer))
    .toSorted((one, other) => (one.method < other.method ? -1 : 1))
  const findings = [...definitions, ...neverEvicted(explainer), ...caches.flatMap((cache) => ofCache(cache, options))]
  const data = {
    methods: Object.freeze(methods),
    findings: Object.freeze(findings.map((finding) => Object.freeze(finding))),
  }
  return withText(data, () => auditText(data), { isLogged: true })
}

/** Reads whose entries live for ever and which nobody removes. */
function neverEvicted(explainer: Explainer): AuditFinding[] {
  return explainer.uses.flatMap((use) => {
    const { method, operation, classTtlMs } = use
    if (operation.kind !== 'read') return []
    const owner = method.declaringClass
    const evicted = new Set(evictionsOf(use, owner, explainer.uses).map(({ cache }) => cache))
    return cachesOf(use, owner)
      .filter((cache) => (operation.ttlMs ?? classTtlMs ?? explainer.cacheOf(cache).ttlMs) === Number.POSITIVE_INFINITY)
      .filter((cache) => !evicted.has(cache))
      .map((cache) => ({
        kind: 'never-evicted',
        severity: 'warning',
        subject: method.where,
        message: `${method.where} keeps values in cache '${cache}' for ever, and no decorated method evicts or puts them. Give it a \`ttl\`, or evict where the source changes; allow this where code does that by \`cache.evict\`.`,
      }))
  })
}

/** What a cache has counted. */
function ofCache(cache: Cache, { minReads = 1_000, minHitRatio = 0.1 }: AuditOptions): AuditFinding[] {
  const { tiers } = cache.parts
  const { hits, misses, hitRatio, refused, timeSavedMs } = tiers.stats()
  const found: AuditFinding[] = []
  const warn = (kind: AuditFinding['kind'], message: string): void =>
    void found.push({ kind, severity: 'warning', subject: cache.name, message: `Cache '${cache.name}' ${message}` })
  const sample = tiers.sampleKeys(sampledKeys)
  const long = sample.filter((key) => key.length > longestSpelledKey)
  if (sample.length >= fewestKeys && long.length * 2 > sample.length) {
    warn(
      'unbounded-key',
      `has keys over ${longestSpelledKey} characters, ${long.length} of ${sample.length} looked at: whole objects seem to be part of them, so that the same question hardly comes again. ${pickWhatCounts}`,
    )
  }
  if (tiers.tooLarge > 0) {
    warn(
      'over-quota',
      `did not keep ${tiers.tooLarge} values, since they are over \`maxValueBytes\` or \`local.maxBytes\`; each read of them calls the method. Return less, or raise the limit.`,
    )
  }
  const uncarried = refused - tiers.tooLarge
  if (uncarried > 0) {
    warn(
      'not-kept',
      `did not keep ${uncarried} values that cannot be carried; each read of them calls the method. The event 'refused' says which and why: return plain data, or list the class in the manager's \`types\`.`,
    )
  }
  if (hits + misses >= minReads && hitRatio < minHitRatio) {
    warn(
      'low-hit-ratio',
      `answered ${(hitRatio * 100).toFixed(1)} % of ${hits + misses} reads, and saved ${Math.round(timeSavedMs)} ms in all: the same keys hardly come again while their values live. Raise \`ttl\` or \`local.maxEntries\`, take less into the key, evict less at once, or do not cache this.`,
    )
  }
  return found
}
