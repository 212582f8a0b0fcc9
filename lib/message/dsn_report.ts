/**
 * The second part of a notice, for programs: what was done for each recipient (RFC 3464).
 *
 * @module
 */
import { parseEnvid, parseOrcpt } from "../smtp/dsn_parameters.ts";
import { formatMailbox } from "../smtp/mailbox.ts";
import { isPermanent, isPositive, type Reply } from "../smtp/reply.ts";
import { encodeUtf8Address } from "../smtp/xtext.ts";
import { dateTime } from "./date_time.ts";
import type { Action, RemoteMta, ReportedMessage, ReportedRecipient } from "./dsn_facts.ts";
import { isAscii, readable, readableAscii, wrap } from "./dsn_words.ts";
import { addressLiteral, isHostName } from "./trace.ts";

/** How a report is written. */
export interface ReportOptions {
  /** Our own name: a domain or an address literal. */
  readonly hostname: string;
  /** The time zone of the dates, in minutes east of UTC; the machine's if left out. */
  readonly timezone?: number;
}

/** A part of a notice: its text, and whether that is UTF-8 rather than ASCII. */
export interface ReportPart {
  /** The text, with a CR LF behind each line. */
  readonly text: string;
  /** Whether it is a message/global-delivery-status (RFC 6533 section 4.1). */
  readonly global: boolean;
}

/** An address has at most 512 octets in an envelope; quoting can double a part of that. */
const MAX_ADDRESS = 800;
/** As much of a reply as tells the reason. */
const MAX_DIAGNOSTIC = 500;
/** The same where there are many recipients, each of whom may have met with a long reply. */
const MAX_DIAGNOSTIC_OF_MANY = 160;
const MANY = 100;
const LINE_WIDTH = 76;
/** RFC 3463 section 2. */
const STATUS = /^[245]\.\d{1,3}\.\d{1,3}$/;

/**
 * Writes the report.
 *
 * ```abnf
 * delivery-status-content = per-message-fields 1*( CRLF per-recipient-fields )
 * ```
 *
 * A message that came with SMTPUTF8 has its addresses written as they are (RFC 6533 section 4.1); in
 * any other report an address that is not ASCII is encoded (section 3).
 */
export function writeReport(
  message: ReportedMessage,
  recipients: readonly ReportedRecipient[],
  options: ReportOptions,
): ReportPart {
  const utf8 = message.mail.smtpUtf8;
  const limit = recipients.length > MANY ? MAX_DIAGNOSTIC_OF_MANY : MAX_DIAGNOSTIC;
  const blocks = [perMessageFields(message, options)];
  for (const recipient of recipients) {
    blocks.push(perRecipientFields(recipient, message, options, utf8, limit));
  }
  const text = blocks.map((fields) => fields.join("\r\n") + "\r\n").join("\r\n");
  return { text, global: !isAscii(text) };
}

/**
 * ```abnf
 * per-message-fields = [ original-envelope-id-field CRLF ]
 *                      reporting-mta-field CRLF
 *                      [ dsn-gateway-field CRLF ]
 *                      [ received-from-mta-field CRLF ]
 *                      [ arrival-date-field CRLF ]
 *                      *( extension-field CRLF )
 * ```
 */
function perMessageFields(message: ReportedMessage, options: ReportOptions): string[] {
  const { mail: { envid }, origin, accepted } = message;
  const fields: string[] = [];
  // RFC 3461 section 6.3: as it was before it was encoded.
  const id = envid === undefined ? "" : parseEnvid(envid)?.trim() ?? "";
  if (id !== "") fields.push(`Original-Envelope-Id: ${readableAscii(id, 100)}`);
  fields.push(`Reporting-MTA: dns; ${isHostName(options.hostname) ? options.hostname : "unknown"}`);
  const literal = addressLiteral(origin.client);
  const from = isHostName(origin.heloName) ? origin.heloName : literal;
  if (from !== undefined) {
    // RFC 3464 section 2.2.4 suggests the address as a comment.
    const comment = literal === undefined || literal === from ? "" : ` (${literal})`;
    fields.push(`Received-From-MTA: dns; ${from}${comment}`);
  }
  fields.push(`Arrival-Date: ${dateTime(new Date(accepted), options.timezone)}`);
  return fields;
}

/**
 * ```abnf
 * per-recipient-fields = [ original-recipient-field CRLF ]
 *                        final-recipient-field CRLF
 *                        action-field CRLF
 *                        status-field CRLF
 *                        [ remote-mta-field CRLF ]
 *                        [ diagnostic-code-field CRLF ]
 *                        [ last-attempt-date-field CRLF ]
 *                        [ final-log-id-field CRLF ]
 *                        [ will-retry-until-field CRLF ]
 *                        *( extension-field CRLF )
 * ```
 */
function perRecipientFields(
  recipient: ReportedRecipient,
  message: ReportedMessage,
  { timezone }: ReportOptions,
  utf8: boolean,
  maxDiagnostic: number,
): string[] {
  const { mailbox, orcpt, action, reply, remote, attempted } = recipient;
  const fields: string[] = [];
  const original = orcpt === undefined ? undefined : parseOrcpt(orcpt);
  if (original !== undefined && original.address.trim() !== "") {
    fields.push(`Original-Recipient: ${typedAddress(original.type, original.address, utf8)}`);
  }
  const address = formatMailbox(mailbox);
  fields.push(
    `Final-Recipient: ${typedAddress(isAscii(address) ? "rfc822" : "utf-8", address, utf8)}`,
    `Action: ${action}`,
    `Status: ${statusOf(reply, action)}`,
  );
  if (remote !== undefined) {
    const name = remoteName(remote);
    if (name !== undefined) fields.push(`Remote-MTA: dns; ${name}`);
  }
  // Of a success nothing needs to be found out but what a remote called it.
  if (remote !== undefined || !isPositive(reply)) {
    fields.push(diagnosticField(reply, remote !== undefined, maxDiagnostic));
  }
  if (attempted !== undefined) {
    fields.push(`Last-Attempt-Date: ${dateTime(new Date(attempted), timezone)}`);
  }
  if (action === "delayed") {
    fields.push(`Will-Retry-Until: ${dateTime(new Date(message.expires), timezone)}`);
  }
  return fields;
}

/**
 * Writes an address behind its type.
 *
 * ```abnf
 * original-recipient-field = "Original-Recipient" ":" address-type ";" generic-address
 * final-recipient-field    = "Final-Recipient" ":" address-type ";" generic-address
 * generic-address          = *text
 * ```
 */
function typedAddress(type: string, address: string, utf8: boolean): string {
  if (isAscii(address)) return `${type}; ${readableAscii(address, MAX_ADDRESS)}`;
  const shown = readable(address, MAX_ADDRESS);
  if (utf8) {
    const isShort = new TextEncoder().encode(shown).length <= MAX_ADDRESS;
    return `${type}; ${isShort ? shown : readable(shown, MAX_ADDRESS / 4)}`;
  }
  // RFC 6533 section 3: in ASCII an address in UTF-8 stands in its 7-bit form.
  const encoded = /^utf-8$/i.test(type) ? encodeUtf8Address(shown, "xtext") : shown;
  return `${type}; ${readableAscii(encoded, MAX_ADDRESS)}`;
}

function remoteName({ host, address }: RemoteMta): string | undefined {
  if (isHostName(host)) return host;
  return address === undefined ? undefined : addressLiteral(address);
}

/**
 * Chooses the status of a recipient (RFC 3464 section 2.3.4): the enhanced status code of the reply
 * where its class fits what was done, and else the code of the class. A transient failure that lasted
 * too long keeps its code, or is 4.4.7 where it had none (RFC 3463 section 3.5).
 */
export function statusOf(reply: Reply, action: Action): string {
  const { enhanced } = reply;
  const classes = action === "failed" ? "45" : action === "delayed" ? "4" : "2";
  if (enhanced !== undefined && STATUS.test(enhanced) && classes.includes(enhanced[0])) {
    return enhanced;
  }
  if (action === "failed") return isPermanent(reply) || isPositive(reply) ? "5.0.0" : "4.4.7";
  return `${classes}.0.0`;
}

/**
 * Writes the reply; of type `smtp` only where a remote has said it (RFC 3464 section 2.3.6).
 *
 * ```abnf
 * diagnostic-code-field = "Diagnostic-Code" ":" diagnostic-type ";" *text
 * ```
 */
function diagnosticField(reply: Reply, isRemote: boolean, limit: number): string {
  const { code, enhanced, lines } = reply;
  const said = readableAscii(`${code} ${enhanced ?? ""} ${joined(lines, limit)}`, limit);
  const field = `Diagnostic-Code: ${isRemote ? "smtp" : "x-smtpd"}; ${said}`;
  return wrap(field, LINE_WIDTH).join("\r\n    ");
}

/** Joins lines as far as they are looked at. */
function joined(lines: readonly string[], limit: number): string {
  let text = "";
  for (const line of lines) {
    if (text.length >= limit) break;
    text += `${text === "" ? "" : " "}${line.slice(0, limit)}`;
  }
  return text;
}
