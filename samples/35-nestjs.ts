import { Controller, Get, Inject, Injectable, Module, Param, Post } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { type Cache, Cacheable, CacheEvict, CacheManager } from 'cachewright'
import { CachingModule, InjectCache } from 'cachewright/nestjs'

interface Lamp {
  readonly id: string
  readonly watts: number
}

@Injectable()
class LampService {
  #watts = 40

  constructor(@InjectCache('lamps') readonly lamps: Cache<Lamp>) {}

  @Cacheable({ cache: 'lamps' })
  async find(id: string): Promise<Lamp> {
    console.log(`  looking up ${id}`)
    return { id, watts: this.#watts }
  }

  @CacheEvict({ cache: 'lamps' })
  async dim(_id: string): Promise<void> {
    this.#watts /= 2
  }
}

@Controller('lamps')
class LampController {
  constructor(@Inject(LampService) private readonly service: LampService) {}

  @Get(':id')
  find(@Param('id') id: string): Promise<Lamp> {
    return this.service.find(id)
  }

  @Post(':id/dim')
  dim(@Param('id') id: string): Promise<void> {
    return this.service.dim(id)
  }
}

@Module({
  imports: [CachingModule.forRoot({ prefix: 'sample-35', caches: { lamps: { ttl: '10m' } } })],
  providers: [LampService],
  controllers: [LampController],
})
class AppModule {}

/** NestJS binds each object it makes to the manager of its application, so nothing is global. */
export async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: false })
  await app.listen(0, '127.0.0.1')
  const ask = async (path: string, method = 'GET'): Promise<string> => {
    const response = await fetch(`${await app.getUrl()}/lamps/${path}`, { method, headers: { connection: 'close' } })
    return response.text()
  }
  console.log(await ask('desk'), await ask('desk'))
  await ask('desk/dim', 'POST')
  console.log(await ask('desk'))
  console.log('injected:', await app.get(LampService).lamps.get('desk'))
  const { hits, misses } = app.get(CacheManager).stats()
  console.log(`${hits} hits, ${misses} misses`)
  await app.close()
}

if (require.main === module) void main()

/*
Expected output:

  looking up desk
{"id":"desk","watts":40} {"id":"desk","watts":40}
  looking up desk
{"id":"desk","watts":20}
injected: { id: 'desk', watts: 20 }
2 hits, 2 misses
*/
