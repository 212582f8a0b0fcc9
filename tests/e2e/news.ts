/** Waits until something is so, asking again whenever there is news and at no other time. @module */
export class News {
  #next = Promise.withResolvers<void>();

  /** Something has changed. */
  tell(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  /** Settles once it is so. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#next.promise;
  }
}
