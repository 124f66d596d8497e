import type { LocalStore } from './local-store'

/** `local: false`: keeps nothing. */
export const nullStore: LocalStore = {
  get: () => undefined,
  set: () => true,
  delete: () => false,
  clear: () => {},
  keys: () => [],
  size: 0,
  bytes: 0,
}
