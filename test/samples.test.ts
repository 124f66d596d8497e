import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { format, promisify } from 'node:util'
import { Ledger } from '../samples/catalogue/ledger'
import { eventually } from './support/eventually'
import { type RedisServer, startRedis } from './support/redis-server'

const root = join(__dirname, '..')
const tsx = join(root, 'node_modules/tsx/dist/cli.mjs')
const run = promisify(execFile)

/** Runs a program of the samples as users do, and answers with what it printed. A failure rejects. */
async function execute(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { REDIS_URL: _, NODE_OPTIONS: __, ...own } = process.env
  const { stdout, stderr } = await run(process.execPath, [tsx, ...args], {
    cwd: root,
    env: { ...own, ...env },
    timeout: 90_000,
  })
  expect(stderr).toBe('')
  return stdout
}

const numbered = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => /^\d\d-.*\.ts$/.test(name))
    .map((name) => `${folder}/${name}`)

const legacy = numbered('samples')
const standard = numbered('samples/standard')

/** The comment at the end of a sample. */
function expectedOutput(sample: string): string {
  const text = readFileSync(join(root, sample), 'utf8')
  const block = /\/\*\nExpected output:\n\n([\s\S]*)\n\*\/\n$/.exec(text)
  if (block === null) throw new Error(`${sample} does not end with its expected output`)
  return block[1]!
}

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

describe('the numbered samples', () => {
  test('are numbered without a gap', () => {
    const numbers = [...legacy, ...standard].map((name) => Number(/(\d\d)-/.exec(name)![1])).toSorted((a, b) => a - b)
    expect(numbers).toEqual(numbers.map((_, index) => index + 1))
  })

  test.each([...legacy, ...standard])('%s is short, and imports only what users can', (sample) => {
    const text = readFileSync(join(root, sample), 'utf8')
    const [code] = text.split('/*\nExpected output:')
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(80)
    expect(code).toMatch(/^export async function main\(\): Promise<void> \{$/m)
    const sources = [...text.matchAll(/from '([^']+)'/g)].map(([, source]) => source!)
    const allowed = /^(?:cachewright(?:\/\w+)?|@nestjs\/(?:common|core)|fastify|express|cli-progress|node:.*)$/
    expect(sources.filter((source) => !allowed.test(source))).toEqual([])
  })

  describe('print what they say they print', () => {
    const printed: string[] = []

    beforeEach(() => {
      process.env.REDIS_URL = server.url
      printed.length = 0
      jest.spyOn(console, 'log').mockImplementation((...said: unknown[]) => void printed.push(format(...said)))
    })
    afterEach(() => {
      delete process.env.REDIS_URL
      jest.restoreAllMocks()
    })

    test.each(legacy)('%s', async (sample) => {
      // Each with a copy of the library for itself, as in a process of its own.
      await jest.isolateModulesAsync(async () => {
        const { main } = (await import(join(root, sample))) as { main: () => Promise<void> }
        await main()
      })
      expect(printed.join('\n')).toBe(expectedOutput(sample))
    })
  })

  test.each(standard)(
    '%s prints what it says it prints, compiled as standard decorators',
    async (sample) => {
      const printed = await execute(['--tsconfig', 'samples/standard/tsconfig.json', sample])
      expect(printed).toBe(`${expectedOutput(sample)}\n`)
    },
    120_000,
  )

  test('run from the command line', async () => {
    const [hello] = legacy
    expect(await execute([hello!])).toBe(`${expectedOutput(hello!)}\n`)
  }, 120_000)
})

describe('the service that SIGTERM ends', () => {
  /** A request that the service has begun with, and its answer. */
  async function ask(url: string, agent: Agent): Promise<{ readonly answer: Promise<[number | undefined, string]> }> {
    // The service says that it has the head of the request when it begins with it.
    const asked = request(url, { agent, headers: { expect: '100-continue' } })
    const answer = once(asked, 'response').then(async ([response]: IncomingMessage[]) => {
      const chunks: Buffer[] = []
      for await (const chunk of response!) chunks.push(chunk as Buffer)
      return [response!.statusCode, Buffer.concat(chunks).toString()] as [number | undefined, string]
    })
    // Looked at when all are awaited.
    answer.catch(() => {})
    asked.flushHeaders()
    await once(asked, 'continue')
    asked.end()
    return { answer }
  }

  test.each(['in memory', 'with Redis'])(
    '%s: answers all it has begun with, takes no more, writes what it had to, and ends with 0',
    async (where) => {
      const { REDIS_URL: _, NODE_OPTIONS: __, ...own } = process.env
      await server.command('FLUSHALL')
      const child = spawn(process.execPath, ['--import', 'tsx', 'samples/19-sigterm.ts', 'serve'], {
        cwd: root,
        env: { ...own, ...(where === 'with Redis' ? { REDIS_URL: server.url } : {}) },
      })
      const agent = new Agent({ keepAlive: true })
      try {
        let said = ''
        for (const stream of [child.stdout, child.stderr]) {
          stream.on('data', (chunk: Buffer) => {
            said += chunk.toString()
          })
        }
        const ended = once(child, 'close')
        await eventually(() => said.endsWith('\n'), { within: 30_000, what: 'the service listens' })
        const url = said.trim()
        // One that will be idle by then, and those in the middle: ten loads, three requests each.
        expect(await (await ask(`${url}/idle`, agent)).answer).toEqual([200, 'idle is at 28'])
        const symbols = Array.from({ length: 30 }, (_, index) => `s${index % 10}`)
        const asked = await Promise.all(symbols.map((symbol) => ask(`${url}/${symbol}`, agent)))
        child.kill('SIGTERM')
        const answers = await Promise.all(asked.map(({ answer }) => answer))
        expect(answers).toEqual(symbols.map((symbol) => [200, `${symbol} is at 14`]))
        await expect(fetch(url)).rejects.toThrow()
        // Clients that keep their connections do not keep the service: that would be five seconds.
        const answered = performance.now()
        await ended
        expect(performance.now() - answered).toBeLessThan(3_000)
        expect(said).toMatch(/\ntold to end\n(?:answered s\d\n)*closed\n$/)
        expect(said.match(/^answered/gm)).toHaveLength(31)
        expect([child.exitCode, child.signalCode]).toEqual([0, null])
        const kept = (await server.command('KEYS', 'sample-19:quotes:*')) as unknown[]
        expect(kept).toHaveLength(where === 'with Redis' ? 11 : 0)
      } finally {
        agent.destroy()
        child.kill('SIGKILL')
      }
    },
    60_000,
  )
})

describe('the catalogue', () => {
  const numberIn = (text: string, pattern: RegExp): number => {
    const found = pattern.exec(text)
    if (found === null) throw new Error(`nothing like ${pattern} in:\n${text}`)
    return Number(found[1]!.replaceAll(',', ''))
  }

  test.each(['embedded', 'in two processes on Redis'])(
    '%s: caches most reads, and misses no change',
    async (where) => {
      const printed = await execute(
        ['samples/catalogue/main.ts', '--quick', '--seed', '7'],
        where === 'embedded' ? {} : { REDIS_URL: server.url },
      )
      expect(numberIn(printed, /reads that missed one they had to show: ([\d,]+)$/m)).toBe(0)
      expect(numberIn(printed, /not as in the database: ([\d,]+)$/m)).toBe(0)
      expect(printed).toMatch(/✓ every change was seen\n$/)
      expect(numberIn(printed, /^ ([\d,]+) changes;/m)).toBeGreaterThan(10)
      expect(numberIn(printed, /^ ([\d,]+) changed cities read again/m)).toBeGreaterThan(5)
      expect(numberIn(printed, /^ hit ratio .* ([\d.]+) %$/m)).toBeGreaterThan(50)
      expect(numberIn(printed, /([\d,]+) avoided$/m)).toBeGreaterThan(1_000)
      // A line that moves is for terminals.
      expect(printed).not.toContain('\r')
      expect(printed.includes('of them in Redis')).toBe(where !== 'embedded')
    },
    120_000,
  )

  test('refuses what it does not know', async () => {
    await expect(execute(['samples/catalogue/main.ts', '--slow'])).rejects.toMatchObject({ code: 1 })
    await expect(execute(['samples/catalogue/main.ts', '--seed', 'x'])).rejects.toMatchObject({ code: 1 })
  }, 120_000)

  describe('its ledger', () => {
    const change = { change: 5, country: 'FR', city: 1, doneAt: 100 }
    const before = { id: 1, country: 'FR', change: 4 }

    test('counts a read that begins after a change of this process and does not show it', () => {
      const ledger = new Ledger()
      ledger.note(change)
      ledger.judge(99, [before])
      expect(ledger.stale).toBe(0)
      ledger.judge(100, [before])
      ledger.judge(101, [{ id: 2, country: 'FR', change: 0 }, before])
      ledger.judge(102, [{ country: 'FR', change: 4 }])
      expect(ledger.stale).toBe(3)
    })

    test('is content with a read that shows the change, or a later one', () => {
      const ledger = new Ledger()
      ledger.note(change)
      ledger.judge(200, [{ ...before, change: 5 }])
      ledger.judge(200, [{ ...before, change: 6 }])
      ledger.judge(200, [{ id: 2, country: 'FR', change: 0 }])
      expect(ledger.stale).toBe(0)
    })

    test('gives a change of another process its time', () => {
      const ledger = new Ledger()
      ledger.note(change, 1_000)
      ledger.judge(600, [before])
      expect([ledger.stale, ledger.late, ledger.latestMs]).toEqual([0, 1, 500])
      ledger.judge(1_100, [before])
      expect(ledger.stale).toBe(1)
    })

    test('expects a census of every city of the country', () => {
      const ledger = new Ledger()
      ledger.note({ ...change, city: undefined })
      ledger.judge(200, [before])
      ledger.judge(200, [{ ...before, country: 'DE' }])
      expect(ledger.stale).toBe(1)
    })
  })
})
