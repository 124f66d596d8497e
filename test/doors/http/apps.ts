import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import type { Cache } from 'cachewright'
import { cacheResponses as middleware, type ResponseCacheOptions } from 'cachewright/express'
import { cacheResponses as plugin } from 'cachewright/fastify'
import express from 'express'
import Fastify from 'fastify'

const express4 = require('express4') as typeof express

/** What a handler answers, each framework in its own way. */
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer | Readable
}

/** A handler for every path, whatever the framework. */
export type Handler = (raw: IncomingMessage) => Answer | Promise<Answer>

export type Options = Omit<ResponseCacheOptions<IncomingMessage>, 'cache'>

/** An application that listens, with its responses cached. */
export interface App {
  readonly port: number
  close(): Promise<void>
}

type Start = (handler: Handler, cache: Cache, options?: Options) => Promise<App>

const startExpress =
  (create: typeof express): Start =>
  async (handler, cache, options = {}) => {
    const app = create()
    // Its own tag would be a weak one.
    app.set('etag', false)
    app.use(middleware({ cache, cacheStatus: true, ...options }))
    app.use((raw, response, next) => {
      Promise.resolve(handler(raw))
        .then(({ status = 200, headers = {}, body = '' }) => {
          response.status(status).set(headers)
          if (typeof body === 'object' && 'pipe' in body) pipeline(body, response, () => {})
          else response.send(body)
        })
        .catch(next)
    })
    app.use(((_error, _request, response, next) =>
      response.headersSent ? next(_error) : response.status(500).send('failed')) as express.ErrorRequestHandler)
    return listen(createServer(app))
  }

const startFastify: Start = async (handler, cache, options = {}) => {
  const app = Fastify({ forceCloseConnections: true })
  const { partition, tags, ...rest } = options
  await app.register(plugin, {
    cache,
    cacheStatus: true,
    ...rest,
    ...(partition && { partition: ({ raw }) => partition(raw) }),
    ...(tags && { tags: typeof tags === 'function' ? ({ raw }, response) => tags(raw, response) : tags }),
  })
  app.all('/*', async ({ raw }, reply) => {
    const { status = 200, headers = {}, body = '' } = await handler(raw)
    return reply.code(status).headers(headers).send(body)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}

/** Every framework that is cached for. */
export const frameworks: readonly (readonly [name: string, start: Start])[] = [
  ['Fastify 5', startFastify],
  ['Express 5', startExpress(express)],
  ['Express 4', startExpress(express4)],
]

/** Lets a server listen. */
export async function listen(server: Server): Promise<App> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

export interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
}

export interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly bytes: Buffer
}

/** Asks over a connection of its own. Rejects where the answer breaks off. */
export async function ask({ port }: App, { method = 'GET', path = '/', headers = {} }: Asked = {}): Promise<Got> {
  const asked = request({ port, host: '127.0.0.1', method, path, headers, agent: false })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const bytes = Buffer.concat(chunks)
  return { status: response.statusCode!, headers: response.headers, body: bytes.toString(), bytes }
}

/** Sends bytes as they are, and answers with all that comes back until the server ends the connection. */
export async function say({ port }: App, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(text)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('latin1')
}
