/** Those who are told what happens. @module */

/** A set of listeners. */
export class Listeners<T> {
  readonly #listeners = new Set<{ readonly listener: (event: T) => void }>();

  /** Whether somebody listens. */
  get isAny(): boolean {
    return this.#listeners.size > 0;
  }

  /** Adds a listener, until the answer is disposed of. */
  add(listener: (event: T) => void): Disposable {
    const entry = { listener };
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  /** Tells all of them. One that throws has a bug, which is neither the teller's nor the others' affair. */
  tell(event: T): void {
    for (const { listener } of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
