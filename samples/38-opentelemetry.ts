import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { Cacheable, configureCaching } from 'cachewright'
import { instrument } from 'cachewright/otel'

class Catalogue {
  @Cacheable({ cache: 'titles' })
  async titleOf(isbn: string): Promise<string> {
    // What an instrumented database driver does.
    return trace.getTracer('database').startActiveSpan('SELECT books', async (span) => {
      span.end()
      if (isbn === '0') throw new RangeError(`no book ${isbn}`)
      return 'Release It!'
    })
  }
}

/** Loads are spans of the request that caused them; what the method does is part of the load. */
export async function main(): Promise<void> {
  // Services let @opentelemetry/sdk-node do this, with an exporter that sends.
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(provider)

  const caching = configureCaching()
  const stop = instrument(caching)
  const catalogue = new Catalogue()

  const tracer = trace.getTracer('service')
  const handle = (route: string, isbn: string): Promise<unknown> =>
    tracer.startActiveSpan(route, async (span) => {
      await catalogue.titleOf(isbn).catch(() => {})
      span.end()
    })
  await handle('GET /books (loads)', '978-1680502398')
  await handle('GET /books (hits)', '978-1680502398')
  await handle('GET /books (fails)', '0')

  const spans = exporter.getFinishedSpans()
  const show = (parent: string | undefined, indent: string): void => {
    for (const span of spans.filter((its) => its.parentSpanContext?.spanId === parent)) {
      console.log(`${indent}${span.name}`, span.attributes['error.type'] ?? '')
      show(span.spanContext().spanId, `${indent}  `)
    }
  }
  show(undefined, '')
  // Nobody's keys, unless `keys: true` asks for them.
  console.log(spans.find(({ name }) => name === 'cache load titles')?.attributes)

  stop()
  await caching.close()
  await provider.shutdown()
  trace.disable()
  context.disable()
}

if (require.main === module) void main()

/*
Expected output:

GET /books (loads) 
  cache load titles 
    SELECT books 
GET /books (hits) 
GET /books (fails) 
  cache load titles RangeError
    SELECT books 
{
  'cachewright.operation.name': 'load',
  'cachewright.tier': 'source',
  'cachewright.cache.name': 'titles'
}
*/
