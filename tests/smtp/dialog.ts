/**
 * Golden dialogs: text files that say what either side writes, line by line.
 *
 *     # A comment. Empty lines are dropped.
 *     S: 220 mx.example.org ESMTP
 *     C: EHLO client.example.org
 *     A: mail <a@example.org> size=100
 *     E: ready
 *
 * `C:` is what the client writes and `S:` what the server writes; one of the two is under test and
 * the other is read out to it. `A:` is an action of the application above the side under test, and
 * `E:` something that this side must have told it. A line ends in CR LF, unless a backslash is its
 * last character. `\r`, `\n`, `\t`, `\\` and `\xHH` stand for octets, `\{N}` for the octet before
 * repeated N times in all; characters above 127 are UTF-8.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { join, splits, text } from "./wire.ts";

/** One line of a dialog. */
export interface DialogLine {
  /** Who writes it, or `A` for an action and `E` for an event. */
  readonly kind: "C" | "S" | "A" | "E";
  /** What stands behind the colon, as it was written. */
  readonly text: string;
  /** The octets on the wire, of a `C` or `S` line. */
  readonly bytes: Uint8Array;
  /** The line number in the file, from 1. */
  readonly number: number;
}

/** The side under test. */
export interface Side {
  /** Takes octets from the other side and handles all that comes of them. */
  receive(bytes: Uint8Array): void;
  /** Gives, and forgets, the octets that wait to be written. */
  takeOutput(): Uint8Array;
  /** Does what an `A:` line says. */
  act(action: string): void;
  /** Gives, and forgets, what was told to the application, in the words of `E:` lines. */
  takeEvents(): string[];
}

/** Reads the text of a dialog file. */
export function parseDialog(source: string): DialogLine[] {
  const lines: DialogLine[] = [];
  for (const [index, line] of source.split("\n").entries()) {
    if (line.startsWith("#") || line.trim() === "") continue;
    const match = /^([CSAE]):(?: (.*))?$/.exec(line);
    if (match === null) throw new SyntaxError(`Cannot read dialog line ${index + 1}: ${line}`);
    const [, kind, written = ""] = match;
    lines.push({
      kind: kind as DialogLine["kind"],
      text: written,
      bytes: unescape(written),
      number: index + 1,
    });
  }
  return lines;
}

const ESCAPES = new Map([["r", 13], ["n", 10], ["t", 9], ["\\", 92]]);

/** The octets that a line of a dialog stands for. */
export function unescape(written: string): Uint8Array {
  const out: number[] = [];
  const encoder = new TextEncoder();
  for (
    const [part, hex, repeat, letter] of written.matchAll(
      /\\x([0-9A-Fa-f]{2})|\\\{(\d+)\}|\\([rnt\\])|\\$|[^\\]+|\\/g,
    )
  ) {
    if (hex !== undefined) out.push(parseInt(hex, 16));
    else if (repeat !== undefined) {
      const octet = out.at(-1) ?? 0;
      for (let i = 1; i < Number(repeat); i++) out.push(octet);
    } else if (letter !== undefined) out.push(ESCAPES.get(letter) ?? 0);
    else if (part !== "\\") out.push(...encoder.encode(part));
    else return Uint8Array.from(out);
  }
  out.push(13, 10);
  return Uint8Array.from(out);
}

/**
 * Runs a dialog against one side, over and over: with what the other side writes between two
 * answers whole, octet by octet, in threes, and cut in two wherever it can be.
 *
 * @param lines the dialog
 * @param under which side is under test
 * @param make makes the side under test anew for each run
 */
export function runDialog(lines: DialogLine[], under: "C" | "S", make: () => Side): void {
  const other = under === "C" ? "S" : "C";
  const turns = takeTurns(lines);
  const ways = turns.map(({ kind, bytes }) => kind === other ? [...splits(bytes)] : []);
  const count = Math.max(1, ...ways.map((way) => way.length));
  for (let way = 0; way < count; way++) {
    const side = make();
    for (const [index, turn] of turns.entries()) {
      // A turn with fewer ways than the longest one is delivered whole again.
      const split = ways[index][way] ?? ways[index][0];
      const where = `line ${turn.number}, ${split?.name ?? `way ${way}`}`;
      if (turn.kind === "A") side.act(turn.text);
      else if (turn.kind === "E") assertEquals(side.takeEvents(), turn.texts, where);
      else if (turn.kind === other) { for (const segment of split.segments) side.receive(segment); }
      else assertEquals(text(side.takeOutput()), text(turn.bytes), where);
    }
    assertEquals(text(side.takeOutput()), "", "more was written than the dialog says");
    assertEquals(side.takeEvents(), [], "more was told than the dialog says");
  }
}

/** Lines of the same side that follow each other are one turn; each action is one of its own. */
function takeTurns(lines: DialogLine[]): (DialogLine & { texts: string[] })[] {
  const turns: (DialogLine & { texts: string[] })[] = [];
  for (const line of lines) {
    const last = turns.at(-1);
    if (last !== undefined && last.kind === line.kind && line.kind !== "A") {
      turns[turns.length - 1] = {
        ...last,
        bytes: join([last.bytes, line.bytes]),
        texts: [...last.texts, line.text],
      };
    } else {
      turns.push({ ...line, texts: [line.text] });
    }
  }
  return turns;
}

/** Reads every dialog of a folder beside this file, such as `dialogs/sender`. */
export async function readDialogs(folder: string): Promise<Map<string, DialogLine[]>> {
  const dialogs = new Map<string, DialogLine[]>();
  const root = new URL(`./dialogs/${folder}/`, import.meta.url);
  for await (const entry of Deno.readDir(root)) {
    if (!entry.name.endsWith(".txt")) continue;
    dialogs.set(entry.name, parseDialog(await Deno.readTextFile(new URL(entry.name, root))));
  }
  return new Map([...dialogs].toSorted(([a], [b]) => a < b ? -1 : 1));
}
