import { loadCatalog, type CatalogFiles } from './load.ts';
import type { Catalog } from './schema.ts';

/**
 * The configuration in force. Its getters return the new catalog after a reload. A rollout keeps the task that it began
 * with, because a `Task` never changes.
 */
export class LiveCatalog implements Catalog {
  readonly #files: CatalogFiles;
  #current: Catalog;

  /** @throws ConfigurationError */
  constructor(files: CatalogFiles) {
    this.#files = files;
    this.#current = loadCatalog(files);
  }

  get defaultTask(): Catalog['defaultTask'] {
    return this.#current.defaultTask;
  }

  get tasks(): Catalog['tasks'] {
    return this.#current.tasks;
  }

  get images(): Catalog['images'] {
    return this.#current.images;
  }

  get policies(): Catalog['policies'] {
    return this.#current.policies;
  }

  /** Reads the files again; the result is not in force yet. @throws ConfigurationError */
  read(): Catalog {
    return loadCatalog(this.#files, this.#current);
  }

  /** Puts `next` in force, as a whole. */
  take(next: Catalog): void {
    this.#current = next;
  }
}
