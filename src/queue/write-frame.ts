import { cacheError } from '../kernel/errors'

/** A value as bytes, and in which of the codec's formats. */
interface Encoded {
  readonly format: number
  readonly payload: Buffer
}

type Upgrade = (value: unknown, version: string) => unknown

/** What {@link WriteFrames} work with. */
export interface WriteFramesParts {
  readonly cache: string
  /** The cache's word for the shape of its values; '' where it has none. */
  readonly version: string
  /** The most bytes of a value. */
  readonly maxBytes: number
  readonly encode: (value: unknown) => Encoded
  readonly decode: (format: number, payload: Buffer) => unknown
  /** Makes a value of this version of one of another, where the user says how. */
  readonly upgrade: () => Upgrade | undefined
}

// Format and length of the version, before the version and the payload.
const headBytes = 2

/**
 * Values as a queue keeps them: a write may be made by another process, after a deploy by one with another idea of the shape
 * of its values. So each carries the version of its cache.
 */
export class WriteFrames {
  constructor(private readonly parts: WriteFramesParts) {}

  /** @throws CW_VALUE_UNSUPPORTED, CW_VALUE_TOO_LARGE */
  encode(value: unknown): Buffer {
    const { cache, maxBytes } = this.parts
    const { format, payload } = this.parts.encode(value)
    if (payload.length > maxBytes) {
      throw cacheError(
        'CW_VALUE_TOO_LARGE',
        `@WriteBehind for cache '${cache}': a value takes ${payload.length} bytes, more than \`maxValueBytes\` (${maxBytes}). Write it in parts, or raise the limit.`,
      )
    }
    const version = Buffer.from(this.parts.version)
    return Buffer.concat([Buffer.from([format, version.length]), version, payload])
  }

  /**
   * @param upgrade that of the method that is to write the value, where it is known
   * @throws CW_ENTRY_UNREADABLE for what this process cannot read
   */
  decode(bytes: Buffer, upgrade = this.parts.upgrade()): unknown {
    const { cache, version, decode } = this.parts
    const [format = 0, length = 0] = bytes
    const its = bytes.toString('utf8', headBytes, headBytes + length)
    const upgraded = its === version ? undefined : upgrade
    if (its !== version && upgraded === undefined) {
      throw cacheError(
        'CW_ENTRY_UNREADABLE',
        `A queued value of cache '${cache}' has ${named(its)}, and this process ${named(version)}. Give @WriteBehind \`upgrade: (value, version) => …\`, or let a process of that version make the write.`,
      )
    }
    const value = decode(format, bytes.subarray(headBytes + length))
    return upgraded === undefined ? value : upgraded(value, its)
  }
}

function named(version: string): string {
  return version === '' ? 'no version' : `version ${version}`
}
