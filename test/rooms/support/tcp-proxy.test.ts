import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { startProxy, type TcpProxy } from '../../support/tcp-proxy'

let echo: Server
let echoPort: number
const upstream = new Set<Socket>()
let proxy: TcpProxy
const clients: Client[] = []

/** A client that remembers what it was told. */
class Client {
  readonly socket: Socket
  heard = ''
  closed = false

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('data', (chunk) => {
      this.heard += chunk.toString()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.closed = true
    })
    clients.push(this)
  }

  say(text: string): void {
    this.socket.write(text)
  }

  async hears(text: string): Promise<void> {
    await eventually(() => this.heard === text, { what: `hearing ${text}, having heard ${this.heard}` })
  }
}

/** Long enough that whatever could pass has passed: a whole other conversation, there and back. */
async function aConversation(): Promise<void> {
  const other = new Client(echoPort)
  for (const word of ['a', 'b', 'c', 'd', 'e']) {
    const before = other.heard
    other.say(word)
    await other.hears(before + word)
  }
}

beforeAll(async () => {
  echo = createServer((socket) => {
    upstream.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => upstream.delete(socket))
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  echoPort = (echo.address() as { port: number }).port
})

beforeEach(async () => {
  proxy = await startProxy(echoPort)
})

afterEach(async () => {
  await proxy.close()
  for (const { socket } of clients.splice(0)) socket.destroy()
})

afterAll(() => {
  for (const socket of upstream) socket.destroy()
  echo.close()
})

test('passes both ways, in order, and knows its connections', async () => {
  const client = new Client(proxy.port)
  const words = Array.from({ length: 200 }, (_, index) => `${index};`)
  for (const word of words) client.say(word)
  await client.hears(words.join(''))
  expect(proxy.connections).toHaveLength(1)
  expect(proxy.connections[0]?.sent('toServer')).toBe(words.join(''))
  client.socket.end()
  await eventually(() => proxy.connections.length === 0 && client.closed, { what: 'the end of the connection passes' })
  expect(proxy.accepted).toBe(1)
})

test('a delay is latency: it adds to each way once, and chunks overlap', async () => {
  const client = new Client(proxy.port)
  client.say('warm')
  await client.hears('warm')
  proxy.delay(60)
  const started = performance.now()
  for (const word of ['1', '2', '3', '4', '5']) {
    client.say(word)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await client.hears('warm12345')
  const took = performance.now() - started
  expect(took).toBeGreaterThanOrEqual(118)
  expect(took).toBeLessThan(400)
})

test('holds everything, even an end, and loses nothing', async () => {
  const client = new Client(proxy.port)
  client.say('before;')
  await client.hears('before;')
  proxy.hold()
  client.say('held;')
  const late = new Client(proxy.port)
  await once(late.socket, 'connect')
  late.say('new;')
  late.socket.end()
  await aConversation()
  expect(client.heard).toBe('before;')
  expect(late.heard).toBe('')
  proxy.release()
  await client.hears('before;held;')
  await late.hears('new;')
  await eventually(() => late.closed, { what: 'the held end arrives' })
})

test('holds one direction: the server hears, the client does not', async () => {
  const client = new Client(proxy.port)
  proxy.hold('toClient')
  client.say('unanswered')
  await eventually(() => proxy.connections[0]?.sent('toClient') === 'unanswered', { what: 'the server answers' })
  await aConversation()
  expect(client.heard).toBe('')
  proxy.release('toClient')
  await client.hears('unanswered')
})

test('holds one connection of two', async () => {
  const first = new Client(proxy.port)
  first.say('1')
  await first.hears('1')
  const second = new Client(proxy.port)
  second.say('2')
  await second.hears('2')
  const held = proxy.connections.find((connection) => connection.sent('toServer') === '1')
  held?.hold()
  first.say('a')
  second.say('b')
  await second.hears('2b')
  expect(first.heard).toBe('1')
  held?.release()
  await first.hears('1a')
})

test('cuts what there is, for both sides, and takes new connections', async () => {
  const client = new Client(proxy.port)
  client.say('x')
  await client.hears('x')
  const sockets = upstream.size
  proxy.cut()
  await eventually(() => client.closed, { what: 'the client notices' })
  await eventually(() => upstream.size === sockets - 1, { what: 'the server notices' })
  const next = new Client(proxy.port)
  next.say('y')
  await next.hears('y')
})

test('cuts what it holds', async () => {
  proxy.hold()
  const client = new Client(proxy.port)
  await eventually(() => proxy.connections.length === 1, { what: 'the connection stands' })
  proxy.cut()
  await eventually(() => client.closed, { what: 'the client notices' })
})

test('refuses, while open connections go on, and accepts again on the same port', async () => {
  const { port } = proxy
  const open = new Client(port)
  open.say('1')
  await open.hears('1')
  proxy.refuse()
  const refused = new Client(port)
  const [error] = (await once(refused.socket, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNREFUSED')
  open.say('2')
  await open.hears('12')
  await proxy.accept()
  expect(proxy.port).toBe(port)
  const welcome = new Client(port)
  welcome.say('3')
  await welcome.hears('3')
})

test('a hook can look, drop and replace, in one direction', async () => {
  const client = new Client(proxy.port)
  const looked: string[] = []
  const removeLooking = proxy.onData((chunk, { direction }) => void looked.push(`${direction} ${chunk}`))
  const remove = proxy.onData((chunk, { direction }) => {
    if (direction === 'toClient') return undefined
    return chunk.toString() === 'lose' ? 'drop' : Buffer.from(chunk.toString().toUpperCase())
  })
  client.say('lose')
  await eventually(() => looked.length === 1, { what: 'the hook has seen it' })
  client.say('keep')
  await client.hears('KEEP')
  expect(looked).toEqual(['toServer lose', 'toServer keep', 'toClient KEEP'])
  remove()
  removeLooking()
  client.say('plain')
  await client.hears('KEEPplain')
  expect(looked).toHaveLength(3)
})

test('a hook holds a chunk, and what follows it, until it lets go', async () => {
  const client = new Client(proxy.port)
  const answer = gate()
  proxy.onData((_chunk, { direction }) => (direction === 'toClient' ? answer.pass() : undefined))
  client.say('1')
  await answer.entered
  client.say('2')
  await aConversation()
  expect(client.heard).toBe('')
  answer.open()
  await client.hears('12')
})

test('a hook takes a chunk apart, and something happens in between', async () => {
  const between = gate()
  proxy.onData(async (chunk, { direction, pass }) => {
    if (direction === 'toClient') return
    pass(chunk.subarray(0, 2))
    await between.pass()
    return chunk.subarray(2)
  })
  const client = new Client(proxy.port)
  client.say('abcd')
  await client.hears('ab')
  await between.entered
  between.open()
  await client.hears('abcd')
})

test('leads new connections elsewhere, while open ones go on', async () => {
  const other = createServer((socket) => socket.end('elsewhere')).listen(0, '127.0.0.1')
  await once(other, 'listening')
  const before = new Client(proxy.port)
  before.say('a')
  await before.hears('a')
  proxy.leadTo((other.address() as { port: number }).port)
  const after = new Client(proxy.port)
  await after.hears('elsewhere')
  before.say('b')
  await before.hears('ab')
  other.close()
})

test('a hook that fails breaks the connection', async () => {
  const client = new Client(proxy.port)
  proxy.onData(() => Promise.reject(new Error('no')))
  client.say('x')
  await eventually(() => client.closed, { what: 'the connection breaks' })
})

test('a target that is not there closes the client', async () => {
  const nowhere = await startProxy(1)
  const client = new Client(nowhere.port)
  await eventually(() => client.closed, { what: 'the connection ends' })
  await nowhere.close()
})
