import type { CacheErrorCode } from './errors'

/** Says something a developer should know through Node's warnings, once for each subject. */
export class Warnings {
  readonly #said = new Set<string>()

  /** @param subject what it is about; the same code and subject are said once */
  once(code: CacheErrorCode, subject: string, message: string): void {
    const about = `${code} ${subject}`
    // A thousand different subjects are a flood nobody reads, and the set must not grow without end.
    if (this.#said.has(about) || this.#said.size >= 1_000) return
    this.#said.add(about)
    process.emitWarning(message, { type: 'CachewrightWarning', code })
  }
}
