/** Reads what was delivered into a Maildir. */
import { assert, assertEquals } from "@std/assert";

const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A delivered message, taken apart. */
export interface Delivered {
  /** What stands in Return-Path. */
  readonly returnPath: string;
  /** The Received field that we wrote, with its CR LF. */
  readonly received: string;
  /** What the client sent. */
  readonly content: Uint8Array;
}

/** The Received field of ours at the beginning of octets, and what is behind it. */
export function splitReceived(octets: Uint8Array): { received: string; content: Uint8Array } {
  const top = latin1.decode(octets.subarray(0, 4096));
  const received = /^Received: from [^\r\n]*\r\n(?:\t[^\r\n]*\r\n)*/.exec(top)?.[0];
  assert(received !== undefined, `Cannot find our Received field in ${JSON.stringify(top)}`);
  assert(
    received.includes(" by mx.smtpd.test ") || received.includes("\tby mx.smtpd.test "),
    received,
  );
  return { received, content: octets.subarray(received.length) };
}

/** As {@linkcode splitReceived}, for the field of another server, with the line ends that it stores. */
export function splitForeignReceived(
  octets: Uint8Array,
  lineEnd: "\r\n" | "\n",
): { received: string; content: Uint8Array } {
  const top = latin1.decode(octets.subarray(0, 4096));
  const pattern = new RegExp(`^Received: [^\r\n]*${lineEnd}(?:\t[^\r\n]*${lineEnd})*`);
  const received = pattern.exec(top)?.[0];
  assert(received !== undefined, `Cannot find a Received field in ${JSON.stringify(top)}`);
  return { received, content: octets.subarray(received.length) };
}

/** Takes the trace fields off a delivered message, which must be there in their exact form. */
export function takeApart(file: Uint8Array): Delivered {
  const end = file.indexOf(10) + 1;
  const field = utf8.decode(file.subarray(0, end));
  const returnPath = /^Return-Path: <([^\r\n]*)>\r\n$/.exec(field)?.[1];
  assert(returnPath !== undefined, `Cannot find Return-Path in ${JSON.stringify(field)}`);
  return { returnPath, ...splitReceived(file.subarray(end)) };
}

/** The messages of a mailbox, `ROOT/<domain>/<local part>`; none where there is no such mailbox. */
export function readMailbox(mailbox: string): Uint8Array[] {
  return fileNames(`${mailbox}/new`).map((name) => Deno.readFileSync(`${mailbox}/new/${name}`));
}

/** Fails where a delivery has left something that is not a message. */
export function assertNothingLeft(root: string): void {
  for (const mailbox of mailboxNames(root)) assertEquals(fileNames(`${root}/${mailbox}/tmp`), []);
}

/** The names of files in a directory; none where it is not there. */
export function fileNames(directory: string): string[] {
  try {
    return Array.from(Deno.readDirSync(directory), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** The mailboxes below a root, as `domain/local part`. */
export function mailboxNames(root: string): string[] {
  return fileNames(root).flatMap((domain) =>
    fileNames(`${root}/${domain}`).map((name) => `${domain}/${name}`)
  ).sort();
}
