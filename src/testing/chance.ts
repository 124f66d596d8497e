import { checkOptions, optionRules, type Rule } from '../index'

/** How often something goes wrong. */
export interface ChanceOptions {
  /** The share of commands that it happens to, from 0 to 1. @default 0.5 */
  readonly share?: number
  /** Which ones: the same with the same seed, as long as the same commands come in the same order. @default 1 */
  readonly seed?: number
}

const seedRule: Rule = { text: 'a whole number', allows: Number.isSafeInteger }

/**
 * Decides, by chance that can be repeated, whether something happens.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 */
export function chance(where: string, options: ChanceOptions): () => boolean {
  checkOptions<ChanceOptions>(where, options, { share: optionRules.share, seed: seedRule })
  const { share = 0.5, seed = 1 } = options
  const random = generator(seed)
  return () => random() < share
}

/** Numbers in [0, 1): mulberry32, by Tommy Ettinger (public domain). */
function generator(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
