import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common'
import type { ModulesContainer } from '@nestjs/core'
import type { CacheManager } from '../index'
import type { Binder } from './binder'
import { adoptAll } from './binding'

/** Ties the manager to its application: ready when that is, closed with it. */
export class Lifecycle implements OnModuleInit, OnApplicationShutdown {
  readonly #manager: CacheManager
  readonly #modules: ModulesContainer
  readonly #binder: Binder

  constructor(manager: CacheManager, modules: ModulesContainer, binder: Binder) {
    this.#manager = manager
    this.#modules = modules
    this.#binder = binder
  }

  async onModuleInit(): Promise<void> {
    // A test may have put another manager in the place of the one that was made.
    this.#binder.use(this.#manager)
    adoptAll(this.#modules, this.#manager)
    try {
      await this.#manager.ready()
    } catch (error) {
      // An application that does not start is not closed either.
      await this.#manager.close()
      throw error
    }
  }

  /** By now no request is under way, and what other modules do when they are destroyed is done. */
  async onApplicationShutdown(): Promise<void> {
    await this.#manager.close()
  }
}
