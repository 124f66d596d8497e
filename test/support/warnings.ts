/** A warning as the code under test gave it to Node. */
export interface Warning {
  readonly message: string
  readonly type?: string | undefined
  readonly code?: string | undefined
}

/** Runs something that is expected to warn, and answers with the warnings, in order. */
export async function warningsDuring(run: () => unknown): Promise<readonly Warning[]> {
  const usual = process.emitWarning
  const warnings: Warning[] = []
  process.emitWarning = (warning: string | Error, options?: unknown, code?: unknown) => {
    const { type, code: itsCode } = (
      typeof options === 'object' ? options : { type: options, code }
    ) as Partial<Warning>
    warnings.push({ message: warning instanceof Error ? warning.message : warning, type, code: itsCode })
  }
  try {
    await run()
  } finally {
    process.emitWarning = usual
  }
  return warnings
}
