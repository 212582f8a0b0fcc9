/** A bar on a terminal for what takes a while. @module */

/** Shows how far something is. */
export interface Progress extends Disposable {
  /** So much is done. */
  at(done: number): void;
}

const WIDTH = 30;
/** How long something has to take before it is worth a bar, and between two of them, in milliseconds. */
const PATIENCE = 500;
const PAUSE = 100;

/**
 * Shows a bar on standard error if that is a terminal, and takes it away in the end.
 *
 * @param total how much there is to do, where that is known
 */
export function showProgress(isTerminal: boolean, total: number | undefined): Progress {
  const encoder = new TextEncoder();
  let next = performance.now() + PATIENCE;
  let isShown = false;
  const write = (text: string) => Deno.stderr.writeSync(encoder.encode(text));
  return {
    at(done) {
      if (!isTerminal || performance.now() < next) return;
      next = performance.now() + PAUSE;
      isShown = true;
      if (total === undefined || total === 0) return void write(`\r${done}\x1b[K`);
      const share = Math.min(1, done / total);
      const filled = Math.round(share * WIDTH);
      const bar = "#".repeat(filled) + ".".repeat(WIDTH - filled);
      write(`\r[${bar}] ${Math.floor(share * 100)} % ${done} of ${total}\x1b[K`);
    },
    [Symbol.dispose]() {
      if (isShown) write("\r\x1b[K");
    },
  };
}
