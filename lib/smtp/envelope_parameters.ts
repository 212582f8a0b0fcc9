/** The extensions' parameters of MAIL and RCPT by their meaning. @module */
import { readDsnMailParameters, readDsnRcptParameters } from "./dsn_parameters.ts";
import type { BodyType, MailParameters, RcptParameters } from "./envelope.ts";
import { type Mailbox, needsUtf8 } from "./mailbox.ts";
import type { Parameters } from "./parameters.ts";
import type { ReceiverOptions } from "./receiver_options.ts";
import { type Reply, reply } from "./reply.ts";
import { decodeXtext } from "./xtext.ts";

/** RFC 6531 section 3.5. */
const UTF8_REFUSAL = reply(553, "5.6.7", "A UTF-8 address needs SMTPUTF8");

/** Which parameters are taken. */
export type ParameterOptions = Pick<ReceiverOptions, "maxSize" | "dsn" | "auth" | "requireTls">;

/**
 * Reads the parameters of MAIL, or answers the reply that refuses them.
 *
 * @param isSecure whether the session runs inside TLS
 */
export function readMailParameters(
  reversePath: Mailbox | null,
  parameters: Parameters,
  { maxSize, dsn, auth, requireTls }: ParameterOptions,
  isSecure = false,
): MailParameters | Reply {
  let size: number | undefined;
  let body: BodyType | undefined;
  let smtpUtf8 = false;
  let mustUseTls = false;
  for (const [keyword, value] of parameters) {
    switch (keyword) {
      case "SIZE":
        // size-value = 1*20DIGIT (RFC 1870 section 4).
        if (!/^\d{1,20}$/.test(value)) return reply(501, "5.5.4", "Syntax: SIZE=octets");
        size = Number(value);
        break;
      case "BODY":
        // Without the flag `u`, the case of ASCII letters is all that is ignored.
        if (!/^(?:7BIT|8BITMIME)$/i.test(value)) {
          return reply(501, "5.5.4", "Syntax: BODY=7BIT or BODY=8BITMIME");
        }
        body = value.toUpperCase() as BodyType;
        break;
      case "SMTPUTF8":
        // The keyword takes no value (RFC 6531 section 3.1).
        if (value !== "") return reply(501, "5.5.4", "Syntax: SMTPUTF8 takes no value");
        smtpUtf8 = true;
        break;
      case "RET":
      case "ENVID":
        if (!dsn) return unknownParameter("MAIL", keyword);
        break;
      case "AUTH":
        // What others say of who submitted a message first is not passed on, which RFC 4954 section 5
        // leaves to whoever does not trust them: it then counts as AUTH=<>.
        if (!auth) return unknownParameter("MAIL", keyword);
        if (decodeXtext(value) === undefined || value === "") {
          return reply(501, "5.5.4", "Syntax: AUTH=mailbox or AUTH=<>");
        }
        break;
      case "REQUIRETLS":
        // Outside TLS it is not offered (RFC 8689 section 2).
        if (!requireTls || !isSecure) return unknownParameter("MAIL", keyword);
        if (value !== "") return reply(501, "5.5.4", "Syntax: REQUIRETLS takes no value");
        mustUseTls = true;
        break;
      default:
        return unknownParameter("MAIL", keyword);
    }
  }
  if (!smtpUtf8 && needsUtf8(reversePath)) {
    return UTF8_REFUSAL;
  }
  // Refused before it is sent (RFC 1870 section 6.1).
  if (size !== undefined && size > maxSize) {
    return reply(552, "5.3.4", `Message too large: at most ${maxSize} octets`);
  }
  const mail = {
    reversePath,
    size,
    body,
    smtpUtf8,
    ...mustUseTls && { requireTls: true },
  };
  if (!dsn) return mail;
  const notices = readDsnMailParameters(parameters);
  return "code" in notices ? notices : { ...mail, ...notices };
}

/** Reads the parameters of RCPT, or answers the reply that refuses them. */
export function readRcptParameters(
  forwardPath: Mailbox,
  parameters: Parameters,
  mail: MailParameters,
  { dsn }: Pick<ReceiverOptions, "dsn">,
): RcptParameters | Reply {
  for (const keyword of parameters.keys()) {
    if (!dsn || keyword !== "NOTIFY" && keyword !== "ORCPT") {
      return unknownParameter("RCPT", keyword);
    }
  }
  if (!mail.smtpUtf8 && needsUtf8(forwardPath)) return UTF8_REFUSAL;
  if (!dsn) return { forwardPath };
  const notices = readDsnRcptParameters(parameters, mail.smtpUtf8);
  return "code" in notices ? notices : { forwardPath, ...notices };
}

function unknownParameter(verb: "MAIL" | "RCPT", keyword: string): Reply {
  return reply(555, "5.5.4", `${verb} parameter ${keyword} is not known here`);
}
