/** Whether a next hop can take a message as it is: nothing is converted on the way. @module */
import type { EhloFacts } from "../smtp/ehlo_facts.ts";
import type { MailParameters } from "../smtp/envelope.ts";
import { type Mailbox, needsUtf8 } from "../smtp/mailbox.ts";
import { type Reply, reply } from "../smtp/reply.ts";

/** The refusal of a message with octets above 127 that a next hop has no way to take. */
export const EIGHT_BIT_REFUSAL: Reply = reply(
  554,
  "5.6.3",
  "The next hop takes no 8-bit content (8BITMIME), and content is not converted here",
);

/** Asks whether a next hop can take a message, as far as MAIL tells. */
export function refuseMail(mail: MailParameters, facts: EhloFacts): Reply | undefined {
  // RFC 1870 section 6.1: a size of 0 says that there is no fixed limit.
  if (mail.size !== undefined && facts.size && mail.size > facts.size) {
    return reply(552, "5.3.4", `The next hop takes messages of ${facts.size} octets at most`);
  }
  if (!facts.smtpUtf8) {
    // RFC 6531 section 3.5 has 553 for addresses and 5.6.9 for header fields in UTF-8.
    if (needsUtf8(mail.reversePath)) {
      return reply(553, "5.6.7", "The next hop takes no UTF-8 addresses (SMTPUTF8)");
    }
    if (mail.smtpUtf8) {
      return reply(550, "5.6.9", "The next hop takes no UTF-8 messages (SMTPUTF8)");
    }
  }
  // RFC 6152 section 3: what was declared as 8BITMIME is never sent as anything else.
  return mail.body === "8BITMIME" && !facts.eightBitMime ? EIGHT_BIT_REFUSAL : undefined;
}

/** Asks whether a next hop can be told of a recipient. */
export function refuseRcpt(mailbox: Mailbox, facts: EhloFacts): Reply | undefined {
  return needsUtf8(mailbox) && !facts.smtpUtf8
    ? reply(553, "5.6.7", "The next hop takes no UTF-8 addresses (SMTPUTF8)")
    : undefined;
}
