import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * Runs a line of shell when this process is gone, however that happens: no exit hook runs after SIGKILL, and a child
 * that is stopped cannot notice by itself.
 *
 * @returns a function that calls it off
 */
export function afterwards(script: string, argument: string): () => void {
  const watchdog = spawn('sh', ['-c', `read -r _; ${script}`, argument], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watchdog.stdin.on('error', () => {})
  for (const held of [watchdog, watchdog.stdin as Socket]) held.unref()
  return () => void watchdog.kill('SIGKILL')
}
