import { Inject, Optional } from '@nestjs/common'
import type { ModulesContainer } from '@nestjs/core'
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper'
import { type CacheManager, isDecoratedClass, onDecoratedClass } from '../index'
import { Binder } from './binder'

/*
 * Which manager an object uses is decided for each object, by the injector that makes it: one class may be at home in
 * several applications of a process. So a class with decorated methods gets one more injected property, the binder of
 * whichever application asks, and its setter binds the object. Nest fills it for all it makes, whatever their scope. What
 * Nest does not make itself, it is handed: that is bound when all of it is there.
 */

const binding = Symbol('cachewright.binding')

let isListening = false

/** Has the binder injected into objects of every class that has decorated methods, or will have. */
export function injectIntoDecorated(): void {
  if (isListening) return
  isListening = true
  onDecoratedClass(injectInto)
}

function injectInto({ prototype }: Function): void {
  Object.defineProperty(prototype, binding, {
    set(this: object, binder: Binder) {
      binder.adopt(this)
    },
    configurable: true,
  })
  Inject(Binder)(prototype as object, binding)
  // An application without this module may have the class too.
  Optional()(prototype as object, binding)
}

/** Binds what factories and values gave, and what they will give: nothing is injected into that. */
export function adoptAll(modules: ModulesContainer, manager: CacheManager): void {
  const all = [...modules.values()].flatMap(({ providers, controllers, injectables }) => [
    ...providers.values(),
    ...controllers.values(),
    ...injectables.values(),
  ]) as InstanceWrapper[]
  const provider = all.find(({ token }) => token === Binder)
  for (const wrapper of all) {
    if (wrapper.isTransient) for (const host of wrapper.getStaticTransientInstances()) manager.adopt(host?.instance)
    else if (wrapper.isDependencyTreeStatic()) manager.adopt(wrapper.instance)
    if (wrapper.isTransient || !wrapper.isDependencyTreeStatic()) adoptEach(wrapper, manager, provider)
  }
}

/** The same for objects that are made for each request, or each place they are injected into. */
function adoptEach(wrapper: InstanceWrapper, manager: CacheManager, provider: InstanceWrapper | undefined): void {
  const { metatype, inject } = wrapper
  if (typeof metatype !== 'function') return
  if (inject !== undefined && inject !== null) {
    const make = metatype as (...dependencies: unknown[]) => unknown
    wrapper.metatype = async (...dependencies: unknown[]) => {
      const made = await make(...dependencies)
      manager.adopt(made)
      return made
    }
    return
  }
  // One that nobody uses: so ready() looks over the methods of the class before the first is made.
  manager.adopt(Object.create(metatype.prototype as object))
  // Of standard decorators Nest learns only here; and a class with injected properties of its own may have been there
  // before the one it inherits decorated methods from was given ours.
  if (!isDecoratedClass(metatype)) return
  if (!Object.hasOwn(metatype.prototype, binding)) injectInto(metatype)
  const known = wrapper.getPropertiesMetadata()
  const isKnown = known === undefined || known.some(({ key }) => (key as string | symbol) === binding)
  if (!isKnown && provider !== undefined) wrapper.addPropertiesMetadata(binding, provider)
}
