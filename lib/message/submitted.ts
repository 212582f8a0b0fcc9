/** Makes a message fit to be sent of what a program on this host wrote. @module */
import { joinOctets } from "../smtp/octets.ts";
import { parseAddressList } from "./address_list.ts";
import { dateTime } from "./date_time.ts";
import { encodedWords } from "./encoded_words.ts";
import {
  fieldEnd,
  fieldNameEnd,
  isFolding,
  isMailStoreLine,
  parseHeader,
  type RawField,
  rawFields,
} from "./header.ts";
import { HeaderScanner } from "./header_scanner.ts";

const LF = 10;
const CR = 13;
const DOT = 46;

/**
 * Writes lines with CR LF at their ends, whatever they ended in: LF, CR LF, or several CR and an LF as
 * programs write that add a CR twice.
 *
 * A CR by itself ends a line of the body. In a field it is refused: a program that looks for LF in what
 * it copies into a field would let a CR pass, and with it a field of somebody else's.
 *
 * @param dotEnds whether a line that is a dot alone ends the message
 * @throws {SyntaxError} if there is a CR by itself in a header field
 */
export function withCrlf(octets: Uint8Array, dotEnds: boolean): Uint8Array<ArrayBuffer> {
  let ends = 0;
  for (const octet of octets) if (octet === LF || octet === CR) ends++;
  const out = new Uint8Array(octets.length + ends + 2);
  let length = 0;
  let start = 0;
  let isHeader = true;
  for (let i = 0; i < octets.length;) {
    const octet = octets[i];
    if (octet !== LF && octet !== CR) {
      out[length++] = octet;
      i++;
      continue;
    }
    let next = i;
    while (octets[next] === CR) next++;
    const isBare = octets[next] !== LF;
    const size = length - start;
    if (isHeader && size === 0 && !isBare) isHeader = false;
    else if (isHeader && !(start > 0 && isFolding(out[start]))) {
      const nameEnd = fieldNameEnd(out, start, length);
      const isField = nameEnd >= 0 && nameEnd < length;
      isHeader = isField || start === 0 && isMailStoreLine(out, length);
    }
    if (isBare && isHeader) {
      throw new SyntaxError("Cannot send the message: a header field has a CR without an LF");
    }
    if (dotEnds && size === 1 && out[start] === DOT) return out.subarray(0, start);
    out[length++] = CR;
    out[length++] = LF;
    start = length;
    i = isBare ? i + 1 : next + 1;
  }
  if (length > start) {
    if (dotEnds && length - start === 1 && out[start] === DOT) return out.subarray(0, start);
    out[length++] = CR;
    out[length++] = LF;
  }
  return out.subarray(0, length);
}

/** A message as its fields and its body, whose octets are not copied. */
export interface SubmittedMessage {
  /** Its fields in order, each with its CR LF. */
  readonly fields: readonly RawField[];
  /** The octets behind the empty line. */
  readonly body: Uint8Array;
}

/**
 * Takes a message apart whose lines end in CR LF. A separator line of the mbox format is dropped.
 *
 * @throws {RangeError} if its header section is too large
 */
export function parseSubmitted(message: Uint8Array): SubmittedMessage {
  const scanner = new HeaderScanner();
  scanner.scan(message);
  scanner.end();
  if (scanner.tooLarge) {
    throw new RangeError("Cannot send the message: its header section is too large");
  }
  const bodyStart = scanner.bodyStart ?? 0;
  return { fields: rawFields(message.subarray(0, bodyStart)), body: message.subarray(bodyStart) };
}

const RECIPIENTS = ["to", "cc", "bcc"];
const RESENT = RECIPIENTS.map((name) => `resent-${name}`);

/**
 * The addresses that the recipient fields name, as they are written there. Where a message was resent,
 * those of the Resent fields count alone (RFC 5322 section 3.6.6).
 *
 * @throws {SyntaxError} if a field cannot be read
 */
export function recipientsOf({ fields }: SubmittedMessage): string[] {
  const isResent = fields.some(({ name }) => name.startsWith("resent-"));
  const names = isResent ? RESENT : RECIPIENTS;
  return fields.filter(({ name }) => names.includes(name))
    .flatMap(({ octets }) => parseAddressList(parseHeader(octets)[0]?.value ?? ""));
}

/** Fields whose recipients the others are not to know of. */
const BCC = ["bcc", "resent-bcc"];

/** Fields that nobody further on is to see, or that only the final delivery writes. */
const DROPPED = [...BCC, "return-path", "content-length"];

/** A header section without its Bcc fields. */
export function withoutBcc(header: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  let start = 0;
  for (let at = 0; at < header.length;) {
    const end = fieldEnd(header, at);
    const nameEnd = fieldNameEnd(header, at, end);
    const name = nameEnd < 0 ? "" : new TextDecoder().decode(header.subarray(at, nameEnd));
    if (BCC.includes(name.toLowerCase())) {
      kept.push(header.subarray(start, at));
      start = end;
    }
    at = end;
  }
  return start === 0 ? header : joinOctets([...kept, header.subarray(start)]);
}

/** What a message is completed with. */
export interface Completion {
  /** The value of From where there is none. */
  readonly from: string;
  /** The domain of a message identifier. */
  readonly hostname: string;
  /** What stands before the `@` of a message identifier: an Atom. */
  readonly id: string;
  readonly date: Date;
}

/** The fields of {@linkcode Completion} that a message lacks, each with its CR LF (RFC 6409 section 8). */
export function missingFields(
  names: readonly string[],
  { from, hostname, id, date }: Completion,
): string {
  const has = (name: string) => names.includes(name);
  return [
    has("from") ? "" : `From: ${from}\r\n`,
    has("date") ? "" : `Date: ${dateTime(date)}\r\n`,
    has("message-id") ? "" : `Message-ID: <${id}@${hostname}>\r\n`,
  ].join("");
}

/**
 * Puts a message together: the trace field, with its CR LF, what the message lacks of From, Date and
 * Message-ID, and its own fields without Bcc.
 */
export function completed(
  { fields, body }: SubmittedMessage,
  { trace, ...completion }: Completion & { readonly trace: string },
): Uint8Array<ArrayBuffer> {
  const missing = missingFields(fields.map(({ name }) => name), completion);
  return joinOctets([
    new TextEncoder().encode(trace + missing),
    ...fields.filter(({ name }) => !DROPPED.includes(name)).map(({ octets }) => octets),
    // The scanner leaves the empty line with the header section.
    new Uint8Array([CR, LF]),
    body,
  ]);
}

/**
 * Writes a display name: as it is, in quotes, or encoded where it is not ASCII (RFC 2047).
 *
 * @throws {SyntaxError} if it holds control characters
 */
export function displayName(name: string): string {
  if (/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(name) || !name.isWellFormed()) {
    throw new SyntaxError("Cannot write a name that holds control characters");
  }
  if (/^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*$/.test(name) && !name.includes("=?")) return name;
  if (/^[ -~]*$/.test(name) && !name.includes("=?")) {
    return `"${name.replace(/[\\"]/g, "\\$&")}"`;
  }
  return encodedWords(name).join("\r\n ");
}
