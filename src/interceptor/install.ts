import type { DecoratedMethod } from '../metadata/decorated-method'
import { recordWrapper } from '../metadata/operation-source'
import { dressAs } from '../metadata/reflect'
import { intercept } from './cache-interceptor'
import { type Plan, Planner } from './plan'

/**
 * The function that takes a decorated method's place. It is installed once, by the first of the method's decorators;
 * later ones only record.
 */
export function installInterceptor(method: DecoratedMethod): (...args: unknown[]) => Promise<unknown> {
  let planner: Planner | undefined
  const wrapper = function (this: unknown, ...args: unknown[]): Promise<unknown> {
    // The method is async, so whatever is wrong with a call is a rejection, never a throw.
    try {
      planner ??= plannerOf(method)
      return intercept(planner.planFor(this), method, this, args)
    } catch (error) {
      return Promise.reject(error)
    }
  }
  dressAs(wrapper, method.original)
  recordWrapper(wrapper, method)
  return wrapper
}

const planners = new WeakMap<DecoratedMethod, Planner>()

/** What a call of a method on this object does. */
export function planOf(method: DecoratedMethod, self: unknown): Plan {
  return plannerOf(method).planFor(self)
}

function plannerOf(method: DecoratedMethod): Planner {
  let planner = planners.get(method)
  if (planner === undefined) {
    planner = new Planner(method)
    planners.set(method, planner)
  }
  return planner
}
