/**
 * The parameters of MAIL and RCPT by which a client asks for delivery status notifications (RFC 3461
 * section 4).
 *
 * @module
 */
import type { Parameters } from "./parameters.ts";
import { type Reply, reply } from "./reply.ts";
import { decodeUtf8Address, decodeXtext, encodeUtf8Address } from "./xtext.ts";

/** When the sender wants to be told of a recipient (RFC 3461 section 4.1). */
export type Notify = "never" | readonly ("success" | "failure" | "delay")[];

/** How much of the message a failure notice has (RFC 3461 section 4.3). */
export type Ret = "full" | "headers";

/** What MAIL says of notices. */
export interface DsnMailParameters {
  /** How much of the message a failure notice has. */
  readonly ret?: Ret;
  /** The envelope identifier as it was given, in xtext. */
  readonly envid?: string;
}

/** What RCPT says of notices. */
export interface DsnRcptParameters {
  /** When the sender wants to be told; failure and delay if it did not say. */
  readonly notify?: Notify;
  /** The original recipient as it was given, `type;address` with its encoding. */
  readonly orcpt?: string;
}

/** An original recipient by its meaning. */
export interface OriginalRecipient {
  /** The type of the address as it was written: `rfc822`, `utf-8` or another one. */
  readonly type: string;
  /** The address, decoded. It need not follow the grammar of its type (RFC 3461 section 4.2). */
  readonly address: string;
}

/** RFC 3461 section 4.4: ENVID has at most 100 characters. */
const MAX_ENVID = 100;
/** RFC 3461 section 4.2: ORCPT has at most 500 characters. */
const MAX_ORCPT = 500;
/** A list that is longer says the same thing again and again. */
const MAX_NOTIFY = 100;

/**
 * ```abnf
 * original-recipient-address = addr-type ";" xtext
 * addr-type                  = atom
 * utf-8-type-addr            = "utf-8;" utf-8-enc-addr
 * ```
 */
const ORCPT = /^([A-Za-z0-9!#$%&'*+\-/?^_`{|}~]+);(.*)$/s;
const ASCII = /^[\x00-\x7f]*$/;

const utf8 = new TextEncoder();

/**
 * Reads RET and ENVID, or answers the reply that refuses them. Other parameters are not looked at.
 *
 * ```abnf
 * ret-value       = "FULL" / "HDRS"
 * envid-parameter = "ENVID=" xtext
 * ```
 */
export function readDsnMailParameters(parameters: Parameters): DsnMailParameters | Reply {
  let ret: Ret | undefined;
  const how = parameters.get("RET");
  if (how !== undefined) {
    // Without the flag `u`, the case of ASCII letters is all that is ignored.
    if (/^FULL$/i.test(how)) ret = "full";
    else if (/^HDRS$/i.test(how)) ret = "headers";
    else return reply(501, "5.5.4", "Syntax: RET=FULL or RET=HDRS");
  }
  const envid = parameters.get("ENVID");
  if (envid !== undefined && !isEnvid(envid)) {
    return reply(501, "5.5.4", `Syntax: ENVID=xtext of at most ${MAX_ENVID} characters`);
  }
  return { ret, envid };
}

/**
 * Reads NOTIFY and ORCPT, or answers the reply that refuses them. Other parameters are not looked at.
 *
 * ```abnf
 * notify-esmtp-value  = "NEVER" / 1#notify-list-element
 * notify-list-element = "SUCCESS" / "FAILURE" / "DELAY"
 * ```
 *
 * @param smtpUtf8 whether MAIL had SMTPUTF8; without it an ORCPT is ASCII (RFC 6533 section 3)
 */
export function readDsnRcptParameters(
  parameters: Parameters,
  smtpUtf8: boolean,
): DsnRcptParameters | Reply {
  let notify: Notify | undefined;
  const when = parameters.get("NOTIFY");
  if (when !== undefined) {
    notify = parseNotify(when);
    if (notify === undefined) {
      return reply(501, "5.5.4", "Syntax: NOTIFY=NEVER or a list of SUCCESS,FAILURE,DELAY");
    }
  }
  const orcpt = parameters.get("ORCPT");
  if (orcpt !== undefined) {
    if (parseOrcpt(orcpt) === undefined || !smtpUtf8 && !ASCII.test(orcpt)) {
      return reply(501, "5.5.4", `Syntax: ORCPT=type;xtext of at most ${MAX_ORCPT} characters`);
    }
  }
  return { notify, orcpt };
}

/** Reads the value of NOTIFY; NEVER must stand by itself (RFC 3461 section 4.1). */
function parseNotify(value: string): Notify | undefined {
  if (/^NEVER$/i.test(value)) return "never";
  if (value.length > MAX_NOTIFY) return undefined;
  const list = new Set<"success" | "failure" | "delay">();
  for (const element of value.split(",")) {
    if (!/^(?:SUCCESS|FAILURE|DELAY)$/i.test(element)) return undefined;
    list.add(element.toLowerCase() as "success" | "failure" | "delay");
  }
  return [...list];
}

/** Whether a value of ENVID may stand: printable ASCII once it is decoded (RFC 3461 section 4.4). */
function isEnvid(value: string): boolean {
  return value.length >= 1 && value.length <= MAX_ENVID && parseEnvid(value) !== undefined;
}

/** Decodes an envelope identifier; `undefined` for one that is not printable ASCII in xtext. */
export function parseEnvid(value: string): string | undefined {
  const text = decodeXtext(value);
  return text !== undefined && ASCII.test(text) ? text : undefined;
}

/** Decodes an original recipient; `undefined` for one that cannot be read. */
export function parseOrcpt(value: string): OriginalRecipient | undefined {
  if (value.length > MAX_ORCPT || utf8.encode(value).length > MAX_ORCPT) return undefined;
  const match = ORCPT.exec(value);
  if (match === null) return undefined;
  const [, type, encoded] = match;
  // RFC 6533 section 3: an address of this type has an encoding of its own instead of xtext.
  const address = /^utf-8$/i.test(type) ? decodeUtf8Address(encoded) : decodeXtext(encoded);
  return address === undefined ? undefined : { type, address };
}

/**
 * Writes RET and ENVID as they stand behind the path of MAIL, each with a space before it.
 *
 * @throws {SyntaxError} if the envelope identifier cannot be written
 */
export function writeDsnMailParameters(parameters: DsnMailParameters): string {
  const { ret, envid } = parameters;
  let written = "";
  if (ret !== undefined) written += ret === "full" ? " RET=FULL" : " RET=HDRS";
  if (envid !== undefined) {
    if (!isEnvid(envid)) throw new SyntaxError("Cannot send ENVID: it is not xtext");
    written += ` ENVID=${envid}`;
  }
  return written;
}

/**
 * Writes NOTIFY and ORCPT as they stand behind the path of RCPT, each with a space before it. An
 * original recipient in UTF-8 is turned into ASCII for a server that must not be sent anything else
 * (RFC 6533 section 3), and left out where that makes it too long.
 *
 * @param utf8 whether the transaction is carried on under SMTPUTF8
 * @throws {SyntaxError} if a parameter cannot be written
 */
export function writeDsnRcptParameters(parameters: DsnRcptParameters, utf8: boolean): string {
  const { notify, orcpt } = parameters;
  let written = "";
  if (notify !== undefined) {
    const value = notify === "never" ? "NEVER" : notify.join(",").toUpperCase();
    if (parseNotify(value) === undefined) throw new SyntaxError("Cannot send NOTIFY: it is empty");
    written += ` NOTIFY=${value}`;
  }
  if (orcpt !== undefined) {
    const original = parseOrcpt(orcpt);
    if (original === undefined) {
      throw new SyntaxError("Cannot send ORCPT: it is not an address type and xtext");
    }
    const { type, address } = original;
    const value = utf8 || ASCII.test(orcpt)
      ? orcpt
      : `${type};${encodeUtf8Address(address, "xtext")}`;
    if (value.length <= MAX_ORCPT) written += ` ORCPT=${value}`;
  }
  return written;
}
