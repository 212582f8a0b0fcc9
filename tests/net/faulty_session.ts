/** Sessions that fail as scripted, and a client that shows what becomes of it. @module */
import { parseFault } from "../../lib/policy/faults/fault_parser.ts";
import { Faults } from "../../lib/policy/faults/faults.ts";
import type { TestSession } from "./session_fixture.ts";

/** Faults by their rules. */
export function faultsOf(...rules: string[]): Faults {
  return new Faults(rules.map(parseFault));
}

/** One session in which all of it is said at once, by a client that goes behind the last reply. */
export const DIALOG = [
  "EHLO client.test",
  "MAIL FROM:<ann@a.test>",
  "RCPT TO:<joe@example.org>",
  "DATA",
  "Subject: x\r\n\r\nhello\r\n.",
  "QUIT",
];

/** The codes of replies, and a cross where the server has closed before QUIT was answered. */
export function codesOf(replies: string): string {
  const codes = [...replies.matchAll(/^(\d{3}) /gm)].map(([, code]) => code);
  return codes.at(-1) === "221" ? codes.join(" ") : [...codes, "x"].join(" ");
}

/** What a client is told that waits for each reply before it goes on. */
export async function converse(session: TestSession, lines: readonly string[]): Promise<string> {
  const { client } = session;
  let replies = "";
  try {
    replies += await client.reply();
    for (const line of lines) {
      // Outside mail data each line of the message has a reply of its own.
      const isData = !line.includes("\r\n") || /^354 .*\r\n$/m.test(replies);
      for (const each of isData ? [line] : line.split("\r\n")) replies += await client.say(each);
    }
  } catch {
    replies += await client.rest();
  }
  return replies;
}
