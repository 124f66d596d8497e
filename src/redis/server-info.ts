const oldestMajor = 7

/** What tells one run of a server from every other. */
export function runIdOf(info: string): string | undefined {
  return /run_id:(\w+)/.exec(info)?.[1]
}

/** What makes a server of no use, by what it says of itself; undefined: nothing. */
export function unfitness(info: string): string | undefined {
  const [, version, major] = /redis_version:((\d+)\S*)/.exec(info) ?? []
  if (Number(major) < oldestMajor) return `of version ${version}; ${oldestMajor}.0 or later is needed`
  if (/[^_]loading:1/.test(info)) return 'still loading its data'
  if (/role:slave/.test(info))
    return 'a replica, which may be behind and takes no writes; give the address of the primary'
  return undefined
}
