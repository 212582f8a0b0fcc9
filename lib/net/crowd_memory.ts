/** Gives back the memory of a crowd of clients that has left. @module */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So many connections at once leave enough behind to be worth a pause. */
const CROWD = 1000;

/** Which part of a crowd is still there when it counts as gone. */
const REST = 1 / 10;

/**
 * Collects all garbage. The runtime shows a program no way to ask for that, but a context that is made
 * behind V8's flag has one; where it has none, nothing is done.
 */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("globalThis.gc");
  if (typeof collect === "function") collect();
}

/**
 * Watches how many connections there are. V8 collects what is old only when as much again was allocated:
 * behind 10,000 connections a server with little to do would keep their 200 MiB for days. A collection
 * takes some 30 ms, and comes once or twice for a crowd.
 */
export class CrowdMemory {
  readonly #collect: () => void;
  #most = 0;

  /** Collects with a function of the caller's, or V8's. */
  constructor(collect: () => void = collectGarbage) {
    this.#collect = collect;
  }

  /** Tells that there are so many connections now. */
  count(connections: number): void {
    if (connections > this.#most) this.#most = connections;
    if (this.#most < CROWD || connections > this.#most * REST) return;
    this.#most = connections;
    this.#collect();
  }
}
