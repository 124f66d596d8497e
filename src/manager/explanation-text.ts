import type {
  EvictedWhat,
  ExplainedEvict,
  ExplainedEviction,
  ExplainedKey,
  ExplainedLife,
  ExplainedOperation,
  ExplainedQueue,
  ExplainedStep,
  ExplainedTarget,
  MethodExplanation,
} from './explanation'

/** The plan of a method, a line for each step. */
export function explanationText({ method, steps, evictedBy, elsewhere }: Omit<MethodExplanation, 'toString'>): string {
  const lines = steps.flatMap((step, index) => {
    const [first, ...rest] = linesOf(step)
    return [`  ${index + 1}. ${first}`, ...rest.map((line) => `     ${line}`)]
  })
  if (steps.some(({ does }) => does === 'read' || does === 'put')) {
    lines.push(`  evicted by: ${evictedBy.length === 0 ? 'nobody' : evictedBy.map(evictionText).join(', ')}`)
  }
  if (elsewhere.length > 0) lines.push(`  of another manager: ${elsewhere.join(', ')}`)
  return [method, ...lines].join('\n')
}

/** A span of time as users write it. */
export function durationText(ms: number | null): string {
  if (ms === null) return 'for ever'
  const unit = units.find(([, its]) => ms >= its && Number.isInteger(ms / its))
  return unit === undefined ? `${Math.round(ms)}ms` : `${ms / unit[1]}${unit[0]}`
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** What a key is made of, in a few words. */
export function keyText({ isOfElements, ...key }: ExplainedKey): string {
  return isOfElements ? `element, ${partsText(key)}` : partsText(key)
}

function partsText({ madeOf, picked, ignored }: Omit<ExplainedKey, 'isOfElements'>): string {
  if (madeOf !== 'parameters') return `\`${madeOf}\``
  if (picked !== undefined) {
    const each = picked.map(({ parameter, path }) => (path === undefined ? `${parameter}` : `${parameter} (${path})`))
    return `parameter ${each.join(', ')}`
  }
  return ignored.length === 0 ? 'all parameters' : `all parameters but ${ignored.join(', ')}`
}

/** Tags, in a few words; empty where there are none. */
export function tagsText({ tags }: Pick<ExplainedOperation, 'tags'>): string {
  return tags.isComputed ? 'by `tags`' : tags.fixed.join(', ')
}

/** Who evicts, and what. */
export function evictionText({ method, what }: ExplainedEviction): string {
  return `${method} (${what})`
}

/** The tiers a value is kept in. */
export function tiersText({ local, sharedKey }: ExplainedLife): string {
  const tiers = [...(local === undefined ? [] : ['local']), ...(sharedKey === undefined ? [] : ['shared'])]
  return tiers.length === 0 ? 'no tier' : tiers.join(', ')
}

function linesOf(step: ExplainedStep): string[] {
  if (step.does === 'call') return [step.isAlways ? 'call the method' : 'call the method, if no cache had the answer']
  if (step.does === 'queue') return [queueText(step)]
  if (step.does === 'evict') return [evictText(step)]
  const tags = tagsText(step)
  const asks = asksText(step)
  return [
    `${step.does} by ${keyText(step.key)}${tags === '' ? '' : `, tags ${tags}`}${asks}`,
    ...step.caches.flatMap(lifeLines),
  ]
}

function queueText({ isDurable, batch, maxDelayMs }: ExplainedQueue): string {
  const where = isDurable ? 'in the shared tier' : 'in this process'
  return `queue the write ${where}; the method is called within ${durationText(maxDelayMs)}, with ${batch} values at the most`
}

function evictText(step: ExplainedEvict): string {
  const { caches, what, when, isExpiry, afterError, key, of } = step
  const words: Readonly<Record<EvictedWhat, string>> = {
    key: of === undefined ? `the entry by ${key && keyText(key)}` : `what ${of.method} keeps for ${argumentsText(of)}`,
    tags: `tags ${tagsText(step)}`,
    everything: 'everything',
  }
  const where = caches === 'all' ? 'every cache' : caches.join(', ')
  const error = when === 'before' ? ', before all else' : afterError ? ', after errors too' : ''
  return `${isExpiry ? 'expire' : 'evict'} ${what.map((its) => words[its]).join(' and ')} from ${where}${error}${asksText(step)}`
}

function argumentsText({ madeBy }: ExplainedTarget): string {
  return madeBy === 'parameters' ? 'the same arguments' : `\`${madeBy}\``
}

function asksText({ asks, functions }: Pick<ExplainedOperation, 'asks' | 'functions'>): string {
  const words = [...asks.map((name) => `, if \`${name}\` allows it`), ...functions.map((name) => `, with \`${name}\``)]
  return words.join('')
}

function lifeLines(life: ExplainedLife): string[] {
  const { cache, sharedKey, local, ttlMs, ttlJitter, isPartitioned, isHierarchical, policies } = life
  const details = [
    `ttl ${durationText(ttlMs)}`,
    ...(ttlJitter === 0 ? [] : [`less ${ttlJitter * 100} % at most`]),
    ...(local?.ttlMs == null ? [] : [`local ${durationText(local.ttlMs)}`]),
    ...(isPartitioned ? ['a partition for each tenant'] : []),
    ...(isHierarchical ? ['evictable by prefix'] : []),
  ]
  const said = Object.entries(policies).flatMap(([name, value]) => {
    if (value === null) return []
    const its = name.endsWith('Ms') ? durationText(value as number) : String(value)
    return [`${name.replace(/Ms$/, '')} ${its}`]
  })
  const lines = [`${cache}: ${tiersText(life)}; ${details.join(', ')}`]
  if (said.length > 0) lines.push(`  ${said.join(', ')}`)
  if (sharedKey !== undefined) lines.push(`  ${sharedKey}`)
  return lines
}
