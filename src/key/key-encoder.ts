import { describeThrown } from '../kernel/describe'
import { cacheError } from '../kernel/errors'
import type { TypeRegistry } from '../kernel/registered-types'
import { encodeArguments } from './canonical'
import { KeyProblem, keyUnsupported } from './key-problem'
import { withPartition } from './keyspace'
import { literalPattern } from './pattern'
import { encodeText } from './text'

/** What a key can be made of: anything but functions and symbols; instances of classes if the manager knows them. */
export type KeyValue = string | number | bigint | boolean | null | undefined | object

/** A key: one value, or several in an array. A value and an array of that one value are the same key. */
export type CacheKeyParts = KeyValue | readonly KeyValue[]

/** Makes of the parts of a key its text, or what stands for it. */
export interface PartsEncoder<Key> {
  /** @throws {@link KeyProblem} for a part that cannot be in a key */
  encode(parts: readonly unknown[]): Key
  /** The same for one text alone. */
  encodeLone?(text: string): Key
}

/** Turns the parts of keys of one cache into text, as seen by the present partition. */
export class KeyEncoder implements PartsEncoder<string> {
  constructor(
    private readonly cache: string,
    private readonly types: TypeRegistry,
    private readonly partition: (() => KeyValue) | undefined,
  ) {}

  get isPartitioned(): boolean {
    return this.partition !== undefined
  }

  /** @throws {@link KeyProblem} for a part that cannot be in a key; CW_FUNCTION_FAILED if `partition` has no answer */
  encode(parts: readonly unknown[]): string {
    const args = encodeArguments(parts, this.types)
    if (this.partition === undefined) return args
    const present = this.#present(this.partition)
    try {
      return withPartition(present, args, this.types)
    } catch (error) {
      throw error instanceof KeyProblem ? keyUnsupported(error, `Cache '${this.cache}'`, 'partition') : error
    }
  }

  /** What most calls have for their only argument, without a list of it. */
  encodeLone(text: string): string {
    return this.partition === undefined ? encodeText(text) : this.encode([text])
  }

  /** The key a user passed to a method of the cache. @throws CW_KEY_UNSUPPORTED, CW_FUNCTION_FAILED */
  encodeKey(key: CacheKeyParts): string {
    try {
      return this.encode(asParts(key))
    } catch (error) {
      throw error instanceof KeyProblem ? keyUnsupported(error, `Cache '${this.cache}'`, 'key') : error
    }
  }

  /** The text of one part by itself, whatever the partition. @throws CW_KEY_UNSUPPORTED */
  encodePart(part: unknown): string {
    try {
      return encodeArguments([part], this.types)
    } catch (error) {
      throw error instanceof KeyProblem ? keyUnsupported(error, `Cache '${this.cache}'`, 'key') : error
    }
  }

  /** A pattern for keys, as seen by the present partition. @throws CW_FUNCTION_FAILED */
  encodePattern(pattern: string): string {
    if (this.partition === undefined) return pattern
    return `${literalPattern(withPartition(this.#present(this.partition), '', this.types))}${pattern}`
  }

  #present(partition: () => KeyValue): KeyValue {
    let present: KeyValue
    try {
      present = partition()
    } catch (error) {
      throw cacheError(
        'CW_FUNCTION_FAILED',
        `\`partition\` of cache '${this.cache}' threw: ${describeThrown(error)}`,
        error,
      )
    }
    // A tenant that is not known must never share the keys of "no tenant".
    if (present !== undefined && present !== null) return present
    throw cacheError(
      'CW_FUNCTION_FAILED',
      `\`partition\` of cache '${this.cache}' returned ${String(present)}. Return what tells the present tenant from others; a call outside of any tenant is not cached.`,
    )
  }
}

/** The parts of a key as a key function returns it. */
export function asParts(key: unknown): readonly unknown[] {
  return Array.isArray(key) ? key : [key]
}
