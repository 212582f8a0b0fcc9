/**
 * Writes what the layers below say, one event a line, through a handler of @std/log.
 *
 * Lines gather and are written once a turn of the event loop: a write for each line would cost more
 * than most of what it reports.
 *
 * @module
 */
import { BaseHandler, type LevelName, LogLevels } from "@std/log";
import type { Log, LogFields, LogLevel } from "./net/log.ts";
import { printable } from "./smtp/reply.ts";

/** How lines look: `text` for people, `json` for programs. */
export type LogFormat = "text" | "json";

/** Where lines go, and the time that stands on them. */
export interface LogOutput {
  /** Takes some of the octets and answers how many. Throws where it takes none now. */
  writeSync(bytes: Uint8Array): number;
  /** Milliseconds since the epoch. */
  now?(): number;
}

/** A log that gathers its lines. */
export interface LineLog extends Disposable {
  /** Takes one event. */
  readonly log: Log;
  /** Writes what has gathered. Disposing does the same. */
  flush(): void;
}

/** So much gathers before it is written, without waiting for the time below. */
const FLUSH_AT = 16 * 1024;

/**
 * How long a line may wait for others, in milliseconds. A timer and a write for each turn of the event
 * loop would cost a busy server a sixth of its time; nobody reads a log faster than this.
 */
const GATHER = 20;

/** So much is kept for a reader that does not keep up; behind it, lines are counted and dropped. */
const MAX_KEPT = 1024 * 1024;

/** How long to wait for a reader that does not keep up, in milliseconds. */
const RETRY_DELAY = 50;

const ESCAPED = /[^\x20-\x7e]/g;

/** Text that needs no quotes: printable, and without what separates fields. */
const PLAIN = /^[!#-<>-[\]-~]+$/;

function textValue(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value);
  if (PLAIN.test(value)) return value;
  return `"${printable(value.replace(/[\\"]/g, "\\$&")).replaceAll("\t", "\\x09")}"`;
}

/** Text that JSON has as it is. */
const PLAIN_JSON = /^[ !#-[\]-~]*$/;

/** JSON of printable ASCII alone: nothing in it can move a cursor or turn the direction of text. */
function jsonValue(value: string | number | boolean): string {
  if (typeof value === "string" && PLAIN_JSON.test(value)) return `"${value}"`;
  return JSON.stringify(value).replace(
    ESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function formatText(time: string, level: string, event: string, fields: LogFields): string {
  let line = `${time} ${level} event=${textValue(event)}`;
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) line += ` ${name}=${textValue(value)}`;
  }
  return `${line}\n`;
}

function formatJson(time: string, level: string, event: string, fields: LogFields): string {
  let line = `{"time":"${time}","level":"${level}","event":${jsonValue(event)}`;
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) line += `,${jsonValue(name)}:${jsonValue(value)}`;
  }
  return `${line}}\n`;
}

/** Gathers lines and writes them together. */
class BatchHandler extends BaseHandler {
  readonly #output: LogOutput;
  readonly #encoder = new TextEncoder();
  #gathered = "";
  #kept: Uint8Array = new Uint8Array(0);
  #dropped = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #droppedLine: (lines: number) => string;

  constructor(level: LevelName, output: LogOutput, droppedLine: (lines: number) => string) {
    super(level, { formatter: ({ msg }) => `${msg}\n` });
    this.#output = output;
    this.#droppedLine = droppedLine;
  }

  override log(line: string): void {
    if (this.#kept.length > MAX_KEPT) {
      this.#dropped++;
      return;
    }
    this.#gathered += line;
    if (this.#gathered.length >= FLUSH_AT) this.flush();
    else this.#flushLater(GATHER);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#encoder.encode(this.#gathered);
    this.#gathered = "";
    let rest = this.#kept.length === 0 ? lines : concat(this.#kept, lines);
    try {
      for (let taken = 1; rest.length > 0 && taken > 0;) {
        taken = this.#output.writeSync(rest);
        rest = rest.subarray(taken);
      }
    } catch (error) {
      // A pipe that is full takes the rest later. One that nobody reads any more never does, and
      // there is no better place to say so.
      if (!(error instanceof Deno.errors.WouldBlock)) rest = rest.subarray(rest.length);
    }
    this.#kept = rest;
    if (rest.length > 0) return this.#flushLater(RETRY_DELAY);
    if (this.#dropped === 0) return;
    const line = this.#droppedLine(this.#dropped);
    this.#dropped = 0;
    this.log(line);
  }

  #flushLater(delay: number): void {
    this.#timer ??= setTimeout(() => this.flush(), delay);
  }

  override destroy(): void {
    this.flush();
    clearTimeout(this.#timer);
  }
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

/** RFC 3339 time of now; made anew only when a millisecond has passed. */
function timestamps(now: () => number): () => string {
  let last = NaN;
  let text = "";
  return () => {
    const time = now();
    if (time !== last) [last, text] = [time, new Date(time).toISOString()];
    return text;
  };
}

const LEVEL_NAMES: { readonly [L in LogLevel]: LevelName } = {
  debug: "DEBUG",
  info: "INFO",
  warn: "WARN",
  error: "ERROR",
};

/**
 * Makes a log that writes events of a level and above. Events of level `error` are written at once,
 * the others within 20 ms, or when 16 KiB have gathered.
 */
export function lineLog(
  level: LogLevel,
  format: LogFormat,
  output: LogOutput = Deno.stderr,
): LineLog {
  const write = format === "text" ? formatText : formatJson;
  const timestamp = timestamps(output.now ?? Date.now);
  const handler = new BatchHandler(
    LEVEL_NAMES[level],
    output,
    (lines) => write(timestamp(), "warn", "log_lines_dropped", { lines }),
  );
  // The handler is given lines without a Logger between: the record that one makes of each call, with
  // its dates and copies, costs twice as much as everything here.
  function log(level: LogLevel, event: string, fields: LogFields): void {
    if (LogLevels[LEVEL_NAMES[level]] < handler.level) return;
    handler.log(write(timestamp(), level, event, fields));
    if (level === "error") handler.flush();
  }
  return { log, flush: () => handler.flush(), [Symbol.dispose]: () => handler.destroy() };
}
