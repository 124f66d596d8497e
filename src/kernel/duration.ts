import { cacheError } from './errors'
import { show } from './options'

/**
 * A span of time: a number of milliseconds, or a whole or decimal number with a unit, such as `'250ms'`, `'30s'`,
 * `'5m'`, `'2h'` or `'1d'`. `Infinity` means without end where that makes sense.
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * The span in milliseconds.
 *
 * @param where names the option in the error, for instance `` `ttl` of cache 'products' ``
 * @throws CW_OPTION_INVALID for anything that is not a {@link Duration}, or negative
 */
export function milliseconds(duration: Duration, where: string): number {
  const ms = typeof duration === 'string' ? parse(duration) : duration
  if (typeof ms === 'number' && ms >= 0) return ms
  throw cacheError(
    'CW_OPTION_INVALID',
    `${where}: ${typeof duration === 'number' || duration === null ? String(duration) : show(duration)} is not a duration. Use milliseconds (0 or more), or a number with a unit: '250ms', '30s', '5m', '2h', '1d'.`,
  )
}

function parse(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  return match === null ? Number.NaN : Number(match[1]) * (unitMs[match[2]!] as number)
}
