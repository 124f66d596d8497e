import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Cacheable, configureCaching } from 'cachewright'
import { redis } from 'cachewright/redis'

class Quotes {
  @Cacheable({ cache: 'quotes' })
  async of(symbol: string): Promise<string> {
    await pause(500) // a slow source
    return `${symbol} is at ${symbol.length * 7}`
  }
}

/** A service that SIGTERM ends without an error for anybody: requests first, then caching, then nothing is left to do. */
export async function serve(port = 0, onListening = (_url: string): void => {}): Promise<void> {
  const url = process.env.REDIS_URL
  const caching = configureCaching({
    prefix: 'sample-19',
    ...(url === undefined ? {} : { shared: redis({ url }) }),
  })
  await caching.ready()
  const quotes = new Quotes()
  const server = createServer(async (request, response) => {
    const symbol = request.url!.slice(1)
    const quote = await quotes.of(symbol).catch(() => undefined)
    // A client that keeps its connection would send the next request to a service that has ended.
    if (!server.listening) response.setHeader('connection', 'close')
    response.writeHead(quote === undefined ? 500 : 200).end(quote)
    console.log(`answered ${symbol}`)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  onListening(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)

  await once(process, 'SIGTERM')
  console.log('told to end')
  server.close() // takes no more, and lets go of connections that are idle
  await once(server, 'close') // the last answer is out
  await caching.close() // what it had yet to write is in Redis
  console.log('closed') // no process.exit(): nothing keeps the process, and its code is 0
}

export async function main(): Promise<void> {
  let url = ''
  const serving = serve(0, (its) => {
    url = its
  })
  while (url === '') await pause(1)
  const ask = async (symbol: string): Promise<string> => (await fetch(`${url}/${symbol}`)).text()
  await ask('ACME')
  const loading = ask('INITECH')
  await ask('ACME')
  process.emit('SIGTERM', 'SIGTERM') // as `kill` does
  await serving
  console.log(await loading)
}

if (require.main === module) void (process.argv[2] === 'serve' ? serve(0, console.log) : main())

/*
Expected output:

answered ACME
answered ACME
told to end
answered INITECH
closed
INITECH is at 49
*/
