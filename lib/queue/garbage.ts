/** Garbage, and how it is collected. A module of its own, since what it needs takes a thread 25 ms to load. @module */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

function findCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("globalThis.gc");
  return typeof found === "function" ? () => void found() : () => {};
}

let collector: (() => void) | undefined;

/**
 * Collects all garbage of this thread. The runtime shows a program no way to ask for that, but a context that
 * is made behind V8's flag has one; where it has none, nothing is done.
 */
export function collectGarbage(): void {
  collector ??= findCollector();
  collector();
}
