import { cacheError } from '../kernel/errors'

/** @throws CW_OPTION_INVALID for anything but an array of texts that are not empty */
export function checkTags(tags: unknown, where: string): asserts tags is readonly string[] {
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string' && tag !== '')) return
  throw cacheError('CW_OPTION_INVALID', `${where}: tags must be an array of texts that are not empty.`)
}
