import { describeThrown } from '../kernel/describe'
import { cacheError, isCacheError } from '../kernel/errors'
import { Warnings } from '../kernel/warn'
import { encodeArguments } from '../key/canonical'
import type { PartsEncoder } from '../key/key-encoder'
import { type KeyGenerator, keyFromFunction, keyFromParameters } from '../key/key-generator'
import type { ParameterMarks, UserFunction } from '../metadata/operation'

/** Whose keys they are. */
export interface MemoSubject {
  /** For messages: `Class.method`, or what is known of it. It may be known better later. */
  readonly where: string
  readonly marks: ParameterMarks
}

/**
 * Stands for a key within one memo. Where the key is one primitive, that is its own stand-in: `Map` tells primitives
 * apart just as the text of a key does (−0 is 0, NaN itself, 1 neither `'1'` nor `1n`), and no text need be made. The
 * others are stood for by a NUL and their text; a string that begins with a NUL takes its text too, so that no argument
 * passes for the key of others.
 */
export type MemoKey = string | number | bigint | boolean

const mark = '\0'
const noArguments = mark

/** The stand-in of a key of one primitive part, which is not undefined; undefined for anything else. */
function bareKey(part: unknown): MemoKey | undefined {
  switch (typeof part) {
    case 'string':
      return part.charCodeAt(0) === 0 ? undefined : part
    case 'number':
    case 'bigint':
    case 'boolean':
      return part
    default:
      return undefined
  }
}

const texts: PartsEncoder<string> = { encode: (parts) => encodeArguments(parts, undefined) }

const standIns: PartsEncoder<MemoKey> = {
  encode(parts) {
    let count = parts.length
    while (count > 0 && parts[count - 1] === undefined) count--
    if (count === 0) return noArguments
    return (count === 1 ? bareKey(parts[0]) : undefined) ?? mark + texts.encode(parts)
  },
}

/** Makes the keys of one function's calls. */
export class MemoKeys {
  readonly #subject: MemoSubject
  readonly #key: UserFunction | undefined
  /** Whether the key is made of all the arguments as they are. */
  readonly #isPlain: boolean
  #generate: KeyGenerator | undefined
  #warnings: Warnings | undefined

  constructor(subject: MemoSubject, key: UserFunction | undefined) {
    this.#subject = subject
    this.#key = key
    this.#isPlain = key === undefined && subject.marks.keys.length === 0 && subject.marks.ignored.length === 0
  }

  /**
   * The key of a call; undefined, said once as a warning, where the user's `key` function failed.
   *
   * @throws CW_KEY_UNSUPPORTED
   */
  ofCall(args: readonly unknown[]): MemoKey | undefined {
    if (this.#isPlain) {
      if (args.length === 0) return noArguments
      const bare = args.length === 1 ? bareKey(args[0]) : undefined
      if (bare !== undefined) return bare
    }
    if (this.#key === undefined) return this.of(args)
    try {
      return this.of(args)
    } catch (error) {
      if (!isCacheError(error) || error.code !== 'CW_FUNCTION_FAILED') throw error
      this.#warnings ??= new Warnings()
      this.#warnings.once('CW_FUNCTION_FAILED', '', `${error.message} The call went on without its memo.`)
      return undefined
    }
  }

  /** @throws CW_KEY_UNSUPPORTED, CW_FUNCTION_FAILED */
  of(args: readonly unknown[]): MemoKey {
    return this.#make(standIns, args)
  }

  /** The text of a key as all caches write it. @throws CW_KEY_UNSUPPORTED, CW_FUNCTION_FAILED */
  textOf(args: readonly unknown[]): string {
    return this.#make(texts, args)
  }

  #make<Key>(encoder: PartsEncoder<Key>, args: readonly unknown[]): Key {
    if (this.#key === undefined) {
      this.#generate ??= keyFromParameters(this.#subject.marks, this.#subject.where)
      return this.#generate(encoder, args)
    }
    return keyFromFunction(encoder, this.#ask(this.#key, args), this.#subject.where)
  }

  #ask(key: UserFunction, args: readonly unknown[]): unknown {
    try {
      return key(...args)
    } catch (error) {
      throw cacheError(
        'CW_FUNCTION_FAILED',
        `\`key\` of ${this.#subject.where} threw: ${describeThrown(error)}.`,
        error,
      )
    }
  }
}
