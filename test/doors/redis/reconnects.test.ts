import { fork } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from '../../support/eventually'
import { redisHouse } from './processes'
import type { Weight } from './reconnects.program'

// A process lives for months, and networks do not: nothing may stay behind of a connection that is gone.

const house = redisHouse()

const reconnects = 1_000

test(`after ${reconnects} reconnects there are as many listeners, timers, sockets and objects as before`, async () => {
  const { server } = house
  const proxy = await house.proxy()
  const child = fork(`${__dirname}/reconnects.program.ts`, [proxy.url], {
    execArgv: ['-r', 'esbuild-register', '--expose-gc'],
  })
  try {
    // The last of what is said when both connections stand: the feed is live when it is answered.
    let armed = 0
    proxy.onData((chunk, { direction }) => {
      if (direction === 'toServer' && chunk.includes('REDIRECT')) armed++
    })
    const told = async <Answer>(): Promise<Answer> => ((await once(child, 'message')) as [Answer])[0]
    const weighed = (): Promise<Weight> => {
      const weight = told<Weight>()
      child.send('weigh')
      return weight
    }
    const reconnect = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time++) {
        const before = armed
        if (time % 4 === 1) await server.command('CLIENT', 'KILL', 'TYPE', 'normal')
        else if (time % 4 === 3) await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
        else proxy.cut()
        await eventually(() => armed > before)
        // Each time at another moment of the first heartbeat.
        for (let turn = time % 5; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await told()
    await reconnect(100)
    const before = await weighed()
    const accepted = proxy.accepted
    await reconnect(reconnects)
    const after = await weighed()
    expect(proxy.accepted - accepted).toBeGreaterThanOrEqual(reconnects)
    expect(after.listeners).toEqual(before.listeners)
    expect(after.resources).toEqual(before.resources)
    // What each of them left behind would be there a thousand times.
    const [countsBefore, countsAfter] = [before, after].map(({ objects, held }) => ({ ...objects, ...held }))
    const grown = Object.entries(countsAfter!).filter(([kind, count]) => count - countsBefore![kind]! > reconnects / 10)
    expect(grown).toEqual([])
    expect(after.heapMb - before.heapMb).toBeLessThan(4)
    child.send('close')
    await once(child, 'exit')
    expect(child.exitCode).toBe(0)
  } finally {
    child.kill('SIGKILL')
  }
}, 120_000)
