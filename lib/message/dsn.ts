/**
 * Delivery status notifications: the messages that tell a sender what became of a message (RFC 3461,
 * 3464, 6522 and, in UTF-8, 6533).
 *
 * What a notice quotes comes from strangers: the reply of a remote, addresses, the header of the
 * message. None of it can end a line of a header field, begin a body part, or bring a character that
 * is not seen; and how large a notice gets depends on the number of recipients alone, apart from a
 * message that is returned whole.
 *
 * @module
 */
import type { MailParameters } from "../smtp/envelope.ts";
import { formatMailbox, type Mailbox, needsUtf8 } from "../smtp/mailbox.ts";
import { asciiOctets } from "../smtp/octets.ts";
import { dateTime } from "./date_time.ts";
import type { ReportedMessage, ReportedRecipient } from "./dsn_facts.ts";
import {
  type Inspected,
  inspectMessage,
  type ReadMessage,
  type ReturnedPart,
  returnedPart,
} from "./dsn_original.ts";
import { type ReportPart, writeReport } from "./dsn_report.ts";
import { subjectOf, writeText } from "./dsn_text.ts";
import { isAscii } from "./dsn_words.ts";
import type { HeaderField } from "./header.ts";
import { encodeQuotedPrintable } from "./quoted_printable.ts";
import { isHostName } from "./trace.ts";

/** The most octets of a message that is returned whole, unless another limit is given. */
export const MAX_RETURNED: number = 1024 * 1024;

/** What a notice is made of. */
export interface StatusNoticeOptions {
  /** Our own name: a domain or an address literal. */
  readonly hostname: string;
  /** Our name for the notice: 1 to 64 letters and digits, which no other message of ours has. */
  readonly id: string;
  /** The message that the notice is about; its reverse-path is not null. */
  readonly message: ReportedMessage;
  /** The recipients that the notice tells of; at least one. */
  readonly recipients: readonly ReportedRecipient[];
  /** Reads the message that the notice is about. It is called again for a message returned whole. */
  readonly read: ReadMessage;
  /** The time, in milliseconds since the epoch. */
  readonly now: number;
  /** Fills octets at random and answers them, as `crypto.getRandomValues` does. */
  readonly random: (octets: Uint8Array<ArrayBuffer>) => Uint8Array;
  /** The time zone of the dates, in minutes east of UTC; the machine's if left out. */
  readonly timezone?: number;
  /** The most octets of a message that is returned whole; 1 MiB if left out. */
  readonly maxReturned?: number;
}

/** A notice, ready to be put into the queue. */
export interface StatusNotice {
  /**
   * What MAIL says of it: the null reverse-path (RFC 3461 section 6.1), 8BITMIME where it needs that, and
   * REQUIRETLS where the message had it.
   */
  readonly mail: MailParameters;
  /** Its only recipient, who asks for no notice in turn. */
  readonly forwardPath: Mailbox;
  /** Its octets, with every line ended by CR LF. A slice is valid until the next is asked for. */
  octets(): AsyncIterable<Uint8Array>;
}

/** Beyond any that an envelope can have; a longer one is not copied into a header field. */
const MAX_ADDRESS = 800;
/** No message has even one boundary of 128 random bits in it, but for what is random in name only. */
const MAX_BOUNDARIES = 4;
/** As much of a Message-ID as any mail program makes. */
const MESSAGE_ID = /^<[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]{1,200}@[A-Za-z0-9._:[\]-]{1,200}>$/;
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;

const utf8 = new TextEncoder();

/**
 * Makes a notice. The message is read once for what it is like, no further than its header section
 * unless it is returned whole, and a second time when it is.
 *
 * @throws {TypeError} if the reverse-path is null, there are no recipients, or the id is none
 * @throws {Error} if the random octets make nothing but boundaries that stand in the message
 */
export async function makeStatusNotice(options: StatusNoticeOptions): Promise<StatusNotice> {
  const { message, recipients, read, random } = options;
  const { mail } = message;
  if (mail.reversePath === null) {
    throw new TypeError("Cannot write a notice to the null reverse-path");
  }
  if (recipients.length === 0) throw new TypeError("Cannot write a notice about no recipient");
  if (!/^[A-Za-z0-9]{1,64}$/.test(options.id)) {
    throw new TypeError("Cannot write a notice whose id is not letters and digits");
  }
  // RFC 3461 section 4.3: RET is about failures; of a message that is under way or has arrived, the
  // header section is returned (section 6.2).
  const hasFailed = recipients.some(({ action }) => action === "failed");
  // RFC 8689 section 5: with REQUIRETLS it is as if the header section alone had been asked for.
  const isAsked = mail.ret === "full" && !mail.requireTls && hasFailed;
  const report = writeReport(message, recipients, options);

  for (let attempt = 1; attempt <= MAX_BOUNDARIES; attempt++) {
    const boundary = makeBoundary(random);
    const inspected = await inspectMessage(read, {
      full: isAsked,
      maxSize: options.maxReturned ?? MAX_RETURNED,
      boundary,
    });
    const parts = makeParts(options, inspected, report, isAsked);
    if (inspected.hasBoundary || standsIn(boundary, parts)) continue;
    return assemble(options, mail.reversePath, inspected.fields, boundary, parts);
  }
  throw new Error("Cannot find a boundary for a notice: the random octets are not random");
}

function assemble(
  options: StatusNoticeOptions,
  forwardPath: Mailbox,
  fields: readonly HeaderField[],
  boundary: string,
  { text, report, returned }: Parts,
): StatusNotice {
  const eightBit = report.global || returned?.encoding === "8bit";
  const smtpUtf8 = needsUtf8(forwardPath);
  const reportType = report.global ? "message/global-delivery-status" : "message/delivery-status";
  const head = writeHeader(options, fields, boundary, eightBit) +
    writePart(boundary, text.type, text.encoding) + text.content +
    writePart(boundary, reportType, report.global ? "8bit" : "7bit") + report.text +
    (returned === undefined ? "" : writePart(boundary, returned.type, returned.encoding));
  return {
    mail: {
      reversePath: null,
      // RFC 6152: what has octets above 127 says so.
      ...(eightBit || smtpUtf8 ? { body: "8BITMIME" as const } : {}),
      // Any body part may be in UTF-8; it is a To field in UTF-8 that needs the extension.
      smtpUtf8,
      // RFC 8689 section 5: what the notice tells is protected as the message was.
      ...options.message.mail.requireTls && { requireTls: true },
    },
    forwardPath,
    async *octets(): AsyncGenerator<Uint8Array> {
      yield utf8.encode(head);
      if (returned !== undefined) {
        const { content } = returned;
        if (content === undefined) yield* options.read();
        else yield typeof content === "string" ? asciiOctets(content) : content;
      }
      yield asciiOctets(`\r\n--${boundary}--\r\n`);
    },
  };
}

/** The parts whose form depends on what they hold. */
interface Parts {
  readonly text: { readonly type: string; readonly encoding: string; readonly content: string };
  readonly report: ReportPart;
  readonly returned: ReturnedPart | undefined;
}

function makeParts(
  options: StatusNoticeOptions,
  inspected: Inspected,
  report: ReportPart,
  isAsked: boolean,
): Parts {
  const { message, recipients, hostname, timezone } = options;
  const returned = returnedPart(inspected, message.mail.smtpUtf8);
  const text = writeText(message, recipients, {
    hostname,
    timezone,
    subject: plainSubject(inspected.fields),
    returned: returned === undefined
      ? "nothing"
      : returned.content === undefined
      ? "message"
      : isAsked
      ? "header instead"
      : "header",
  });
  return {
    // In quoted-printable the words of every script can go by any way.
    text: isAscii(text)
      ? { type: "text/plain; charset=us-ascii", encoding: "7bit", content: text }
      : {
        type: "text/plain; charset=utf-8",
        encoding: "quoted-printable",
        content: encodeQuotedPrintable(utf8.encode(text)),
      },
    report,
    returned,
  };
}

/** The subject, where it can be shown without decoding it (RFC 2047). */
function plainSubject(fields: readonly HeaderField[]): string | undefined {
  const subject = fields.find(({ name }) => name.toLowerCase() === "subject")?.value;
  return subject === undefined || subject === "" || /=\?|\ufffd/.test(subject)
    ? undefined
    : subject;
}

/**
 * ```abnf
 * boundary  = 0*69<bchars> bcharsnospace
 * bchars    = bcharsnospace / " "
 * ```
 *
 * No line in quoted-printable has `=_` in it, which keeps the boundary out of those parts by itself.
 */
function makeBoundary(random: StatusNoticeOptions["random"]): string {
  const octets = random(new Uint8Array(16));
  return `=_${Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("")}`;
}

/** Whether a boundary stands in one of the parts that are held whole. */
function standsIn(boundary: string, { text, report, returned }: Parts): boolean {
  const content = returned?.content;
  const header = content instanceof Uint8Array
    ? new TextDecoder("latin1").decode(content)
    : content;
  return text.content.includes(boundary) || report.text.includes(boundary) ||
    (header?.includes(boundary) ?? false);
}

/** Writes the header section of the notice and what stands before its first part. */
function writeHeader(
  { hostname, id, message, recipients, now, timezone }: StatusNoticeOptions,
  fields: readonly HeaderField[],
  boundary: string,
  eightBit: boolean,
): string {
  const host = isHostName(hostname) ? hostname : "unknown";
  const messageId = fields.find(({ name }) => name.toLowerCase() === "message-id")?.value;
  const lines = [
    `From: Mail Delivery System <MAILER-DAEMON@${host}>`,
    `To: ${recipientOf(message.mail.reversePath)}`,
    `Subject: ${subjectOf(recipients)}`,
    `Date: ${dateTime(new Date(now), timezone)}`,
    `Message-ID: <${id}@${host}>`,
    // RFC 3834 section 5: so that nobody answers it by machine.
    "Auto-Submitted: auto-replied",
  ];
  if (messageId !== undefined && MESSAGE_ID.test(messageId)) {
    // RFC 3834 section 3.1.5: so that it is shown beside the message it is about.
    lines.push(`In-Reply-To: ${messageId}`, `References: ${messageId}`);
  }
  lines.push(
    "MIME-Version: 1.0",
    "Content-Type: multipart/report; report-type=delivery-status;",
    `\tboundary="${boundary}"`,
  );
  if (eightBit) lines.push("Content-Transfer-Encoding: 8bit");
  lines.push("", "This is a delivery status notification in MIME format.");
  return lines.join("\r\n") + "\r\n";
}

/** The reverse-path as the To field has it. */
function recipientOf(mailbox: Mailbox | null): string {
  const address = mailbox === null || mailbox.domain === "" ? "" : formatMailbox(mailbox);
  const isFit = address !== "" && address.isWellFormed() && !UNSAFE.test(address) &&
    utf8.encode(address).length <= MAX_ADDRESS;
  // A group of nobody (RFC 5322 section 3.4): the field must be there, and the envelope has the rest.
  return isFit ? `<${address}>` : "undisclosed-recipients:;";
}

/** Writes what stands before a part: the delimiter and the header section of the part. */
function writePart(boundary: string, type: string, encoding: string): string {
  return `\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
}
