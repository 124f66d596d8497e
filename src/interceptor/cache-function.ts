import { DecoratedMethod } from '../metadata/decorated-method'
import type { Operation } from '../metadata/operation'
import { dressAs } from '../metadata/reflect'
import { installInterceptor } from './install'

/** What a function has instead of an object: one, so that its plan is made once. */
class FunctionCall {}

/** The function that takes the place of one without a class. */
export function interceptFunction(
  original: Function,
  operationFor: (where: string) => Operation,
): (...args: unknown[]) => Promise<unknown> {
  const place = {
    name: original.name || 'anonymous',
    isStatic: false,
    isPrivate: false,
    home: undefined,
    metadata: undefined,
    parameterTypes: undefined,
  }
  const method = new DecoratedMethod(place, original)
  method.add(operationFor(`function '${place.name}'`))
  const wrapper = installInterceptor(method)
  const self = new FunctionCall()
  const standIn = (...args: unknown[]): Promise<unknown> => Reflect.apply(wrapper, self, args)
  dressAs(standIn, original)
  return standIn
}
