import { type Binary, binaryName, bytesOf, makeBinary } from './binary'
import { makeReadOnly } from './read-only'
import { binaryBytes, dateBytes, regExpBytes, urlBytes } from './size'
import type { Tally } from './tally'
import type { WalkPlan } from './walk-plan'

/** The kinds of objects that hold no other values. */
export type LeafKind = 'date' | 'regexp' | 'url' | 'binary'

/** Copies, freezes and accounts for an object that holds no other values. */
export function walkLeaf(value: object, kind: LeafKind, plan: WalkPlan, tally: Tally): object {
  switch (kind) {
    case 'date': {
      tally.bytes += dateBytes
      const date = plan.copies ? new Date((value as Date).getTime()) : (value as Date)
      if (plan.freezes) makeReadOnly(date, 'date')
      return date
    }
    case 'regexp':
      return walkRegExp(value as RegExp, plan, tally)
    case 'url': {
      const { href } = value as URL
      tally.bytes += urlBytes(href)
      tally.renewable = true
      return plan.copies ? new URL(href) : value
    }
    case 'binary':
      tally.bytes += binaryBytes(value as Binary)
      tally.renewable = true
      return plan.copies ? makeBinary(binaryName(value as Binary), bytesOf(value as Binary))! : value
  }
}

function walkRegExp(value: RegExp, plan: WalkPlan, tally: Tally): RegExp {
  tally.bytes += regExpBytes(value)
  const result = plan.copies ? new RegExp(value.source, value.flags) : value
  if (plan.copies) result.lastIndex = value.lastIndex
  // Matching with these writes `lastIndex`: frozen, the expression could not be used any more.
  if (value.global || value.sticky || value.lastIndex !== 0) tally.renewable = true
  else if (plan.freezes) makeReadOnly(result, 'regexp')
  return result
}
