/** Waiting for whoever has something open for a moment. @module */
import { StoreError } from "../queue/store_error.ts";

/** How long to try while a server starts or stops, or another command is at work, in milliseconds. */
const PATIENCE = 10_000;
const PAUSE = 50;

/**
 * Tries again while somebody else has what is opened, for ten seconds.
 *
 * @param failed makes what is thrown out of the error of the last attempt
 */
export async function patiently<T>(
  open: () => T | Promise<T>,
  failed: (error: unknown) => unknown,
): Promise<T> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const isHeld = error instanceof StoreError &&
        (error.kind === "locked" || error.kind === "busy");
      if (!isHeld || performance.now() > end) throw failed(error);
      await new Promise((resolve) => setTimeout(resolve, PAUSE * (1 + Math.random())));
    }
  }
}
