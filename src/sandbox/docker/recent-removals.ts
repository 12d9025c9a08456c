/** Containers that are remembered; their events arrive within seconds. */
const REMEMBERED = 10_000;

/** The containers that this controller has removed lately. */
export class RecentRemovals {
  /** A set keeps the order of insertion: the first entry is the oldest. */
  readonly #ids = new Set<string>();

  add(id: string): void {
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > REMEMBERED && oldest !== undefined) this.#ids.delete(oldest);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}
