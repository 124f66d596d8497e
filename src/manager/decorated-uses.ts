import type { Cache } from '../cache/cache'
import { cacheError } from '../kernel/errors'
import { show } from '../kernel/options'
import { classOf, ownerOf } from '../metadata/cache-name'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { decoratedMethods, methodIn } from '../metadata/operation-source'
import type { BoundClasses } from './bound-classes'
import { type AuditOptions, auditCaching, type CachingAudit } from './caching-audit'
import { isConfigured, managerBoundTo } from './configured'
import type { ManagerDefinition } from './definition'
import { type Auditor, auditDefinitions, type Finding, type Use, usesOf } from './definition-audit'
import { type Explainer, explainMethod, type MethodExplanation } from './explanation'

/** What {@link DecoratedUses} work with. */
export interface DecoratedUsesParts {
  readonly manager: Auditor['manager']
  readonly definition: ManagerDefinition
  readonly boundClasses: BoundClasses
}

/** What the decorated methods of the process want of one manager: looked over, explained and audited. */
export class DecoratedUses {
  constructor(private readonly parts: DecoratedUsesParts) {}

  /** What should be looked at. @throws CW_DEFINITION_CONFLICT if methods contradict each other */
  findings(): readonly Finding[] {
    const findings = auditDefinitions(this.#uses(), this.#auditor).map(({ kind: _, ...finding }): Finding => finding)
    const errors = findings.filter(({ severity }) => severity === 'error')
    if (errors.length === 0) return findings
    throw cacheError('CW_DEFINITION_CONFLICT', errors.map(({ message }) => message).join('\n'))
  }

  /** @throws CW_OPTION_INVALID if that is no decorated method; CW_OPTIONS_CONTRADICT */
  explain(owner: object, name: PropertyKey): MethodExplanation {
    const runtime = classOf(owner)
    const method = runtime && (methodIn(runtime, name, false) ?? methodIn(runtime, name, true))
    if (runtime === undefined || method === undefined) {
      throw cacheError(
        'CW_OPTION_INVALID',
        `explain(): ${runtime?.name ?? show(owner)} has no decorated method '${String(name)}'. Give the class, or an object of it, and the name of a method with @Cacheable, @CachePut or @CacheEvict.`,
      )
    }
    // A standard decorator does not know its class; whoever asks tells, for all its methods.
    for (const its of decoratedMethods()) {
      const declaring = its.declaringClass ?? ownerOf(its, runtime)
      if (declaring !== undefined) its.seenIn(declaring)
    }
    const bound = managerBoundTo(owner, method) ?? boundByClass(method)
    // Where nothing else is said, the question is what happens with this manager.
    const asked = { manager: this.parts.manager, isConfigured: true }
    return explainMethod(method, runtime, usesOf(method, asked, bound, runtime), this.#explainer)
  }

  audit(caches: readonly Cache[], options: AuditOptions): CachingAudit {
    return auditCaching({ auditor: this.#auditor, explainer: this.#explainer, caches }, options)
  }

  #uses(): readonly Use[] {
    return decoratedMethods().flatMap((method) => usesOf(method, this.#auditor, this.#boundTo(method)))
  }

  /** The manager that objects of a method's class are bound to, as far as that can be said of them all. */
  #boundTo(method: DecoratedMethod): object | undefined {
    const { boundClasses, manager } = this.parts
    return boundByClass(method) ?? (boundClasses.has(method) ? manager : undefined)
  }

  get #explainer(): Explainer {
    const { prefix, shared, cache } = this.parts.definition
    return { prefix, shared, cacheOf: cache, uses: this.#uses() }
  }

  get #auditor(): Auditor {
    const { manager, definition } = this.parts
    return { manager, isConfigured: isConfigured(manager), types: definition.types, cacheOf: definition.cache }
  }
}

/** The manager that all objects of a method's class are bound to. */
function boundByClass(method: DecoratedMethod): object | undefined {
  const { declaringClass, place } = method
  return managerBoundTo(place.isStatic ? declaringClass : declaringClass?.prototype, method)
}
