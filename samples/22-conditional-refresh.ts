import { Cacheable, type Clock, cacheContext, configureCaching } from 'cachewright'

interface Answer {
  readonly status: number
  readonly etag: string
  readonly body: string
}

/** A server that answers with 304 and no body to who has the present version already. */
class Server {
  etag = '"1"'
  body = 'first'
  bytes = 0

  get(ifNoneMatch: string | undefined): Answer {
    if (ifNoneMatch === this.etag) return { status: 304, etag: this.etag, body: '' }
    this.bytes += this.body.length
    return { status: 200, etag: this.etag, body: this.body }
  }
}

class Pages {
  constructor(private readonly server: Server) {}

  @Cacheable({ cache: 'pages', ttl: '1m', staleIfError: '1h', key: (path: string) => path })
  async get(path: string): Promise<string> {
    const context = cacheContext<string>()
    const { status, etag, body } = this.server.get(context?.previous?.validator)
    console.log(`${path}: ${status}`)
    if (status === 304) return context!.notModified()
    context?.setValidator(etag)
    return body
  }
}

export async function main(): Promise<void> {
  let now = 0
  const clock: Clock = { now: () => now }
  const caching = configureCaching({ clock })
  const server = new Server()
  const pages = new Pages(server)

  for (let minute = 0; minute < 3; minute++) {
    console.log(await pages.get('/'))
    now += 60_000
  }
  server.etag = '"2"'
  server.body = 'second'
  console.log(await pages.get('/'), `${server.bytes} bytes`)

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

/: 200
first
/: 304
first
/: 304
first
/: 200
second 11 bytes
*/
