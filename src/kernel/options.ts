import { cacheError } from './errors'

/** What an option may be: a test and the sentence that says it. */
export interface Rule {
  readonly allows: (value: unknown) => boolean
  readonly text: string
}

/** The options a place takes, each with its rule. */
export type Rules<Options> = { readonly [Name in keyof Required<Options>]: Rule }

const rule = (text: string, allows: (value: unknown) => boolean): Rule => ({ text, allows })

/** Rules that several places share. */
export const rules = {
  anything: rule('anything', () => true),
  text: rule('a text that is not empty', (value) => typeof value === 'string' && value !== ''),
  flag: rule('true or false', (value) => typeof value === 'boolean'),
  count: rule('a whole number above 0', (value) => Number.isSafeInteger(value) && (value as number) > 0),
  shareWithin: {
    text: 'a number above 0 and below 1',
    allows: (value: unknown) => typeof value === 'number' && value > 0 && value < 1,
  },
  share: rule('a number from 0 to 1', (value) => typeof value === 'number' && value >= 0 && value <= 1),
  callable: rule('a function', (value) => typeof value === 'function'),
  list: rule('an array', Array.isArray),
  object: rule('an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  oneOf: (...allowed: readonly unknown[]): Rule => rule(oneOfText(allowed), (value) => allowed.includes(value)),
  either: (one: Rule, other: Rule): Rule =>
    rule(`${one.text} or ${other.text}`, (value) => one.allows(value) || other.allows(value)),
} as const

function oneOfText(allowed: readonly unknown[]): string {
  const shown = allowed.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
  return shown.length === 1 ? shown[0]! : `one of ${shown.join(', ')}`
}

/**
 * Holds an options object against its rules.
 *
 * @param where opens each message, for instance `configureCaching()` or `@Cacheable of ProductService.find`
 * @throws CW_OPTION_UNKNOWN or CW_OPTION_INVALID, naming option, value and rule
 */
export function checkOptions<Options extends object>(
  where: string,
  options: Options,
  known: Rules<Options> | Readonly<Record<string, Rule>>,
): void {
  if (!rules.object.allows(options)) {
    throw cacheError('CW_OPTION_INVALID', `${where}: the options must be an object, got ${show(options)}.`)
  }
  for (const [name, value] of Object.entries(options)) {
    const its = Object.hasOwn(known, name) ? (known as Readonly<Record<string, Rule>>)[name] : undefined
    if (its === undefined) {
      const near = nearest(name, Object.keys(known))
      const hint = near === undefined ? `Known options: ${Object.keys(known).join(', ')}.` : `Did you mean \`${near}\`?`
      throw cacheError('CW_OPTION_UNKNOWN', `${where}: there is no option \`${name}\`. ${hint}`)
    }
    if (value !== undefined && !its.allows(value)) {
      throw cacheError('CW_OPTION_INVALID', `${where}: option \`${name}\` must be ${its.text}, got ${show(value)}.`)
    }
  }
}

/** A value as an error message shows it: short, and never calling the user's code. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}'`
  if (typeof value === 'function') return 'a function'
  if (value === null) return 'null'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  return `${String(value)} (${typeof value})`
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase()
  return known.find((candidate) => {
    const other = candidate.toLowerCase()
    return other === lower || other.startsWith(lower) || lower.startsWith(other) || distance(lower, other) <= 2
  })
}

/** Levenshtein's edit distance, for names of a dozen letters. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
