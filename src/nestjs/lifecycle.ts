import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common'
import type { ModulesContainer } from '@nestjs/core'
import type { CacheManager } from '../index'
import { adoptAll } from './binding'

/** Ties the manager to its application: ready when that is, closed with it. */
export class Lifecycle implements OnModuleInit, OnApplicationShutdown {
  readonly #manager: CacheManager
  readonly #modules: ModulesContainer

  constructor(manager: CacheManager, modules: ModulesContainer) {
    this.#manager = manager
    this.#modules = modules
  }

  async onModuleInit(): Promise<void> {
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
