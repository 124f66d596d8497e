import { SingleBar } from 'cli-progress'

/** Shows a bar while some work goes on, if there is a terminal to show it on, and a line when it is done. */
export async function withProgress<Result>(
  label: string,
  work: (show: (share: number) => void) => Promise<Result>,
  remark: (result: Result) => string,
): Promise<Result> {
  const startedAt = performance.now()
  const bar = new SingleBar({
    format: `${label.padEnd(24)} {bar}`,
    barsize: 30,
    barCompleteChar: '━',
    barIncompleteChar: '╌',
    stream: process.stdout,
    clearOnComplete: true,
    // What is switched off would stay so after Ctrl-C.
    linewrap: true,
  })
  bar.start(1, 0)
  // Its timer would keep a process whose work has failed.
  const result = await work((share) => bar.update(share)).finally(() => bar.stop())
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  console.log(`${label.padEnd(24)} ${remark(result)}, ${seconds} s`)
  return result
}
