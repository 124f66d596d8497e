import type { AddressInfo } from 'node:net'
import type { INestApplication, ModuleMetadata } from '@nestjs/common'
import { Test } from '@nestjs/testing'

/** Applications that are closed after each test, whatever came of it. */
export interface Apps {
  /** A started application of a module with these parts. */
  start(metadata: ModuleMetadata): Promise<INestApplication>
  /** One that listens on a free port, and its address. */
  listen(metadata: ModuleMetadata): Promise<{ readonly app: INestApplication; readonly url: string }>
}

/** Sets them up with the hooks of the test runner. */
export function nestApps(): Apps {
  const open: INestApplication[] = []
  afterEach(async () => {
    await Promise.all(open.splice(0).map((app) => app.close()))
  })
  const make = async (metadata: ModuleMetadata): Promise<INestApplication> => {
    const app = (await Test.createTestingModule(metadata).compile()).createNestApplication({ logger: false })
    open.push(app)
    return app
  }
  return {
    start: async (metadata) => (await make(metadata)).init(),
    listen: async (metadata) => {
      const app = await make(metadata)
      await app.listen(0, '127.0.0.1')
      const { port } = app.getHttpServer().address() as AddressInfo
      return { app, url: `http://127.0.0.1:${port}` }
    },
  }
}
