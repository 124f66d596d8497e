import { Inject, Injectable, Scope } from '@nestjs/common'
import { Cacheable, CacheManager } from 'cachewright'
import { CachingModule } from 'cachewright/nestjs'
import { nestApps } from './apps'

// Classes are there before anybody has called forRoot(), as where an application module imports its services; nothing in
// this file may do that earlier.

const apps = nestApps()
const calls: string[] = []

class Base {
  @Cacheable({ cache: 'rows' })
  async find(id: string): Promise<string> {
    return `row ${id}, load ${calls.push(id)}`
  }
}

@Injectable()
class Plain extends Base {}

@Injectable()
class Single extends Base {
  @Inject('name') readonly name!: string
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest extends Base {
  @Inject('name') readonly name!: string
}

@Injectable({ scope: Scope.TRANSIENT })
class PerPlace extends Base {
  @Inject('name') readonly name!: string
}

test('classes that were there before the module are bound, also those that inherit and have injected properties', async () => {
  const app = await apps.start({
    imports: [CachingModule.forRoot()],
    providers: [
      Plain,
      Single,
      PerRequest,
      PerPlace,
      { provide: 'name', useValue: 'its' },
      { provide: 'place', inject: [PerPlace], useFactory: (its: PerPlace) => ({ its }) },
    ],
  })
  const { its } = app.get<{ its: PerPlace }>('place')
  const all = [
    app.get(Plain),
    app.get(Single),
    await app.resolve(PerRequest),
    await app.resolve(PerRequest),
    await app.resolve(PerPlace),
    its,
  ]
  for (const one of all) expect(await one.find('1')).toBe('row 1, load 1')
  for (const one of all.slice(1)) expect(one).toHaveProperty('name', 'its')
  expect(app.get(CacheManager).stats()).toMatchObject({ loadSuccesses: 1, hits: 5 })
})
