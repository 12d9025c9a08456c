/** The way between an engine and its host. What is sent while it is cut arrives once it is mended. */
export class FakeLine {
  #mended = Promise.withResolvers<undefined>();
  #cut = false;
  /** It has been cut at some time. */
  disturbed = false;

  get isCut(): boolean {
    return this.#cut;
  }

  cut(): void {
    this.#cut = true;
    this.disturbed = true;
    this.#mended = Promise.withResolvers<undefined>();
  }

  mend(): void {
    this.#cut = false;
    this.#mended.resolve(undefined);
  }

  async up(): Promise<void> {
    if (this.#cut) await this.#mended.promise;
  }
}
