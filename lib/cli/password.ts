/** Asks for a password, which is never shown, logged, or part of an error. @module */
import { EXIT, Failure } from "./failure.ts";
import type { Surroundings, Terminal } from "./surroundings.ts";

/** The longest password in octets. What clients send with PLAIN has to fit into a line. */
const MAX_PASSWORD = 1_024;

/** Keys, by the octets that a terminal sends for them. */
const KEY = { interrupt: 3, end: 4, backspace: 8, lf: 10, cr: 13, clear: 21, delete: 127 } as const;

function badData(wrong: string, mend: string): Failure {
  return new Failure(EXIT.badData, wrong, mend);
}

function tooLong(): Failure {
  return badData(`the password is longer than ${MAX_PASSWORD} octets`, "choose a shorter one");
}

function textOf(octets: readonly number[]): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(octets),
    );
  } catch {
    throw badData("the password is not UTF-8", "use a terminal or a file in UTF-8");
  }
}

/** Reads the octets of standard input one by one. */
function octetsOf(around: Surroundings): () => Promise<number | undefined> {
  const buffer = new Uint8Array(256);
  let [at, end] = [0, 0];
  return async () => {
    if (at === end) {
      const count = await around.read(buffer);
      if (count === null) return undefined;
      [at, end] = [0, count];
    }
    return buffer[at++];
  };
}

/** Takes the last character away, however many octets it has. */
function eraseLast(octets: number[]): void {
  while (octets.length > 0) {
    if ((octets.pop()! & 0xc0) !== 0x80) return;
  }
}

/**
 * Reads what is typed up to the end of the line, on a terminal that shows none of it.
 *
 * @returns the line, or `undefined` if Ctrl-C ended it
 */
async function readKeys(
  next: () => Promise<number | undefined>,
): Promise<readonly number[] | undefined> {
  const octets: number[] = [];
  for (;;) {
    const key = await next();
    switch (key) {
      case KEY.interrupt:
        return undefined;
      case undefined:
      case KEY.end:
      case KEY.lf:
      case KEY.cr:
        return octets;
      case KEY.backspace:
      case KEY.delete:
        eraseLast(octets);
        break;
      case KEY.clear:
        octets.length = 0;
        break;
      default:
        // Keys such as arrows come as an ESC and more: no password has one, which is said of it later.
        octets.push(key);
        if (octets.length > MAX_PASSWORD) throw tooLong();
    }
  }
}

/** Asks twice, so that a slip of the finger is noticed. */
async function askTwice(
  name: string,
  terminal: Terminal,
  around: Surroundings,
): Promise<string | undefined> {
  const next = octetsOf(around);
  const answers: string[] = [];
  terminal.setRaw(true);
  try {
    for (const question of [`Password for ${name}: `, "The same again: "]) {
      terminal.show(question);
      try {
        const keys = await readKeys(next);
        if (keys === undefined) return undefined;
        if (keys.length === 0) throw badData("the password is empty", "type one");
        answers.push(textOf(keys));
      } finally {
        terminal.show("\n");
      }
    }
  } finally {
    terminal.setRaw(false);
  }
  if (answers[0] !== answers[1]) throw badData("the two passwords differ", "try again");
  return answers[0];
}

/** Reads the first line of standard input, which may be all of it. */
async function readLine(around: Surroundings): Promise<string> {
  const next = octetsOf(around);
  const octets: number[] = [];
  for (;;) {
    const octet = await next();
    if (octet === undefined || octet === KEY.lf) break;
    octets.push(octet);
    // One more for the CR in front of the LF.
    if (octets.length > MAX_PASSWORD + 1) throw tooLong();
  }
  if (octets.at(-1) === KEY.cr) octets.pop();
  if (octets.length > MAX_PASSWORD) throw tooLong();
  if (octets.length === 0) {
    throw badData("there is no password on standard input", "write it there, as the first line");
  }
  return textOf(octets);
}

/**
 * Asks for the password of an account: on a terminal twice and unseen, else it is the first line of
 * standard input, without the LF or CR LF that ends it.
 *
 * @returns the password, or `undefined` if Ctrl-C was the answer
 * @throws {Failure} with exit code 65 if it is empty, too long, not UTF-8, or typed in two ways
 */
export function askPassword(name: string, around: Surroundings): Promise<string | undefined> {
  const terminal = around.terminal();
  return terminal === undefined ? readLine(around) : askTwice(name, terminal, around);
}
