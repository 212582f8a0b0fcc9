/** Tells those who look at the inbox what happens, at a pace that they can follow. @module */
import type { Clock } from "../net/clock.ts";
import { Listeners } from "../queue/listeners.ts";
import type { InboxEvent } from "./inbox.ts";
import type { Summary } from "./message_index.ts";

/** How long changes are gathered, in milliseconds, and how many ids are told at once. */
const PACE = 100;
const MOST_IDS = 500;

/** The events of an inbox. */
export class InboxEvents implements Disposable {
  readonly #clock: Clock;
  readonly #listeners = new Listeners<InboxEvent>();
  /** What has changed and was not told yet: as much as the index is changed in one pace. */
  readonly #changed = new Set<string>();
  #timer: Disposable | undefined;

  /** Tells nothing by itself. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds a listener, until the answer is disposed of. */
  watch(listener: (event: InboxEvent) => void): Disposable {
    return this.#listeners.add(listener);
  }

  /** A message has come. */
  arrived(summary: Summary): void {
    this.#listeners.tell({ type: "arrived", summary });
  }

  /** Messages have changed. */
  changed(ids: readonly string[]): void {
    if (!this.#listeners.isAny) return;
    for (const id of ids) this.#changed.add(id);
    this.#timer ??= this.#clock.after(PACE, () => this.#tellChanged());
  }

  /** Messages are gone. */
  gone(ids: readonly string[]): void {
    for (const id of ids) this.#changed.delete(id);
    this.#tellIds("gone", ids);
  }

  /** Tells nothing any more. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#changed.clear();
  }

  #tellChanged(): void {
    this.#timer = undefined;
    const ids = [...this.#changed];
    this.#changed.clear();
    this.#tellIds("changed", ids);
  }

  #tellIds(type: "changed" | "gone", ids: readonly string[]): void {
    for (let i = 0; i < ids.length; i += MOST_IDS) {
      this.#listeners.tell({ type, ids: ids.slice(i, i + MOST_IDS) });
    }
  }
}
