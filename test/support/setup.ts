/**
 * Noise is a failure: what a test prints to the error console, or warns through Node, it must have asked for.
 *
 * Each becomes an unhandled rejection, which jest-circus charges to the test that caused it, so that neither a `catch` in
 * the code under test nor an early end of the test can hide it. A test that expects noise replaces the function that makes
 * it: `jest.spyOn(console, 'error').mockImplementation()`, or `warningsDuring()` of ./warnings.
 */
function fail(source: string, said: readonly unknown[]): void {
  const complaint = new Error(`unexpected ${source}: ${said.map(String).join(' ')}`)
  Error.captureStackTrace(complaint, fail)
  void Promise.reject(complaint)
}

console.error = (...said: unknown[]) => fail('console.error', said)
console.warn = (...said: unknown[]) => fail('console.warn', said)
// The sandbox has its own `process`; what Node itself warns about is seen in the runner's output by ./run.
process.emitWarning = (warning: string | Error) => fail('process warning', [warning])
