import { loadCatalog, type CatalogFiles } from './load.ts';
import type { Catalog } from './schema.ts';

/**
 * The catalog in force. Who holds it sees a reload at its next look; a rollout holds its task, and a task never
 * changes.
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

  /** What the files say now; not in force yet. @throws ConfigurationError */
  read(): Catalog {
    return loadCatalog(this.#files, this.#current);
  }

  /** All of it, from now on. */
  take(next: Catalog): void {
    this.#current = next;
  }
}
