import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'

/** The repository. */
export const root = resolve(__dirname, '../..')

/** Compiles the library as `npm run build` does, but to `outDir`, so that tests never wait for or break each other's build. */
export function compileTo(outDir: string): void {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  try {
    execFileSync(process.execPath, [tsc, '-p', join(root, 'src'), '--outDir', outDir], { cwd: root, encoding: 'utf8' })
  } catch (error) {
    throw new Error(`the library does not compile:\n${(error as { stdout: string }).stdout}`)
  }
}
