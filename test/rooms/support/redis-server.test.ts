import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { alive } from '../../support/alive'
import { eventually } from '../../support/eventually'
import { freePort, type RedisServer, startRedis } from '../../support/redis-server'
import { send } from '../../support/resp'

describe('a server of its own', () => {
  let redis: RedisServer

  beforeAll(async () => {
    redis = await startRedis({ args: ['--maxmemory', '64mb'] })
  })
  afterAll(() => redis.stop())

  test('answers at its port, with its arguments, and keeps nothing on disk', async () => {
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`)
    expect(await redis.command('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '67108864'])
    expect(await redis.command('CONFIG', 'GET', 'save')).toEqual(['save', ''])
  })

  test('takes commands with text, numbers and bytes, and replies of every shape', async () => {
    expect(await redis.command('SET', 'key', 'žluť\r\n')).toBe('OK')
    expect(await redis.command('GET', 'key')).toBe('žluť\r\n')
    expect(await redis.command('GET', 'absent')).toBeNull()
    expect(await redis.command('APPEND', new Uint8Array([0, 255]), 42)).toBe(2)
    expect(await redis.command('EVAL', "return {1, {'a', false}, {err = 'E x'}}", 0)).toEqual([
      1,
      ['a', null],
      new Error('E x'),
    ])
    await expect(redis.command('INCR', 'key')).rejects.toThrow(/not an integer/)
    const long = 'x'.repeat(3_000_000)
    expect(await redis.command('ECHO', long)).toBe(long)
  })

  test('counts the calls of each command, without its own', async () => {
    await redis.resetStats()
    expect(await redis.commandStats()).toEqual({})
    await redis.command('SET', 'a', 1)
    await redis.command('GET', 'a')
    await redis.command('GET', 'a')
    expect(await redis.commandStats()).toEqual({ get: 2, set: 1 })
    expect(await redis.commandStats()).toEqual({ get: 2, set: 1 })
    await redis.command('INFO')
    expect(await redis.commandStats()).toEqual({ get: 2, set: 1, info: 1 })
    await redis.resetStats()
    expect(await redis.commandStats()).toEqual({})
  })

  test('answers nothing while frozen, and everything after', async () => {
    redis.freeze()
    await expect(send(redis.port, ['PING'], 50)).rejects.toThrow('no reply to PING within 50 ms')
    const late = redis.command('PING')
    redis.resume()
    expect(await late).toBe('PONG')
  })

  test('is back on the same port, empty, after a restart and after a crash', async () => {
    const { port, pid } = redis
    await redis.command('SET', 'kept', 'no')
    await redis.restart()
    expect(redis.port).toBe(port)
    expect(redis.pid).not.toBe(pid)
    expect(await redis.command('GET', 'kept')).toBeNull()

    await redis.kill()
    expect(redis.running).toBe(false)
    expect(() => redis.pid).toThrow('not running')
    await expect(redis.command('PING')).rejects.toThrow(/ECONNREFUSED/)
    await redis.start()
    expect(await redis.command('PING')).toBe('PONG')
  })
})

test('a stopped server is gone with its directory, a frozen one too', async () => {
  const redis = await startRedis()
  const { pid, dir } = redis
  expect(existsSync(dir)).toBe(true)
  redis.freeze()
  await redis.stop()
  expect(alive(pid)).toBe(false)
  expect(existsSync(dir)).toBe(false)
  await redis.stop()
})

test('a taken port is an error that says so when it was asked for', async () => {
  const squatter = createServer().listen(0, '127.0.0.1')
  await once(squatter, 'listening')
  const { port } = squatter.address() as { port: number }
  try {
    // It listens and never answers, so the only way to know is the end of the server.
    await expect(startRedis({ port })).rejects.toThrow(/in use|bind/i)
  } finally {
    squatter.close()
  }
})

test('a server with impossible arguments fails with the reason it printed', async () => {
  await expect(startRedis({ args: ['--no-such-option', 'x'] })).rejects.toThrow(
    /redis-server ended at once: .*no-such-option/s,
  )
})

test('a server started by a process that was killed does not outlive it', async () => {
  const port = await freePort()
  const script = `
    const { startRedis } = require(${JSON.stringify(require.resolve('../../support/redis-server'))})
    startRedis({ port: ${port} }).then((redis) => console.log(redis.pid))
    setInterval(() => {}, 1000)
  `
  const parent = spawn(process.execPath, ['--import', 'tsx', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(said.toString())
  expect(alive(pid)).toBe(true)
  parent.kill('SIGKILL')
  await eventually(() => !alive(pid), { what: 'the orphaned redis-server ends' })
})
