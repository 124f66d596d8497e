import { Cacheable, configureCaching } from 'cachewright'

/** A caller may leave; the work goes on for those who wait, and is cancelled when the last of them has left. */
class Archive {
  @Cacheable({ cache: 'archive' })
  async open(name: string, signal?: AbortSignal): Promise<string> {
    console.log(`  opening ${name}`)
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, 50)
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        console.log(`  ${name}: the work is cancelled`)
        reject(signal.reason)
      })
    })
    return `contents of ${name}`
  }
}

const outcome = (answer: Promise<string>): Promise<string> => answer.catch((error: Error) => `left: ${error.message}`)

export async function main(): Promise<void> {
  const caching = configureCaching()
  const archive = new Archive()
  const hurried = new AbortController()

  // A signal is no part of the key: these two wait for one load.
  const both = [outcome(archive.open('a', hurried.signal)), outcome(archive.open('a'))]
  hurried.abort(new Error('no time'))
  for (const answer of both) console.log(await answer)

  const alone = new AbortController()
  const answer = outcome(archive.open('b', alone.signal))
  alone.abort(new Error('changed my mind'))
  console.log(await answer)

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  opening a
left: no time
contents of a
  opening b
  b: the work is cancelled
left: changed my mind
*/
