/** What happens on the server, as it happens. @module */
/** @import { Item } from "./types.d.ts" */

/** The waits before the connection is tried again, in milliseconds; the last is kept to. */
const WAITS = [1000, 2000, 5000, 10_000, 30_000];

/**
 * @typedef {object} ServerListener
 * @property {(item: Item) => void} arrived
 * @property {(ids: readonly string[]) => void} changed
 * @property {(ids: readonly string[]) => void} gone
 * @property {(isAgain: boolean) => void} connected
 *   `isAgain` where the connection was lost, and what happened meanwhile is not known
 * @property {() => void} lost
 */

/** Listens to the server until the page is left. */
export class ServerEvents {
  #listener;
  #failures = 0;
  /** @type {"connecting" | "live" | "lost"} */
  #state = "connecting";

  /** Connects. @param {ServerListener} listener */
  constructor(listener) {
    this.#listener = listener;
    this.#connect();
  }

  /** Tells another what happens from now on, and how the connection is. @param {ServerListener} listener */
  listen(listener) {
    this.#listener = listener;
    if (this.#state === "live") listener.connected(false);
    else if (this.#state === "lost") listener.lost();
  }

  #connect() {
    const source = new EventSource("/api/events");
    source.addEventListener("open", () => {
      const wasLost = this.#state === "lost";
      this.#state = "live";
      this.#failures = 0;
      this.#listener.connected(wasLost);
    });
    source.addEventListener("error", () => {
      // A browser tries again by itself, but not after every failure, and not ever more seldom.
      source.close();
      this.#state = "lost";
      this.#listener.lost();
      setTimeout(() => this.#connect(), WAITS[Math.min(this.#failures++, WAITS.length - 1)]);
    });
    source.addEventListener("arrived", ({ data }) => this.#listener.arrived(JSON.parse(data)));
    source.addEventListener("changed", ({ data }) => this.#listener.changed(JSON.parse(data).ids));
    source.addEventListener("gone", ({ data }) => this.#listener.gone(JSON.parse(data).ids));
  }
}
