/** What happens on the server, as it happens. @module */
/** @import { Item } from "./types.d.ts" */

/** The waits before the connection is tried again, in milliseconds; the last is kept to. */
const WAITS = [1000, 2000, 5000, 10_000, 30_000];

/**
 * Listens to the server until the page is left.
 *
 * @param {object} listener
 * @param {(item: Item) => void} listener.arrived
 * @param {(ids: readonly string[]) => void} listener.changed
 * @param {(ids: readonly string[]) => void} listener.gone
 * @param {(isAgain: boolean) => void} listener.connected
 *   `isAgain` where the connection was lost, and what happened meanwhile is not known
 * @param {() => void} listener.lost
 */
export function watchEvents(listener) {
  let failures = 0;
  let wasLost = false;

  function connect() {
    const source = new EventSource("/api/events");
    source.addEventListener("open", () => {
      listener.connected(wasLost);
      failures = 0;
      wasLost = false;
    });
    source.addEventListener("error", () => {
      // A browser tries again by itself, but not after every failure, and not ever more seldom.
      source.close();
      wasLost = true;
      listener.lost();
      setTimeout(connect, WAITS[Math.min(failures++, WAITS.length - 1)]);
    });
    source.addEventListener("arrived", ({ data }) => listener.arrived(JSON.parse(data)));
    source.addEventListener("changed", ({ data }) => listener.changed(JSON.parse(data).ids));
    source.addEventListener("gone", ({ data }) => listener.gone(JSON.parse(data).ids));
  }

  connect();
}
