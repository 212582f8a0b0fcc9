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

/** Where a bar is shown, and how long things take. */
export interface ProgressOptions {
  /** How much there is to do, where that is known. */
  readonly total: number | undefined;
  /** Writes to the terminal; standard error if left out. */
  readonly write?: (text: string) => void;
  /** Tells the time in milliseconds, for tests. */
  readonly now?: () => number;
}

const encoder = new TextEncoder();

/** Shows a bar once something takes longer than a moment, and takes it away in the end. */
export function showProgress(options: ProgressOptions): Progress {
  const {
    total,
    write = (text) => void Deno.stderr.writeSync(encoder.encode(text)),
    now = () => performance.now(),
  } = options;
  let next = now() + PATIENCE;
  let isShown = false;
  return {
    at(done) {
      if (now() < next) return;
      next = now() + PAUSE;
      isShown = true;
      if (total === undefined || total === 0) return write(`\r${done}\x1b[K`);
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

/** Shows nothing, where there is no terminal. */
export const NO_PROGRESS: Progress = { at() {}, [Symbol.dispose]() {} };
