/** Makes a recipient of what RCPT said. @module */
import { normalizeDomain } from "../policy/domain.ts";
import type { RcptParameters } from "../smtp/envelope.ts";
import type { NewRecipient } from "./store.ts";

/**
 * Makes a recipient to be committed.
 *
 * @param due when it is attempted first, in milliseconds since the epoch
 * @param held whether it waits for somebody to release it
 */
export function newRecipient(
  { forwardPath: mailbox, ...notices }: RcptParameters,
  due: number,
  held: boolean,
): NewRecipient {
  const { domain } = mailbox;
  return {
    ...notices,
    mailbox,
    // An address literal and the bare Postmaster are no domains, and are grouped by what they are.
    domain: domain === "" || domain.startsWith("[")
      ? domain.toLowerCase()
      : normalizeDomain(domain),
    due,
    held,
  };
}
