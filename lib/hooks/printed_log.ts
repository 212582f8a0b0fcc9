/** Logs what hooks print, as far as somebody can read it. @module */
import type { Log } from "../net/log.ts";
import type { Clock } from "../policy/clock.ts";
import { type Rate, TokenBucket } from "../policy/rate.ts";

/** Lines that are logged. */
const LINES: Rate = { count: 100, period: 10_000 };

/** Characters of a line that are logged. */
const MAX_SHOWN = 1_000;

/** KiB that may be printed at all: whoever prints more does not mean it to be read. */
const KIBIBYTES: Rate = { count: 1024, period: 10_000 };

/** What it takes to read a line, in characters. */
const LINE_COST = 100;

/** The log of one process of hooks. */
export class PrintedLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #lines: TokenBucket;
  readonly #kibibytes: TokenBucket;
  #dropped = 0;
  #characters = 0;

  /** Begins with nothing printed. */
  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#lines = new TokenBucket(LINES, clock.now());
    this.#kibibytes = new TokenBucket(KIBIBYTES, clock.now());
  }

  /** Takes a line. Answers whether that much may be printed. */
  take(text: string): boolean {
    const now = this.#clock.now();
    if (this.#lines.wait(now) === 0) {
      this.#lines.take(now);
      this.#tellDropped();
      this.#log("info", "hooks-printed", { text: text.slice(0, MAX_SHOWN) });
    } else this.#dropped++;
    for (
      this.#characters += text.length + LINE_COST;
      this.#characters >= 1024;
      this.#characters -= 1024
    ) {
      if (this.#kibibytes.wait(now) > 0) return false;
      this.#kibibytes.take(now);
    }
    return true;
  }

  /** Says how much was not logged. */
  end(): void {
    this.#tellDropped();
  }

  #tellDropped(): void {
    if (this.#dropped > 0) this.#log("warn", "hooks-print-dropped", { lines: this.#dropped });
    this.#dropped = 0;
  }
}
