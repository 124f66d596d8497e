import { show } from './options'

/** What tells a newer value from an older one: a counter, a row version, or the time of its last change. */
export type Version = number | bigint | Date

// Whole parts of equal length, so that texts sort as numbers do; negative ones too.
const bias = 10n ** 38n
const wholeDigits = 39
const fractionDigits = 17

/**
 * A text of digits that sorts as versions do.
 *
 * @throws TypeError, saying what was given, for anything that is no version
 */
export function versionText(version: unknown): string {
  const number = version instanceof Date ? version.getTime() : version
  if (typeof number === 'bigint') return text(number, 0)
  if (typeof number === 'number' && Number.isFinite(number)) {
    const whole = Math.floor(number)
    const fraction = number - whole
    // So small a negative number that its fraction rounds up.
    return fraction === 1 ? text(BigInt(whole) + 1n, 0) : text(BigInt(whole), fraction)
  }
  throw new TypeError(`a version is a finite number, a bigint or a valid Date, got ${show(version)}`)
}

function text(whole: bigint, fraction: number): string {
  const biased = whole + bias
  if (biased < 0n || biased >= 2n * bias) throw new TypeError('a version lies between -10^38 and 10^38')
  return biased.toString().padStart(wholeDigits, '0') + fraction.toFixed(fractionDigits).slice(2)
}
